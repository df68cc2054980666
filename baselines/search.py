"""Minimise a costly function of a few positive constants, by random search on logarithmic scales.

Rounds of a Latin hypercube: each constant's range, on its scale, is cut into as many equal parts as
there are points, and each part is used once (with one constant that is a grid). The next round's
box is centred at the best point so far. Where that lies well inside the last box the box shrinks;
where it lies at an edge the box keeps its width, and so goes beyond the range it began with: a best
point at the end of a range says that the range was too small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from landscape_gym.landscapes.base import Array

ROUNDS = 6
"""Rounds of points; with `POINTS`, the whole budget."""
POINTS = 48
"""Points a round; in the first, which looks everywhere, for each constant."""
SHRINK = 2.0
"""By how much a box shrinks from one round to the next, along each axis."""
EDGE = 0.1
"""What part of a box's width, at either end, counts as its edge."""


@dataclass(frozen=True)
class Constant:
    """A constant to be found, and where to begin to look for it."""

    name: str
    """The rule's field."""
    low: float
    """Where the first range begins, > 0."""
    high: float
    """Where it ends, > low."""
    complement: bool = False
    """Whether the range is that of 1 - value, as for decays and momenta."""
    limits: tuple[bool, bool] = (False, False)
    """Whether nothing lies below `low`, or above `high`: such an end is no edge."""
    memory: str | None = None
    """Name of a complement, a momentum m, by which steps add up: the range is then that of
    value / (1 - m), which the best value depends on less than on m."""


@dataclass(frozen=True)
class Found:
    """The best point of a search, and whether the search was wide enough."""

    constants: dict[str, float]
    """The best constants by name."""
    score: tuple[float, ...]
    """What they cost; where several things count, one number for each."""
    evaluations: int
    """How many points were tried."""
    extended: tuple[str, ...]
    """Constants for which the search went beyond its first range."""
    at_edge: tuple[str, ...]
    """Constants that are best at the edge of all that was tried; empty if the best is interior."""

    @property
    def cost(self) -> float:
        """What they cost, if nothing else counts, or where all that counts more is the same."""
        return self.score[-1]


def search(
    cost: Callable[[list[dict[str, float]]], Array],
    space: Sequence[Constant],
    *,
    rounds: int = ROUNDS,
    points: int = POINTS,
    seed: int = 0,
) -> Found:
    """Find the constants of least cost; the same seed finds the same.

    Args:
        cost: Costs (n,) of n points, each a mapping from name to value; may be inf. Or (n, m),
            where several things count: what comes later, only between points that are alike in
            what comes before.
        space: The constants.
        rounds: How often to draw points.
        points: How many each time; the first time for each constant.
        seed: Of the draws.

    Example:
        >>> square = lambda tried: np.array([(p["lr"] - 30.0) ** 2 for p in tried])
        >>> found = search(square, [Constant("lr", 0.1, 10.0)])
        >>> round(found.constants["lr"], 1), found.extended, found.at_edge
        (30.0, ('lr',), ())
    """
    rng = np.random.default_rng(seed)
    first = np.log([[c.low, c.high] for c in space]).T
    limits = np.array([c.limits for c in space]).T
    box, hull = first.copy(), first.copy()
    best, least = first.mean(axis=0), (math.inf,)
    budget = [points * len(space), *[points] * (rounds - 1)]
    for number in budget:
        tried = box[0] + (box[1] - box[0]) * _hypercube(rng, number, len(space))
        scores = cost([_constants(space, point) for point in tried]).reshape(number, -1)
        leader = np.lexsort(scores.T[::-1])[0]
        score = tuple(scores[leader].tolist())
        if score < least:
            best, least = tried[leader], score
        hull = np.stack([np.minimum(hull[0], box[0]), np.maximum(hull[1], box[1])])
        box = _next_box(box, best, first, limits)
    edge = np.any(_at_edge(hull, best, limits), axis=0)
    beyond = np.any(hull != first, axis=0)
    return Found(
        constants=_constants(space, best),
        score=least,
        evaluations=sum(budget),
        extended=tuple(space[i].name for i in np.flatnonzero(beyond).tolist()),
        at_edge=tuple(space[i].name for i in np.flatnonzero(edge).tolist()),
    )


def _hypercube(rng: np.random.Generator, points: int, axes: int) -> Array:
    """Points in the unit cube, (points, axes), that share no part of any axis."""
    parts = np.stack([rng.permutation(points) for _ in range(axes)], axis=1)
    return (parts + 0.5) / points


def _at_edge(box: Array, best: Array, limits: Array) -> Array:
    """Whether the best point lies at the lower and upper edge along each axis, (2, axes)."""
    margin = EDGE * (box[1] - box[0])
    return np.stack([best < box[0] + margin, best > box[1] - margin]) & ~limits


def _next_box(box: Array, best: Array, first: Array, limits: Array) -> Array:
    """The box about the best point, smaller along axes on which that is not at the edge."""
    inside = ~_at_edge(box, best, limits).any(axis=0)
    half = (box[1] - box[0]) / np.where(inside, 2 * SHRINK, 2)
    low, high = best - half, best + half
    low = np.where(limits[0], np.maximum(low, first[0]), low)
    high = np.where(limits[1], np.minimum(high, first[1]), high)
    return np.stack([low, high])


def _constants(space: Sequence[Constant], point: Array) -> dict[str, float]:
    """The constants at a point of the logarithmic scales."""
    scale = {c.name: math.exp(x) for c, x in zip(space, point, strict=True)}
    plain = {c.name: scale[c.name] * (scale[c.memory] if c.memory else 1) for c in space}
    return {c.name: 1 - plain[c.name] if c.complement else plain[c.name] for c in space}
