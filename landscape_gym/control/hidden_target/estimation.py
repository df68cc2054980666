"""What it costs to act on an estimate of the target instead of the target (theory 7(d)).

The cost is quadratic and neither noise nor target depends on what is done, so certainty equivalence
holds: the optimum acts as if the posterior mean of the target were the target. That costs, beyond
what full information costs,

    sum_t beta^t tr(E_t P_t),      E = K_z' (2 B' S_xz - (R + B' S_xx B) K_z)

with P_t the covariance of the target given what is seen at step t, and K_z, B, R and S as in
derivation/model.py. For the optimal law E is K_z' (R + B' S_xx B) K_z.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from landscape_gym.derivation.model import (
    Law,
    LinearQuadratic,
    Value,
    after_the_move,
    blocks,
    endless_value_of,
    values_of,
)
from landscape_gym.landscapes.base import Array

SETTLED = 1e-13
"""Relative change per step at which a covariance, or a discount, has settled."""
STEPS = 100_000
"""Most steps over which covariances are followed."""


def estimation_cost(
    lq: LinearQuadratic, law: Law, covariances: Iterator[Array], steps: int | None
) -> Array:
    """What not knowing the target costs, for each problem of a batch, (...).

    Args:
        lq: The problems.
        law: Their laws, stationary or with a gain for each step (leading axis).
        covariances: P at each step, (..., d, d).
        steps: Number of steps; None: for ever. Without discount that is inf unless the target is
            known in the end.
    """
    if steps is None:
        return _endless(lq, law, covariances)
    P = list(islice(covariances, steps))
    total = np.zeros(P[0].shape[:-2])
    for t, (now, after, _) in zip(reversed(range(steps)), values_of(lq, law, steps), strict=True):
        total += lq.beta**t * _trace(_error_weight(lq, now, after), P[t])
    return total


def _endless(lq: LinearQuadratic, law: Law, covariances: Iterator[Array]) -> Array:
    """The sum for ever: followed until discount or covariances have settled."""
    E = _error_weight(lq, law, endless_value_of(lq, law))
    total = cost = np.zeros(E.shape[:-2])
    discount, before = 1.0, np.full_like(E, np.inf)
    for P in islice(covariances, STEPS):
        cost = _trace(E, P)
        total = total + discount * cost
        discount *= lq.beta
        if discount < SETTLED or np.all(np.abs(P - before) <= SETTLED * np.abs(P)):
            break
        before = P
    if lq.beta == 1:
        return total + np.where(cost > 0, np.inf, 0.0)
    return total + discount / (1 - lq.beta) * cost


def _error_weight(lq: LinearQuadratic, law: Law, after: Value) -> Array:
    """E, the weight of the estimate's error at a step, (..., d, d)."""
    (S_xx, S_xz, _), _, _ = blocks(after_the_move(lq, after))
    back = np.swapaxes(lq.B, -1, -2)
    inner = 2 * back @ S_xz - (lq.R + back @ S_xx @ lq.B) @ law.K_z
    return np.swapaxes(law.K_z, -1, -2) @ inner


def _trace(E: Array, P: Array) -> Array:
    """``tr(E P)`` for symmetric P."""
    return np.sum(E * P, axis=(-2, -1))
