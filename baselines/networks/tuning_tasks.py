"""Networks on which constants of optimizers are chosen; none of them is judged.

They are small, so that a contest on them takes minutes: widths 8 to 256, with and without
normalisation, classification with clean and with redrawn labels, regression, reconstruction, text.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape_gym.networks.data import load

REDRAWN = 0.3
"""Part of the labels that are redrawn, each time anew, in 'noisy-labels'."""

Examples = tuple[Tensor, Tensor]
Criterion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TuningTask:
    """A network, its data and its loss.

    Minibatches come from all examples; the loss on all of them is what is judged.
    """

    what: str
    examples: Callable[[], Examples]
    build: Callable[[], nn.Module]
    criterion: Criterion = F.cross_entropy
    batch: int = 64
    redrawn: float = 0.0
    """Probability that a label is drawn anew, uniformly, whenever it is used."""

    @property
    def floor(self) -> float:
        """What the loss cannot fall below: the entropy of labels that are redrawn."""
        if not self.redrawn:
            return 0.0
        classes = int(self.examples()[1].max()) + 1
        other = self.redrawn / classes
        own = 1 - self.redrawn + other
        return -own * math.log(own) - (classes - 1) * other * math.log(other)

    def network(self, seed: int) -> nn.Module:
        """The network, with torch's own initialisation."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.build()

    def minibatch(self, generator: torch.Generator) -> Examples:
        """Examples with the labels that they have this time."""
        x, y = self.examples()
        rows = torch.randint(len(x), (self.batch,), generator=generator)
        labels = y[rows]
        if self.redrawn:
            other = torch.randint(int(y.max()) + 1, labels.shape, generator=generator)
            again = torch.rand(labels.shape, generator=generator) < self.redrawn
            labels = torch.where(again, other, labels)
        return x[rows], labels

    @torch.no_grad()
    def loss(self, model: nn.Module) -> float:
        """On all examples, in expectation over labels that are redrawn, above the floor."""
        x, y = self.examples()
        model.eval()
        outputs = model(x)
        model.train()
        if self.redrawn:
            y = (1 - self.redrawn) * F.one_hot(y) + self.redrawn / outputs.shape[-1]
        return self.criterion(outputs, y).item() - self.floor


def mlp(
    *sizes: int, activation: type[nn.Module], norm: Callable[[int], nn.Module] | None = None
) -> Callable[[], nn.Module]:
    """Makes fully connected layers, normalised before they are activated."""

    def build() -> nn.Module:
        layers: list[nn.Module] = []
        for inputs, units in pairwise(sizes[:-1]):
            layers += [nn.Linear(inputs, units), *([norm(units)] if norm else []), activation()]
        return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))

    return build


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


TUNING_TASKS = {
    "layer-norm": TuningTask(
        "digits, 64-48-48-10, LayerNorm, GELU",
        flat_digits,
        mlp(64, 48, 48, 10, activation=nn.GELU, norm=nn.LayerNorm),
    ),
    "batch-norm": TuningTask(
        "MNIST-1D, 40-64-64-10, BatchNorm, ReLU",
        curves,
        mlp(40, 64, 64, 10, activation=nn.ReLU, norm=nn.BatchNorm1d),
    ),
    "wide": TuningTask("MNIST-1D, 40-256-10, tanh", curves, mlp(40, 256, 10, activation=nn.Tanh)),
    "narrow": TuningTask(
        "spirals, 2-8-8-8-3, tanh", spirals, mlp(2, 8, 8, 8, 3, activation=nn.Tanh)
    ),
    "deep": TuningTask(
        "MNIST-1D, 40-32-32-32-32-10, ReLU, minibatches of 16",
        curves,
        mlp(40, 32, 32, 32, 32, 10, activation=nn.ReLU),
        batch=16,
    ),
    "regression": TuningTask(
        "a random network's answers, 8-32-32-2, SiLU",
        teacher,
        mlp(8, 32, 32, 2, activation=nn.SiLU),
        criterion=F.mse_loss,
    ),
    "reconstruction": TuningTask(
        "digits, 64-32-8-32-64, tanh",
        reconstructed,
        mlp(64, 32, 8, 32, 64, activation=nn.Tanh),
        criterion=F.mse_loss,
    ),
    "noisy-labels": TuningTask(
        "clusters, 20-64-64-6, ReLU, labels redrawn",
        clusters,
        mlp(20, 64, 64, 6, activation=nn.ReLU),
        redrawn=REDRAWN,
    ),
    "text": TuningTask(
        "text, transformer of one layer, minibatches of 16", characters, transformer, batch=16
    ),
    "conv": TuningTask("digits, convolutions of 8, 16, BatchNorm", digits, convolutions),
}
"""By the name that results have."""
