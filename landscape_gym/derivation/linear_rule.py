"""The best rule that is linear in gradient and previous update, when curvature is hidden.

Problem (theory 4(c)), one coordinate, whose curvature h is drawn once per episode:

    u_t = -a h^-s (h e_t + n_t) + b u_{t-1},    u_{-1} = 0
    e_{t+1} = e_t + dt u_t - w_t
    minimise  E sum_{t<T} beta^t dt [ metric/(2 eta) u_t^2 + k/2 h (e_t + dt u_t)^2 ]      over a, b

With s = 0 the rule does not know h. One that learns it elsewhere, as from the size of the noise,
divides gradients by a power s of it: 1/2 as RMSprop and Adam do, 1 as natural gradient descent.

Notation:

    e        theta - z, distance from the target; E e_0^2 is given
    n, w     gradient noise, of variance r(h), and the target's random walk, both independent
    s        second moments (E e^2, E e u_{t-1}, E u_{t-1}^2, 1), the 1 for what noise adds
    Phi      s_{t+1} = Phi s_t
    c        cost of step t = c . s_t

Given h the costs are quadratic and the noise is additive, so the second moments follow a linear
recursion exactly and the cost is a geometric sum of matrices; it is averaged over h by quadrature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from landscape_gym.landscapes.base import Array


@dataclass(frozen=True)
class HiddenCurvature:
    """The data of the problem."""

    curvatures: Array
    """Curvatures that stand for the prior of h, (n,), >= 0."""
    weights: Array
    """Their probabilities, (n,)."""
    eta: float = 1.0
    k: float = 1.0
    gamma: float = 0.0
    dt: float = 0.1
    horizon: int | None = None
    """T; None is infinite: the discounted cost, and for gamma = 0 the total cost without noise and
    the average cost per step with noise."""
    metric: Array | float = 1.0
    """Price of motion, one number or one for each curvature."""
    second_moment: float = 1.0
    """E e_0^2; without noise it only scales the cost."""
    noise: Array | float = 0.0
    """Variance of the gradient noise, one number or one for each curvature."""
    drift: Array | float = 0.0
    """Variance of the target's random walk per step, likewise."""

    def of_curvature(self, values: Array | float) -> Array:
        """Numbers for each curvature, (n,), from those or from one."""
        return np.broadcast_to(np.asarray(values, np.float64), np.shape(self.curvatures))


class LinearRule(NamedTuple):
    """``u_t = -a h^-s g_t + b u_{t-1}``, and its expected cost."""

    a: float
    b: float
    cost: float


def linear_rule_cost(
    problem: HiddenCurvature, a: Array | float, b: Array | float, power: float = 0.0
) -> Array:
    """Expected cost of rules; inf where the loop is unstable.

    Args:
        problem: The setting.
        a: Step sizes, any shape.
        b: Momenta, of a shape that broadcasts with that of `a`.
        power: s; other than 0 only where all curvatures are > 0.

    Example:
        >>> known = HiddenCurvature(np.ones(1), np.ones(1), gamma=0.1)
        >>> linear_rule_cost(known, a=np.array([0.5, 0.9093, 1.5]), b=0.0).round(4)
        array([0.5412, 0.4546, 0.5221])
    """
    p = _contributing(problem)
    h, weights = p.curvatures, p.weights
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    a, b = a[..., None], b[..., None]
    if power:
        a = a * h**-power
    Phi, c = _recursion(p, a, b)
    start = np.array([p.second_moment, 0.0, 0.0, 1.0])
    with np.errstate(over="ignore", invalid="ignore"):
        if p.horizon is not None:
            costs = _finite_sum(Phi, c, start, p.beta, p.horizon)
        else:
            costs = _infinite_sum(Phi, c, start, p.beta, _stable(p, a, b))
        total = costs @ weights
    return np.where(np.isnan(total), np.inf, total)


def best_linear_rule(
    problem: HiddenCurvature, *, momentum: bool = True, power: float = 0.0
) -> LinearRule:
    """The minimiser (a*, b*), from the best point of a grid of rules by Nelder and Mead's method.

    Args:
        problem: The setting.
        momentum: False fixes b = 0: the best constant learning rate. For T = 1 b has no effect, and
            0 is returned.
        power: s, as of `linear_rule_cost`.
    """
    if not np.any(problem.curvatures):
        return LinearRule(0.0, 0.0, float(linear_rule_cost(problem, 0.0, 0.0)))
    steepest = float(np.max(problem.curvatures ** (1.0 - power)))
    momentum = momentum and problem.horizon != 1
    b = np.linspace(-0.5, 0.98, 16)[:, None] if momentum else np.zeros((1, 1))
    limit = 2 * (1 + b) / (problem.dt * steepest)  # of stability, for the largest curvature
    a = limit * np.geomspace(1e-4, 2.0, 16)
    costs = linear_rule_cost(problem, a, b, power)
    row, column = np.unravel_index(np.argmin(costs), costs.shape)
    scale = a[row, column]

    def cost(point: Array) -> float:
        b = float(point[1]) if momentum else 0.0
        return float(linear_rule_cost(problem, scale * point[0], b, power))

    start = np.array([1.0, b[row, 0]]) if momentum else np.ones(1)
    simplex = np.vstack([start, start + np.diag(np.full(len(start), 0.05))])
    flat = 1e-15 * abs(float(costs[row, column]))  # rounding hides smaller differences
    options = {"xatol": 1e-9, "fatol": flat, "maxiter": 400, "initial_simplex": simplex}
    best = minimize(cost, start, method="Nelder-Mead", options=options)
    return LinearRule(
        float(scale * best.x[0]), float(best.x[1]) if momentum else 0.0, float(best.fun)
    )


