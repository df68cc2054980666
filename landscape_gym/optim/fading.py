"""Velocities of coordinates that fade with their age: the steeper a coordinate, the sooner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from landscape_gym.arrays import SMALLEST
from landscape_gym.optim.adam_steps import PRIOR, SQUARE
from landscape_gym.optim.blocks import Block
from landscape_gym.optim.pieces import numbers_of, pieces
from landscape_gym.optim.rates import FASTEST, RATE, SLOWEST


def mean_steepness(blocks: list[Block]) -> float:
    """The mean of ``w V^(1/2)`` over all coordinates: how steep the loss is, in units w."""
    sums = [
        (steep.sum(), _for_its_age(block)) for block in blocks for steep, _ in _steepness(block)
    ]
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
    c = (block.age / PRIOR) ** 2 * _for_its_age(block) / (mean + SMALLEST)
    for steep, (rate, v) in _steepness(block, block.vector(RATE), velocity):
        slowed = steep.mul_(c).sqrt_().add_(1).reciprocal_().mul_(rate)
        v.mul_(slowed.clamp_(SLOWEST, FASTEST))


def _for_its_age(block: Block) -> float:
    """What corrects the root of a running mean of squares that began at 0."""
    return (1 - block.group["betas"][1] ** block.age) ** -0.5


def _steepness(block: Block, *beside: Tensor) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """``w V^(1/2)``, V not corrected for its age, in new memory, and the same parts of others."""
    units: Any = block.units
    each = [] if isinstance(units, float) else [units]
    for square, *others in pieces((block.vector(SQUARE), *beside, *each)):
        yield square.sqrt().mul_(others.pop() if each else units), others
