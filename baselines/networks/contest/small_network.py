"""A network that is small enough for a contest of many: its data, its loss, what is held out."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Examples = tuple[Tensor, Tensor]
Criterion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class SmallNetwork:
    """A network, its data and its loss.

    Minibatches come from all examples but those that are held out; the training loss is that on all
    of these. Losses are computed in double precision, as float32 resolves a cross entropy to 1e-7.
    """

    what: str
    examples: Callable[[], Examples]
    build: Callable[[], nn.Module]
    criterion: Criterion = F.cross_entropy
    batch: int = 64
    redrawn: float = 0.0
    """Probability that a label is drawn anew, uniformly, whenever it is used."""
    held_out: int = 0
    """How many of the examples, the last ones, are kept for the test."""

    @property
    def seen(self) -> Examples:
        """What is learned from."""
        x, y = self.examples()
        return x[: len(x) - self.held_out], y[: len(x) - self.held_out]

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
        x, y = self.seen
        rows = torch.randint(len(x), (self.batch,), generator=generator)
        labels = y[rows]
        if self.redrawn:
            other = torch.randint(int(y.max()) + 1, labels.shape, generator=generator)
            again = torch.rand(labels.shape, generator=generator) < self.redrawn
            labels = torch.where(again, other, labels)
        return x[rows], labels

    def loss(self, model: nn.Module) -> float:
        """On all that is learned from, in expectation over labels redrawn, above the floor."""
        return self._loss(*self._answers(model, *self.seen))

    def test(self, model: nn.Module) -> tuple[float, float]:
        """Loss, as above, and accuracy, NaN of real targets, on what is held out."""
        x, y = (part[len(part) - self.held_out :] for part in self.examples())
        outputs, y = self._answers(model, x, y)
        right = math.nan if y.is_floating_point() else (outputs.argmax(-1) == y).float().mean()
        return self._loss(outputs, y), float(right)

    @torch.no_grad()
    def _answers(self, model: nn.Module, x: Tensor, y: Tensor) -> Examples:
        exact = deepcopy(model).double().eval()
        x, y = (part.double() if part.is_floating_point() else part for part in (x, y))
        return exact(x), y

    def _loss(self, outputs: Tensor, y: Tensor) -> float:
        if self.redrawn:
            classes = outputs.shape[-1]
            y = (1 - self.redrawn) * F.one_hot(y, classes).to(outputs) + self.redrawn / classes
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


class Residual(nn.Module):
    """A block of two layers, added to what it is given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x)


def residual(inputs: int, width: int, blocks: int, outputs: int) -> Callable[[], nn.Module]:
    """Makes a network of residual blocks, between two linear layers."""

    def build() -> nn.Module:
        first = nn.Linear(inputs, width)
        between = [Residual(width) for _ in range(blocks)]
        return nn.Sequential(first, *between, nn.LayerNorm(width), nn.Linear(width, outputs))

    return build