class _Points(NamedTuple):
    """The problem with a number for each curvature, (n,)."""

    curvatures: Array
    weights: Array
    noise: Array
    drift: Array
    motion: Array
    """What u^2 costs per unit of time."""
    k: float
    dt: float
    second_moment: float
    horizon: int | None
    beta: float


def _contributing(p: HiddenCurvature) -> _Points:
    """Without flat noiseless points: those cost nothing."""
    h, noise = p.of_curvature(p.curvatures), p.of_curvature(p.noise)
    kept = (h > 0) | (noise > 0)
    return _Points(
        h[kept],
        p.of_curvature(p.weights)[kept],
        noise[kept],
        p.of_curvature(p.drift)[kept],
        (p.of_curvature(p.metric) / (2 * p.eta))[kept],
        p.k,
        p.dt,
        p.second_moment,
        p.horizon,
        math.exp(-p.gamma * p.dt),
    )


def _recursion(p: _Points, a: Array, b: Array) -> tuple[Array, ...]:
    """Phi, (..., n, 4, 4), and c, (..., n, 4)."""
    h, noise = p.curvatures, p.noise
    zero = np.zeros(np.broadcast_shapes(h.shape, a.shape))

    def row(*entries: Array | float) -> Array:
        return np.stack([entry + zero for entry in entries], axis=-1)

    square = row(a * a * h * h, -2 * a * b * h, b * b, a * a * noise)  # E u^2
    before = row(-a * h, b, 0.0, 0.0)  # E e u
    after = before + p.dt * square  # E (e + dt u) u
    moved = row(1.0, 0.0, 0.0, 0.0) + 2 * p.dt * before + p.dt**2 * square  # E (e + dt u)^2
    drifted = moved + row(0.0, 0.0, 0.0, p.drift)
    Phi = np.stack([drifted, after, square, row(0.0, 0.0, 0.0, 1.0)], axis=-2)
    return Phi, p.dt * (p.motion[:, None] * square + p.k / 2 * h[:, None] * moved)


def _stable(p: _Points, a: Array, b: Array) -> Array:
    """Whether sqrt(beta) times [[1 - dt a h, dt b], [-a h, b]] contracts (Jury's conditions)."""
    root = math.sqrt(p.beta)
    determinant, trace = root * root * b, root * (1 - p.dt * a * p.curvatures + b)
    least = 1e-12  # beyond rounding: on the boundary there is no sum
    return (np.abs(determinant) < 1 - least) & (np.abs(trace) < 1 + determinant - least)


def _finite_sum(Phi: Array, c: Array, start: Array, beta: float, T: int) -> Array:
    """``sum_{t<T} beta^t c Phi^t s_0``, as one power of [[beta Phi, 0], [c, 1]]."""
    augmented = np.zeros((*Phi.shape[:-2], 5, 5))
    augmented[..., :4, :4], augmented[..., 4, :4], augmented[..., 4, 4] = beta * Phi, c, 1.0
    return np.linalg.matrix_power(augmented, T)[..., 4, :4] @ start


def _infinite_sum(Phi: Array, c: Array, start: Array, beta: float, stable: Array) -> Array:
    """``c (1 - beta Phi)^-1 s_0``; for beta = 1 the total without noise, the average with it."""
    size = 4 if beta < 1 else 3
    I = np.eye(size)
    left = np.where(stable[..., None, None], I - beta * Phi[..., :size, :size], I)
    if beta < 1:
        visits = np.linalg.solve(left, np.broadcast_to(start, c.shape)[..., None])[..., 0]
        costs = np.einsum("...i,...i->...", c, visits)
    else:
        noise = Phi[..., :3, 3]
        noisy = bool(noise.any() or c[..., 3].any())
        right = noise if noisy else np.broadcast_to(start[:3], noise.shape)
        moments = np.linalg.solve(left, right[..., None])[..., 0]
        costs = np.einsum("...i,...i->...", c[..., :3], moments) + (c[..., 3] if noisy else 0.0)
    return np.where(stable, costs, np.inf)
