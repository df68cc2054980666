"""Gradients that are hardly more than errors of rounding."""

from __future__ import annotations

import math

from landscape_gym.arrays import SMALLEST

ERRORS = 32
"""How many roundings of the largest gradient one has to be of, to be trusted."""
GROWTH = 1.1
"""By how much the largest grows in a step, at most: a later outlier does not make it."""


def trust(norm: float, largest: float, precision: float) -> tuple[float, float]:
    """How far a gradient is to be trusted, in [0, 1], and the largest norm with it.

    Gradients are sums of differences, whose errors of rounding are in proportion to what they were
    at first, as a probability's is to 1. Where hardly more than errors is left, velocities in units
    of the gradients' size are as long as ever and go on without an aim, until they are out of the
    minimum: so there steps are to become shorter in proportion.

    What it cannot tell from rounding is a gradient that is right, and smaller than at first by more
    than five decades, as after a start far up a wall: float64 follows that further.

    Args:
        norm: Of the gradient; inf where its square overflows.
        largest: So far; 0 at first.
        precision: Of the type that gradients are computed in, `torch.finfo`'s eps.

    Example:
        >>> trust(1.0, 0.0, 1e-7)
        (1.0, 1.0)
        >>> trust(16e-7, 1.0, 1e-7)
        (0.5, 1.0)
    """
    if math.isinf(norm):
        return 1.0, largest
    largest = max(largest, min(norm, GROWTH * (largest or norm)))
    return min(1.0, norm / (ERRORS * precision * largest + SMALLEST)), largest
