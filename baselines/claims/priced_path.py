"""The best path where motion is priced by a norm: a convex problem, by accelerated proximal steps.

    minimise  sum_{t<T} beta^t dt [ N(u_t)^2 / (2 eta) + k L(theta_{t+1}) ]      over u_0 .. u_{T-1}

It knows no dual norm. In ``w_t = beta^{t/2} u_t`` each step's price is ``dt/(2 eta) N(w_t)^2``, of
which the proximal step caps magnitudes, or singular values; the loss is smooth (Beck and Teboulle,
"A fast iterative shrinkage-thresholding algorithm", 2009, begun anew where it would turn back).
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.norms import NORMS
from landscape_gym.problem import NavigationProblem

STEPS = 20_000
"""Proximal steps after which it gives up."""


class PricedPath(NamedTuple):
    """What was found."""

    control: Array
    """(T, d)"""
    theta: Array
    """(T + 1, d)"""
    cost: float
    """Discounted, of T steps."""


def priced_path(
    problem: NavigationProblem, start: Array, steps: int, *, bend: float, tolerance: float = 1e-11
) -> PricedPath:
    """The best T steps from a start, on a convex landscape in which nothing is random.

    Args:
        problem: Its metric is "max" or "spectral".
        start: Parameters, (d,).
        steps: T.
        bend: Bound of the loss's second derivatives, > 0.
        tolerance: Of velocities, in units of the largest.

    Raises:
        ValueError: if it does not converge.
    """
    p, tensors = problem, cast(Tensors, problem.landscape.tensors())
    instances = p.landscape.sample(_One())
    root = np.exp(-0.5 * p.gamma * p.dt * np.arange(steps))[:, None]
    # Steps at t move all that follow: a triangle of powers of beta^(1/2), whose norm is the sum of
    # one of its columns at most.
    smooth = p.k * p.dt**3 * bend * root.sum() ** 2

    def path(w: Array) -> Array:
        return start + p.dt * np.cumsum(w / root, axis=0)

    def slope(w: Array) -> Array:
        later = root**2 * p.landscape.grad(instances, path(w))
        return p.k * p.dt**2 / root * np.cumsum(later[::-1], axis=0)[::-1]

    w = ahead = np.zeros((steps, len(start)))
    inertia = 1.0
    for _ in range(STEPS):
        after = nearest(ahead - slope(ahead) / smooth, p.dt / p.eta / smooth, p.metric, tensors)
        moved = after - w
        if np.vdot(ahead - after, moved) > 0:
            inertia = 1.0
        faster = 0.5 + (0.25 + inertia**2) ** 0.5
        ahead, w = after + (inertia - 1) / faster * moved, after
        inertia = faster
        if abs(moved).max() <= tolerance * abs(w).max():
            break
    else:
        raise ValueError(f"no best path after {STEPS} proximal steps: raise bend or tolerance.")
    u, theta = w / root, np.concatenate([start[None], path(w)])
    charge = NORMS[str(p.metric)](u, tensors) / (2 * p.eta)
    each = p.dt * (charge + p.k * p.landscape.loss(instances, theta[1:]))
    return PricedPath(u, theta, float((root[:, 0] ** 2 * each).sum()))


def nearest(v: Array, weight: float, metric: Any, tensors: Tensors) -> Array:
    """The x that minimises ``|x - v|^2 / 2 + weight N(x)^2 / 2``, for rows v (..., d)."""
    if metric == "max":
        return np.clip(v, -(cap := capped(abs(v), weight)), cap)
    parts = []
    for part in tensors.matrices(v):
        U, S, V = np.linalg.svd(part, full_matrices=False)
        parts.append(U * np.minimum(S, capped(S, weight))[..., None, :] @ V)
    return tensors.joined(parts)


def capped(sizes: Array, weight: float) -> Array:
    """Where sizes (..., n) are cut, (..., 1): at s with ``weight s = sum_i max(sizes_i - s, 0)``.

    Of the j largest alone it would be at their sum over ``weight + j``, which is greatest for those
    that are cut.
    """
    largest = -np.sort(-sizes, axis=-1)
    counts = np.arange(1, sizes.shape[-1] + 1)
    return (np.cumsum(largest, axis=-1) / (weight + counts)).max(axis=-1, keepdims=True)


class _One:
    """Draws for a landscape of which one instance is sampled, and nothing is random."""

    rows, dtype = 1, np.dtype(np.float64)

    def normal(self, *shape: int) -> Array:
        raise ValueError("priced_path is for landscapes in which nothing is random.")

    uniform = normal
