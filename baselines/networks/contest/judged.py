"""Networks on which optimizers are judged; no constant of this library's is chosen on them.

Other shapes, data and losses than those of `tuning`: normalisation by layers and by batches,
attention, convolutions in one dimension, regression, reconstruction, labels that are redrawn, a
deep and a wide network.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import nn
from torch.nn import functional as F

from baselines.networks.contest.small_network import Examples, SmallNetwork, mlp, residual
from landscape_gym.networks.attention import CharacterTransformer
from landscape_gym.networks.data import load

HELD_OUT = 256
"""Examples for the test, of every one."""


@cache
def data(name: str, size: int, flat: bool = True) -> Examples:
    """The first so many of those that the library has by name."""
    given = load(name)
    x, y = torch.tensor(given.x[:size]), torch.tensor(given.y[:size])
    return (x.flatten(1) if flat else x), y


@cache
def curves_again() -> Examples:
    x = data("mnist1d", 2800)[0][-1024:]
    return x, x


@cache
def continued_text() -> Examples:
    x, y = data("text", 3300)
    return x[-1024:], y[-1024:]


@cache
def rings() -> Examples:
    """Five rings around the origin, which take turns at two classes, with jitter."""
    g = torch.Generator().manual_seed(11)
    ring = torch.randint(5, (1024,), generator=g)
    angle = 6.2832 * torch.rand(1024, generator=g)
    radius = 0.4 * (1 + ring) + 0.05 * torch.randn(1024, generator=g)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], -1), ring % 2


@cache
def waves() -> Examples:
    """A sum of three waves on [-1, 1]."""
    x = 2 * torch.rand(1024, 1, generator=torch.Generator().manual_seed(12)) - 1
    return x, (3 * x).sin() + 0.5 * (9 * x + 1).sin() + 0.25 * (17 * x).cos()


@cache
def products() -> Examples:
    """Signs of three products of two of twelve inputs each make eight classes."""
    g = torch.Generator().manual_seed(13)
    x = torch.randn(1280, 12, generator=g)
    y = sum(2**i * (x[:, 2 * i] * x[:, 2 * i + 1] > 0).long() for i in range(3))
    return x, torch.as_tensor(y)


def strided() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(1, 12, 5, stride=2), nn.ReLU(), nn.Conv1d(12, 16, 3, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(128, 24), nn.ReLU(), nn.Linear(24, 10),
    )  # fmt: skip


JUDGED = {
    "rings": SmallNetwork(
        "rings, 2-40-40-2, LayerNorm, SiLU",
        rings,
        mlp(2, 40, 40, 2, activation=nn.SiLU, norm=nn.LayerNorm),
        held_out=HELD_OUT,
    ),
    "mnist": SmallNetwork(
        "MNIST, 784-32-32-10, BatchNorm, GELU",
        lambda: data("mnist", 1280),
        mlp(784, 32, 32, 10, activation=nn.GELU, norm=nn.BatchNorm1d),
        held_out=HELD_OUT,
    ),
    "more-text": SmallNetwork(
        "other text, transformer of width 32 and four heads, minibatches of 32",
        continued_text,
        lambda: CharacterTransformer(27, 8, 32, 4, 1),
        batch=32,
        held_out=HELD_OUT,
    ),
    "waves": SmallNetwork(
        "waves, 1-48-48-48-1, tanh, regression",
        waves,
        mlp(1, 48, 48, 48, 1, activation=nn.Tanh),
        criterion=F.mse_loss,
        held_out=HELD_OUT,
    ),
    "curves": SmallNetwork(
        "MNIST-1D, 40-24-6-24-40, GELU, reconstruction",
        curves_again,
        mlp(40, 24, 6, 24, 40, activation=nn.GELU),
        criterion=F.mse_loss,
        held_out=HELD_OUT,
    ),
    "redrawn": SmallNetwork(
        "digits, 64-40-10, tanh, a fifth of the labels redrawn",
        lambda: data("digits", 1280),
        mlp(64, 40, 10, activation=nn.Tanh),
        redrawn=0.2,
        held_out=HELD_OUT,
    ),
    "strided": SmallNetwork(
        "MNIST-1D, convolutions of 12, 16, ReLU, minibatches of 32",
        lambda: data("mnist1d", 1280, flat=False),
        strided,
        batch=32,
        held_out=HELD_OUT,
    ),
    "deep-8": SmallNetwork(
        "digits, eight layers of 24, ReLU",
        lambda: data("digits", 1280),
        mlp(64, *[24] * 8, 10, activation=nn.ReLU),
        held_out=HELD_OUT,
    ),
    "broad": SmallNetwork(
        "products, 12-384-8, GELU",
        products,
        mlp(12, 384, 8, activation=nn.GELU),
        held_out=HELD_OUT,
    ),
}
"""By the name that results have."""

LARGE = {
    "mnist-large": SmallNetwork(
        "MNIST, 784-1024-512-10, ReLU: 1.3 million weights",
        lambda: data("mnist", 4000),
        mlp(784, 1024, 512, 10, activation=nn.ReLU),
        held_out=HELD_OUT,
    ),
    "residual-large": SmallNetwork(
        "MNIST-1D, nine residual blocks of 256, LayerNorm, GELU: 1.2 million weights",
        lambda: data("mnist1d", 4000),
        residual(40, 256, 9, 10),
        held_out=HELD_OUT,
    ),
}
"""Judged in a table of its own: a training takes minutes."""
