"""The best linear rule that remembers k gradients and updates, when curvature is hidden.

Problem (theory 4(c), with more memory), one coordinate, whose curvature h is drawn per episode:

    u_t = -sum_{i=0..k} a_i y_{t-i} + sum_{j=1..k} b_j u_{t-j},      y_t = h e_t + n_t
    e_{t+1} = e_t + dt u_t - w_t
    minimise  E sum_{t<T} beta^t dt [ metric/(2 eta) u_t^2 + q/2 (e_t + dt u_t)^2 ],  q = k_loss h

with y and u zero before the start. k = 0 is gradient descent; k = 1 with a_1 = 0 is
`linear_rule`'s momentum; k = 1 holds Nesterov's rule too.

Notation:

    x        state (e_t, n_t, y_{t-1}, .., y_{t-k}, u_{t-1}, .., u_{t-k}), of size 2 + 2 k
    C        what the rule sees, phi = C x = (y_t, .., y_{t-k}, u_{t-1}, .., u_{t-k})
    theta    the rule, u = theta phi, so theta = (-a_0, .., -a_k, b_1, .., b_k)
    F, Xi    x_{t+1} = F x_t + noise of covariance Xi, with F = A + B theta C
    X        second moments of x; summed over time with the discount where it has no index
    W        the cost to come is tr(W X) plus terms of later noise
    M        the cost of a step is tr(M X)

Given h the rule is a static output feedback, so the cost and its gradient in theta are exact: X
runs forward, W backward. They are averaged over h by quadrature, and the gradient is followed
(BFGS). For any number c the rules (a, b) and (1 - c L)(a, b), with L the lag, make the same moves:
the best rule of memory k - 1, so lengthened, is where the search for memory k begins, from several
c. So more memory never costs more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.optimize import minimize

from landscape_gym.derivation.linear_rule import HiddenCurvature, best_linear_rule
from landscape_gym.landscapes.base import Array

CANCELLED = (0.0, 0.5, 0.9)
"""The numbers c of the starts."""
DOUBLINGS = 60
"""Most doublings of the number of steps summed; a loop that needs more is called unstable."""
UNSTABLE = 1e6
"""Cost, relative to the start's, that an unstable loop has in the search."""
CONVERGED = 1e-9
"""Residual up to which a search has converged."""


class LastSteps(NamedTuple):
    """What the rule remembers, the latest first."""

    gradients: tuple[Any, ...]
    updates: tuple[Any, ...]


@dataclass(frozen=True)
class MemoryRule:
    """``u_t = -sum a_i y_{t-i} + sum b_j u_{t-j}``, a learning rule in plain arithmetic.

    Example:
        >>> rule = MemoryRule(a=(0.5, 0.1), b=(0.9,))
        >>> u, state = rule.update(np.ones(2), rule.init(np.ones(2)))
        >>> rule.update(np.ones(2), state)[0]
        array([-1.05, -1.05])
    """

    kind: ClassVar[str] = "memory"
    channels = ("gradient",)
    a: tuple[float, ...]
    """Weights of the gradients, the current one first, (k + 1,)."""
    b: tuple[float, ...] = ()
    """Weights of the previous updates, (k,)."""
    cost: float = math.nan
    """Expected cost."""
    residual: float = math.nan
    """By what fraction the cost could still fall, as the search's own quadratic model has it."""

    @property
    def converged(self) -> bool:
        """Whether the search came to a minimum."""
        return self.residual < CONVERGED

    @property
    def status(self) -> str:
        """How good the rule is, as a sentence."""
        memory = f"{len(self.b)} previous gradients and updates"
        if self.converged:
            return f"The best linear rule found with {memory}; residual {self.residual:.1e}."
        return (
            f"Not converged: residual {self.residual:.1e} with {memory}; the cost is still exact "
            "for this rule, and an upper bound of the least possible."
        )

    def init(self, gradient: Any) -> LastSteps:
        """At rest, no gradient seen."""
        k, zero = len(self.b), 0.0 * gradient
        return LastSteps((zero,) * k, (zero,) * k)

    def update(self, gradient: Any, state: LastSteps) -> tuple[Any, LastSteps]:
        """The velocity, and what is remembered."""
        gradients = (gradient, *state.gradients)
        u = 0.0 * gradient
        for a, y in zip(self.a, gradients, strict=True):
            u = u - a * y
        for b, before in zip(self.b, state.updates, strict=True):
            u = u + b * before
        k = len(self.b)
        return u, LastSteps(gradients[:k], (u, *state.updates)[:k])


