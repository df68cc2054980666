"""Velocities of coordinates that fade with their age: the steeper a coordinate, the sooner."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from landscape_gym.arrays import SMALLEST
from landscape_gym.optim.adam_steps import SQUARE
from landscape_gym.optim.blocks import Block
from landscape_gym.optim.pieces import numbers_of, pieces
from landscape_gym.optim.rates import FASTEST, RATE, SLOWEST

FADED = "faded"
"""Key of what velocities have faded to, in a parameter's state."""
PRIOR = 200
"""How many gradients what is known at first is worth, of coordinates of mean steepness."""
YOUNG, INTERVAL = 20, 5
"""What velocities have faded to is told after each gradient up to this age, and every so many later
on, when it changes little: it takes two roots. The first frames make some coordinates steep."""


def fade(blocks: list[Block], name: str) -> None:
    """Multiply velocities by their coordinates' rates, in place.

        r = e^l / (1 + f t/PRIOR),   f = (w V^(1/2) / its mean)^(1/2),   within bounds, at age t

    where the mean is over all coordinates. What e^l is divided by is told anew in every step up to
    the age `YOUNG`, and every `INTERVAL` steps later on.

    Derivation: a Kalman filter for a target at rest moves by ``g / (1/s^2 + t h)``, in units of
    the noise, with s the prior's width and h the curvature. Where that is the Fisher information,
    it is in proportion to V, and the gain over Adam's step, g / V^(1/2), falls in proportion to
    ``1 / (1 + f t/PRIOR)`` with ``f = w V^(1/2) / mean``: what is steep is known soon, what is flat
    hardly ever. But V is of the signal, too, and tells better which curvature is larger than by how
    much: with the root, which tuning networks prefer, steep coordinates are not stopped too soon.

    Args:
        blocks: Of the whole network; their states have factors e^l, and `FADED`.
        name: Key of Adam's velocities.
    """
    due = [block for block in blocks if block.age < YOUNG or block.age % INTERVAL == 0]
    if due:
        mean = _mean_steepness(blocks)
        for block in due:
            _tell(block, mean)
    for block in blocks:
        for v, rate, faded in pieces([block.vector(key) for key in (name, RATE, FADED)]):
            v.mul_(torch.mul(rate, faded).clamp_(SLOWEST, FASTEST))


def _mean_steepness(blocks: list[Block]) -> float:
    """The mean of ``w V^(1/2)`` over all coordinates: how steep the loss is, in units w."""
    sums = [(steep.sum(), weight) for block in blocks for steep, weight, _ in _steepness(block)]
    numbers = numbers_of([total for total, _ in sums])
    total = sum(weight * number for number, (_, weight) in zip(numbers, sums, strict=True))
    return total / sum(len(block.vector(SQUARE)) for block in blocks)


def _tell(block: Block, mean: float) -> None:
    """What velocities have faded to by now, into the states."""
    for steep, weight, (faded,) in _steepness(block, block.vector(FADED)):
        c = block.age / PRIOR * math.sqrt(weight / (mean + SMALLEST))
        torch.add(steep.new_ones(()), steep.sqrt_(), alpha=c, out=faded).reciprocal_()


def _steepness(block: Block, *beside: Tensor) -> Iterator[tuple[Tensor, float, list[Tensor]]]:
    """``w V^(1/2)`` up to a factor, which is next, in new memory; and the same parts of others."""
    weight = (1 - block.group["betas"][1] ** block.age) ** -0.5  # V's, which began at 0
    units = block.units
    if isinstance(units, Tensor):
        for square, each, *others in pieces((block.vector(SQUARE), units, *beside)):
            yield square.sqrt().mul_(each), weight, others
    else:
        for square, *others in pieces((block.vector(SQUARE), *beside)):
            yield square.sqrt(), weight * units, others
