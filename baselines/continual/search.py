"""Tuning on a lattice of factors of two: the best point has worse neighbours all around."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import NamedTuple

MOST = 12
"""Powers of two from the first point beyond which no search goes."""

Point = tuple[int, ...]
"""Steps from the first point, in each direction."""


class Found(NamedTuple):
    best: dict[str, float]
    tried: dict[tuple[float, ...], float]
    """Scores of all points that were tried."""


def search(score: Callable[..., float], first: Mapping[str, float]) -> Found:
    """The best constants, by climbing.

    All points within two factors of two (one, for several constants) around the best one so far
    are tried, until it stays the best: so at least five values of a single constant, and the
    optimum is interior.

    Args:
        score: The higher the better; called with the constants by name.
        first: Where to begin.

    Raises:
        ValueError: if the scores still rise `MOST` factors of two from there.
    """
    best, scores = climb(
        lambda points: [score(**_constants(first, point)) for point in points],
        dim=len(first),
        reach=2 if len(first) == 1 else 1,
        most=MOST,
    )
    tried = {tuple(_constants(first, p).values()): s for p, s in sorted(scores.items())}
    return Found(_constants(first, best), tried)


def climb(
    scores_of: Callable[[list[Point]], Iterable[float]], dim: int, reach: int, most: int
) -> tuple[Point, dict[Point, float]]:
    """The point of a lattice that is better than all within reach, and the scores of all tried.

    Args:
        scores_of: Scores of points that are new, the higher the better.
        dim: Numbers of a point; the first is 0.
        reach: How far around the best point the others are.
        most: Steps from the first point beyond which no search goes.

    Raises:
        ValueError: if the scores still rise there.
    """
    around = list(product(range(-reach, reach + 1), repeat=dim))
    scores: dict[Point, float] = {}
    centre: Point = (0,) * dim
    while True:
        points = [tuple(c + o for c, o in zip(centre, offsets, strict=True)) for offsets in around]
        new = [point for point in points if point not in scores]
        scores.update(zip(new, scores_of(new), strict=True))
        best = max(scores, key=lambda point: scores[point])
        if best == centre:
            return best, scores
        if max(map(abs, best)) > most:
            raise ValueError(f"no interior optimum: still rising at {best} from the first point.")
        centre = best


def _constants(first: Mapping[str, float], point: tuple[int, ...]) -> dict[str, float]:
    return {
        name: value * 2.0**power for (name, value), power in zip(first.items(), point, strict=True)
    }