class CostAndSlope(NamedTuple):
    """Expected cost of a rule, and its gradient."""

    cost: float
    """inf where the loop is unstable."""
    a: Array
    """Derivatives by a_0 .. a_k; zero where the loop is unstable."""
    b: Array
    """Derivatives by b_1 .. b_k."""


def memory_rule_cost(problem: HiddenCurvature, a: Any, b: Any = ()) -> CostAndSlope:
    """Expected cost of a rule and its gradient; the second moments are kept for every step.

    Args:
        problem: The setting.
        a: Weights of the gradients, the current one first, (k + 1,).
        b: Weights of the previous updates, (k,).

    Raises:
        ValueError: if a does not have one weight more than b.

    Example:
        >>> known = HiddenCurvature(np.ones(1), np.ones(1), gamma=0.1)
        >>> cost, by_a, _ = memory_rule_cost(known, a=[0.9093])
        >>> round(cost, 4), abs(float(by_a[0])) < 1e-5
        (0.4546, True)
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 1 or b.ndim != 1 or len(a) != len(b) + 1:
        raise ValueError(
            f"a rule with k previous gradients and updates has k + 1 weights a and k weights b; "
            f"got shapes {a.shape} and {b.shape}."
        )
    cost, slope = _cost_and_slope(_loop(problem, len(b)), np.concatenate([-a, b]))
    return CostAndSlope(cost, -slope[: len(a)], slope[len(a) :])


def best_memory_rule(problem: HiddenCurvature, memory: int) -> MemoryRule:
    """The best rule found with that much memory; it costs no more than with less.

    Args:
        problem: The setting.
        memory: k, the number of previous gradients and of previous updates, >= 0.

    Raises:
        ValueError: for a negative memory.
    """
    if memory < 0:
        raise ValueError(f"memory is the number of previous gradients, >= 0; got {memory}.")
    first = best_linear_rule(problem, momentum=False)
    best = MemoryRule((first.a,), (), first.cost)
    candidates = [best]
    for k in range(1, memory + 1):
        candidates = [_lengthen(best, c) for c in CANCELLED]
        if k == 1:
            momentum = best_linear_rule(problem)
            candidates.append(MemoryRule((momentum.a, 0.0), (momentum.b,), momentum.cost))
        best = min((_descend(problem, rule) for rule in candidates), key=lambda rule: rule.cost)
    return best if memory else _descend(problem, best)


def _lengthen(rule: MemoryRule, c: float) -> MemoryRule:
    """(1 - c L) times the rule, which moves as the rule does."""
    a = np.convolve(rule.a, [1.0, -c])
    b = -np.convolve([1.0, *(-weight for weight in rule.b)], [1.0, -c])[1:]
    return MemoryRule(tuple(a.tolist()), tuple(b.tolist()), rule.cost)


def _descend(problem: HiddenCurvature, start: MemoryRule) -> MemoryRule:
    """The minimum that BFGS comes to from a rule, or the rule itself if that costs less."""
    if not max(start.a) > 0:  # a flat landscape
        return MemoryRule(start.a, start.b, start.cost, 0.0)
    loop, size = _loop(problem, len(start.b)), len(start.a)
    first = np.concatenate([-np.asarray(start.a), start.b])
    scale = np.ones(len(first))
    scale[:size] = max(map(abs, start.a))
    start_cost, _ = _cost_and_slope(loop, first)

    def relative(point: Array) -> tuple[float, Array]:
        cost, slope = _cost_and_slope(loop, point * scale)
        return min(cost / start_cost, UNSTABLE), slope * scale / start_cost

    found = minimize(
        relative, first / scale, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 500}
    )
    theta = (found.x * scale).tolist()
    residual = float(found.jac @ found.hess_inv @ found.jac) / (2 * found.fun)
    return MemoryRule(
        tuple(-weight for weight in theta[:size]),
        tuple(theta[size:]),
        found.fun * start_cost,
        residual,
    )


class _Loop(NamedTuple):
    """The plant for n curvatures, and what is charged."""

    A: Array
    """(n, s, s), with s = 2 + 2 k."""
    B: Array
    """(s,)"""
    C: Array
    """(n, 2 k + 1, s)"""
    X_0: Array
    """(n, s, s)"""
    Xi: Array
    """(n, s, s)"""
    weights: Array
    """(n,)"""
    R: Array
    """Cost of u^2, (n,)."""
    Q: Array
    """Cost of (e + dt u)^2, (n,)."""
    dt: float
    beta: float
    horizon: int | None


def _loop(p: HiddenCurvature, k: int) -> _Loop:
    """The plant with memory k; curvatures that cost nothing are left out."""
    h, noise = p.of_curvature(p.curvatures), p.of_curvature(p.noise)
    kept = (h > 0) | (noise > 0)
    weights, drift, metric = (p.of_curvature(x)[kept] for x in (p.weights, p.drift, p.metric))
    h, noise = h[kept], noise[kept]
    s = 2 + 2 * k
    see = np.zeros((len(h), 2 * k + 1, s))
    see[:, 0, 0], see[:, 0, 1] = h, 1.0
    see[:, 1:, 2:] = np.eye(2 * k)
    A, B = np.zeros((len(h), s, s)), np.zeros(s)
    A[:, 0, 0], B[0] = 1.0, p.dt
    if k:
        A[:, 2], B[2 + k] = see[:, 0], 1.0
        A[:, 3 : 2 + k, 2 : 1 + k] = A[:, 3 + k :, 2 + k : s - 1] = np.eye(k - 1)
    X_0, Xi = np.zeros((2, len(h), s, s))
    X_0[:, 0, 0], Xi[:, 0, 0] = p.second_moment, drift
    X_0[:, 1, 1] = Xi[:, 1, 1] = noise
    R, Q = p.dt * metric / (2 * p.eta), p.dt * p.k / 2 * h
    beta = math.exp(-p.gamma * p.dt)
    return _Loop(A, B, see, X_0, Xi, weights, R, Q, p.dt, beta, p.horizon)


def _cost_and_slope(loop: _Loop, theta: Array) -> tuple[float, Array]:
    """Expected cost and its gradient in theta; inf and zeros where a loop is unstable."""
    u = np.matvec(loop.C.transpose(0, 2, 1), theta)  # u = u' x, and e + dt u = moved' x
    F = loop.A + loop.B[:, None] * u[:, None, :]
    moved = loop.dt * u
    moved[:, 0] += 1
    R, Q = loop.R[:, None], loop.Q[:, None]
    M = R[:, :, None] * _outer(u, u) + Q[:, :, None] * _outer(moved, moved)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = _endless if loop.horizon is None else _finite
        X, along = sums(loop, F, M)
        cost = float(np.einsum("n,nij,nij", loop.weights, M, X))
        by_u = 2 * np.matvec(X, R * u + loop.dt * Q * moved) + 2 * along
        slope = np.einsum("n,nps,ns->p", loop.weights, loop.C, by_u)
    if not (math.isfinite(cost) and np.isfinite(slope).all()):
        return math.inf, np.zeros(len(theta))
    return cost, slope


def _finite(loop: _Loop, F: Array, M: Array) -> tuple[Array, Array]:
    """``X = sum beta^t X_t`` and ``sum beta^(t+1) X_t F' W_{t+1} B`` over T steps."""
    beta, back = loop.beta, F.transpose(0, 2, 1)
    moments = [loop.X_0]
    for _ in range(1, loop.horizon or 1):
        moments.append(F @ moments[-1] @ back + loop.Xi)
    W, X, along = np.zeros_like(M), np.zeros_like(M), np.zeros(M.shape[:2])
    for X_t in reversed(moments):
        X = X_t + beta * X
        along = beta * (along + np.matvec(X_t, np.matvec(back, W @ loop.B)))
        W = M + beta * back @ W @ F
    return X, along


def _endless(loop: _Loop, F: Array, M: Array) -> tuple[Array, Array]:
    """The same without end; for beta = 1 with noise, per step instead of in all."""
    beta, back = loop.beta, F.transpose(0, 2, 1)
    if beta < 1:
        source = loop.X_0 + beta / (1 - beta) * loop.Xi
    else:
        source = loop.Xi if loop.Xi.any() else loop.X_0
    root = math.sqrt(beta) * F
    X = _geometric(root, source)
    W = _geometric(root.transpose(0, 2, 1), M)
    return X, beta * np.matvec(X, np.matvec(back, W @ loop.B))


def _geometric(F: Array, source: Array) -> Array:
    """``sum_t F^t source F'^t``, by doubling the number of terms; NaN where it does not settle."""
    total = source
    for _ in range(DOUBLINGS):
        more = F @ total @ F.transpose(0, 2, 1)
        total = total + more
        if not np.isfinite(total).all():
            break
        if np.abs(more).max() <= 1e-17 * np.abs(total).max():
            return total
        F = F @ F
    return np.full_like(total, np.nan)


def _outer(left: Array, right: Array) -> Array:
    """Row by row, (n, s, s)."""
    return left[:, :, None] * right[:, None, :]
