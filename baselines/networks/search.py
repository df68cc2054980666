"""How a learning rate is tuned: by factors of two, until the best one has worse neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

FIRST = (-3, -2, -1, 0, 1, 2)
"""Powers of two, times the contestant's middle, that are tried in any case."""
MOST = 16
"""Powers beyond which no search goes."""


def tuned(score: Callable[[int], Sequence[float]]) -> list[int]:
    """The best power of two for each of several criteria.

    Powers are added at the ends until the best is at neither, for every criterion.

    Args:
        score: Criteria of a power, the lower the better.

    Raises:
        ValueError: if a criterion still falls at `MOST`.
    """
    scores = {power: score(power) for power in FIRST}
    while True:
        best = [min(scores, key=lambda p: (scores[p][i], p)) for i in range(len(scores[0]))]
        beyond = [end + step for end, step in ((min(scores), -1), (max(scores), 1)) if end in best]
        if not beyond:
            return best
        if max(map(abs, beyond)) > MOST:
            raise ValueError(f"no interior optimum within 2^-{MOST} and 2^{MOST}: {scores}")
        scores.update((power, score(power)) for power in beyond)
