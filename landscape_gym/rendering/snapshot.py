"""What a picture shows of one row, and how far its axes reach."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from landscape_gym.landscapes.base import Array

Interval = tuple[float, float]

GROWTH = 1.25
"""Axes grow by this factor at once: less often than the path, so that pictures hold still."""
MARGIN = 1.05
"""How much farther axes reach than what they hold."""


class Snapshot(NamedTuple):
    """One row's episode so far, in float64; the path has n points."""

    row: int
    path: Array
    """Parameters from the start until now, (n, dim)."""
    heights: Array
    """Loss at each point at its time, above the minimum where that is known, (n,)."""
    height: Callable[[Array], Array]
    """The same on the present landscape, before it drifted, at points (m, dim); NaN where it is
    too great to be drawn."""
    shift: Array
    """How far that landscape has drifted, (dim,)."""
    minimum: Array | None
    """Where the minimum is now, (dim,), if known."""
    low: Array
    """Least coordinates of the path and of the minima so far, (dim,)."""
    high: Array
    """Greatest coordinates of the path and of the minima so far, (dim,)."""
    began: int
    """Index of the first point on the present task."""
    task: int
    """Number that changes when the task is redrawn."""
    landscape: int
    """Number that changes when the landscape changes, be it by a new task or by drift."""

    @property
    def quantity(self) -> str:
        """What heights are."""
        return "loss" if self.minimum is None else "excess loss"

    @property
    def title(self) -> str:
        """Step and loss."""
        return f"step {len(self.path) - 1}   {self.quantity} {self.heights[-1]:.3g}"


def distance(low: float, high: float) -> float:
    """From `low` to `high`, but as much as can be told apart on an axis, and 1 between zeros."""
    return max(high - low, 1e-6 * max(abs(low), abs(high))) or 1.0


def interval(box: Interval, low: float, high: float) -> Interval:
    """The box, each side grown by powers of `GROWTH` until it holds `low` and `high`.

    Example:
        >>> interval((-1.0, 1.0), -0.5, 1.1)
        (-1.0, 1.25)
    """
    centre, half = (box[1] + box[0]) / 2, (box[1] - box[0]) / 2

    def reach(needed: float) -> float:
        if MARGIN * needed <= half:
            return half
        return half * GROWTH ** math.ceil(math.log(MARGIN * needed / half, GROWTH))

    return centre - reach(centre - low), centre + reach(high - centre)


def square(box: Interval, low: Array, high: Array) -> tuple[Interval, Interval]:
    """Two intervals of equal length, one a coordinate, that hold `low` (2,) and `high` (2,)."""
    x, y = (interval(box, *ends) for ends in zip(low.tolist(), high.tolist(), strict=True))
    half = max(x[1] - x[0], y[1] - y[0]) / 2
    across, up = sum(x) / 2, sum(y) / 2
    return (across - half, across + half), (up - half, up + half)
