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

PRIOR = 200
"""How many gradients what is known at first is worth, of coordinates of mean steepness."""


def mean_steepness(blocks: list[Block]) -> float:
    """The mean of ``w V^(1/2)`` over all coordinates: how steep the loss is, in units w."""
    sums = [(steep.sum(), weight) for block in blocks for steep, weight, _ in _steepness(block)]
    numbers = numbers_of([total for total, _ in sums])
    total = sum(weight * number for number, (_, weight) in zip(numbers, sums, strict=True))
    return total / sum(len(block.vector(SQUARE)) for block in blocks)


def fade(block: Block, velocity: Tensor, mean: float) -> None:
    """Multiply velocities by their coordinates' rates, in place.

        r = e^l / (1 + f t/PRIOR),   f = (w V^(1/2) / mean)^(1/2),   within bounds, at age t

    Derivation: a Kalman filter for a target at rest moves by ``g / (1/s^2 + t h)``, in units of
    the noise, with s the prior's width and h the curvature. Where that is the Fisher information,
    it is in proportion to V, and the gain over Adam's step, g / V^(1/2), falls in proportion to
    ``1 / (1 + f t/PRIOR)`` with ``f = w V^(1/2) / mean``: what is steep is known soon, what is flat
    hardly ever. But V is of the signal, too, and tells better which curvature is larger than by how
    much: with the root, which tuning networks prefer, steep coordinates are not stopped too soon.

    Args:
        block: Of age t, whose states have factors e^l.
        velocity: Of Adam, (d,).
        mean: As of `mean_steepness`.
    """
    for steep, weight, (rate, v) in _steepness(block, block.vector(RATE), velocity):
        c = block.age / PRIOR * math.sqrt(weight / (mean + SMALLEST))
        slowed = torch.add(steep.new_ones(()), steep.sqrt_(), alpha=c, out=steep)
        v.mul_(torch.div(rate, slowed, out=slowed).clamp_(SLOWEST, FASTEST))


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
