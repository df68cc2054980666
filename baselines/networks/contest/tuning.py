"""Networks on which constants of optimizers are chosen; none of them is judged.

They are small, so that a contest on them takes minutes: widths 8 to 256, with and without
normalisation, classification with clean and with redrawn labels, regression, reconstruction, text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.networks.contest.small_network import Examples, SmallNetwork, mlp, residual
from landscape_gym.networks.data import load

REDRAWN = 0.3
"""Part of the labels that are redrawn, each time anew, where no other is told."""


@cache
def flat_digits() -> Examples:
    data = load("digits")
    return torch.tensor(data.x).flatten(1), torch.tensor(data.y)


@cache
def digits() -> Examples:
    data = load("digits")
    return torch.tensor(data.x), torch.tensor(data.y)


@cache
def reconstructed() -> Examples:
    x = flat_digits()[0][:768]
    return x, x


@cache
def spirals() -> Examples:
    """Three arms in the plane, with jitter."""
    rng = np.random.default_rng(0)
    arm, t = rng.integers(3, size=768), np.sqrt(rng.uniform(0.02, 1, 768))
    angle = 2 * np.pi * arm / 3 + 5 * t + 0.1 * rng.normal(size=768)
    x = np.stack([t * np.cos(angle), t * np.sin(angle)], -1) * 2
    return torch.tensor(x, dtype=torch.float32), torch.tensor(arm)


@cache
def board() -> Examples:
    """Six by six fields of two classes: the loss stays on a plateau for long."""
    x = 6 * torch.rand(1024, 2, generator=torch.Generator().manual_seed(5))
    return (x - 3) / 1.5, x.floor().sum(-1).long() % 2


@cache
def curve() -> Examples:
    """Waves of two lengths on [-2, 2]."""
    x = 4 * torch.rand(768, 1, generator=torch.Generator().manual_seed(6)) - 2
    return x, (5 * x).sin() + 0.5 * x * (13 * x).cos()


@cache
def teacher() -> Examples:
    """What a random network answers, standardised."""
    g = torch.Generator().manual_seed(1)
    x = torch.randn(1024, 8, generator=g)
    y = torch.tanh(x @ torch.randn(8, 16, generator=g)) @ torch.randn(16, 2, generator=g)
    return x, (y - y.mean(0)) / y.std(0)


@cache
def clusters() -> Examples:
    """Six overlapping directions in 20 dimensions; labels are clean."""
    g = torch.Generator().manual_seed(2)
    y = torch.randint(6, (1024,), generator=g)
    x = torch.randn(6, 20, generator=g)[y] + 0.5 * torch.randn(1024, 20, generator=g)
    return x, y


@cache
def curves() -> Examples:
    data = load("mnist1d")
    return torch.tensor(data.x[:1500]).flatten(1), torch.tensor(data.y[:1500])


@cache
def pairs() -> Examples:
    """Signs of products of two, and of three, of ten inputs make four classes."""
    x = torch.randn(1024, 10, generator=torch.Generator().manual_seed(21))
    two = x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] > 0
    three = x[:, 4] * x[:, 5] * x[:, 6] > 0
    return x, 2 * two.long() + three.long()


@cache
def ripples() -> Examples:
    """Rings and stripes of waves on a square."""
    x = 2 * torch.rand(768, 2, generator=torch.Generator().manual_seed(22)) - 1
    radius = x.square().sum(-1, keepdim=True).sqrt()
    return x, (8 * radius).sin() + 0.5 * (6 * x[:, :1] + 2).cos()


@cache
def arms() -> Examples:
    """Two arms of a spiral in the plane, with jitter."""
    g = torch.Generator().manual_seed(23)
    arm = torch.randint(2, (1024,), generator=g)
    t = torch.rand(1024, generator=g).sqrt()
    angle = torch.pi * arm + 9 * t + 0.08 * torch.randn(1024, generator=g)
    return 2 * torch.stack([t * angle.cos(), t * angle.sin()], -1), arm


@cache
def characters() -> Examples:
    data = load("text")
    return torch.tensor(data.x[:1500]), torch.tensor(data.y[:1500])


def transformer() -> nn.Module:
    from landscape_gym.networks.attention import CharacterTransformer

    return CharacterTransformer(27, 8, 16, 2, 1)


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def group_norm() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 24, 3, padding=1), nn.GroupNorm(4, 24), nn.SiLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(24, 10),
    )  # fmt: skip


class Recurrent(nn.Module):
    """Classes of flat sequences, by what is remembered at their ends."""

    def __init__(
        self, kind: Callable[..., nn.Module], inputs: int, width: int, classes: int
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.memory = kind(inputs, width, batch_first=True)
        self.readout = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes) of inputs (n, steps times inputs)."""
        return self.readout(self.memory(x.unflatten(1, (-1, self.inputs)))[0][:, -1])


