"""Tuning on a lattice of factors of two: the best point has worse neighbours all around."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import NamedTuple

MOST = 12
"""Powers of two from the first point beyond which no search goes."""


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
    reach = 2 if len(first) == 1 else 1
    around = list(product(range(-reach, reach + 1), repeat=len(first)))
    scores: dict[tuple[int, ...], float] = {}
    centre = (0,) * len(first)
    while True:
        for offsets in around:
            point = tuple(c + o for c, o in zip(centre, offsets, strict=True))
            if point not in scores:
                scores[point] = score(**_constants(first, point))
        best = max(scores, key=lambda point: scores[point])
        if best == centre:
            tried = {tuple(_constants(first, p).values()): s for p, s in sorted(scores.items())}
            return Found(_constants(first, best), tried)
        if max(map(abs, best)) > MOST:
            raise ValueError(f"no interior optimum around {dict(first)}: still rising at {best}.")
        centre = best


def _constants(first: Mapping[str, float], point: tuple[int, ...]) -> dict[str, float]:
    return {
        name: value * 2.0**power for (name, value), power in zip(first.items(), point, strict=True)
    }