TUNING = {
    "layer-norm": SmallNetwork(
        "digits, 64-48-48-10, LayerNorm, GELU",
        flat_digits,
        mlp(64, 48, 48, 10, activation=nn.GELU, norm=nn.LayerNorm),
    ),
    "batch-norm": SmallNetwork(
        "MNIST-1D, 40-64-64-10, BatchNorm, ReLU",
        curves,
        mlp(40, 64, 64, 10, activation=nn.ReLU, norm=nn.BatchNorm1d),
    ),
    "wide": SmallNetwork("MNIST-1D, 40-256-10, tanh", curves, mlp(40, 256, 10, activation=nn.Tanh)),
    "narrow": SmallNetwork(
        "spirals, 2-8-8-8-3, tanh", spirals, mlp(2, 8, 8, 8, 3, activation=nn.Tanh)
    ),
    "deep": SmallNetwork(
        "MNIST-1D, 40-32-32-32-32-10, ReLU, minibatches of 16",
        curves,
        mlp(40, 32, 32, 32, 32, 10, activation=nn.ReLU),
        batch=16,
    ),
    "regression": SmallNetwork(
        "a random network's answers, 8-32-32-2, SiLU",
        teacher,
        mlp(8, 32, 32, 2, activation=nn.SiLU),
        criterion=F.mse_loss,
    ),
    "reconstruction": SmallNetwork(
        "digits, 64-32-8-32-64, tanh",
        reconstructed,
        mlp(64, 32, 8, 32, 64, activation=nn.Tanh),
        criterion=F.mse_loss,
    ),
    "noisy-labels": SmallNetwork(
        "clusters, 20-64-64-6, ReLU, labels redrawn",
        clusters,
        mlp(20, 64, 64, 6, activation=nn.ReLU),
        redrawn=REDRAWN,
    ),
    "text": SmallNetwork(
        "text, transformer of one layer, minibatches of 16", characters, transformer, batch=16
    ),
    "plateau": SmallNetwork(
        "a chess board, 2-40-40-2, LayerNorm, GELU",
        board,
        mlp(2, 40, 40, 2, activation=nn.GELU, norm=nn.LayerNorm),
    ),
    "curve": SmallNetwork(
        "a curve, 1-32-32-32-1, tanh, regression",
        curve,
        mlp(1, 32, 32, 32, 1, activation=nn.Tanh),
        criterion=F.mse_loss,
    ),
    "very-deep": SmallNetwork(
        "clusters, eight layers of 24, ReLU",
        clusters,
        mlp(20, *[24] * 8, 6, activation=nn.ReLU),
    ),
    "conv": SmallNetwork("digits, convolutions of 8, 16, BatchNorm", digits, convolutions),
    "pairs": SmallNetwork(
        "products of two and three inputs, 10-512-4, ReLU",
        pairs,
        mlp(10, 512, 4, activation=nn.ReLU),
    ),
    "ripples": SmallNetwork(
        "ripples, 2-64-64-1, tanh, regression",
        ripples,
        mlp(2, 64, 64, 1, activation=nn.Tanh),
        criterion=F.mse_loss,
    ),
    "arms": SmallNetwork(
        "two arms, 2-32-32-32-2, LayerNorm, SiLU",
        arms,
        mlp(2, 32, 32, 32, 2, activation=nn.SiLU, norm=nn.LayerNorm),
    ),
    "noisy-digits": SmallNetwork(
        "digits, 64-64-10, ReLU, a tenth of the labels redrawn",
        flat_digits,
        mlp(64, 64, 10, activation=nn.ReLU),
        redrawn=0.1,
    ),
    "residual": SmallNetwork(
        "MNIST-1D, six residual blocks of 128, LayerNorm, GELU", curves, residual(40, 128, 6, 10)
    ),
    "noisy-curves": SmallNetwork(
        "MNIST-1D, 40-48-10, tanh, a fifth of the labels redrawn",
        curves,
        mlp(40, 48, 10, activation=nn.Tanh),
        redrawn=0.2,
    ),
    "noisy-clusters": SmallNetwork(
        "clusters, 20-40-6, tanh, a fifth of the labels redrawn",
        clusters,
        mlp(20, 40, 6, activation=nn.Tanh),
        redrawn=0.2,
    ),
    "noisy-spirals": SmallNetwork(
        "spirals, 2-32-32-3, LayerNorm, SiLU, a fifth of the labels redrawn",
        spirals,
        mlp(2, 32, 32, 3, activation=nn.SiLU, norm=nn.LayerNorm),
        redrawn=0.2,
    ),
    "noisier-digits": SmallNetwork(
        "digits, 64-24-24-10, tanh, labels redrawn",
        flat_digits,
        mlp(64, 24, 24, 10, activation=nn.Tanh),
        redrawn=REDRAWN,
    ),
    "deep-curves": SmallNetwork(
        "MNIST-1D, eight layers of 24, ReLU",
        curves,
        mlp(40, *[24] * 8, 10, activation=nn.ReLU),
    ),
    "deep-digits": SmallNetwork(
        "digits, six layers of 32, ReLU",
        flat_digits,
        mlp(64, *[32] * 6, 10, activation=nn.ReLU),
    ),
    "deep-tanh": SmallNetwork(
        "digits, ten layers of 20, tanh",
        flat_digits,
        mlp(64, *[20] * 10, 10, activation=nn.Tanh),
    ),
    "lstm": SmallNetwork(
        "MNIST-1D in ten steps of 4, LSTM of 32", curves, lambda: Recurrent(nn.LSTM, 4, 32, 10)
    ),
    "noisy-gru": SmallNetwork(
        "digits in eight steps of 8, GRU of 24, a quarter of the labels redrawn",
        flat_digits,
        lambda: Recurrent(nn.GRU, 8, 24, 10),
        redrawn=0.25,
    ),
    "noisy-group-norm": SmallNetwork(
        "digits, convolutions of 16, 24, GroupNorm, SiLU, a fifth of the labels redrawn",
        digits,
        group_norm,
        redrawn=0.2,
    ),
    "softmax": SmallNetwork("digits, softmax regression", flat_digits, lambda: nn.Linear(64, 10)),
}
"""By the name that results have."""
