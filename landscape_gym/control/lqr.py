"""Linear-quadratic navigation, solved exactly in discrete time (theory sections 2, 6 and 8).

Problem, for the loss ``1/2 (x - z)' H (x - z)`` and the default dynamics ``f = F x``:

    minimise  E sum_t beta^t [ u' R u + (x+ - z)' Q (x+ - z) ],      x+ = A x + B u,
    z+ = z with probability rho, otherwise redrawn with mean m;      x, z and m are known

Notation:

    x, u     parameters theta (d,) and control (m,)
    z, m     target (the loss's minimum) and the mean of its prior, both (d,)
    A        I + dt F, (d, d)
    B        dt times the problem's control matrix, (d, m)
    Q, R     dt k/2 H, (d, d), and dt/(2 eta) G, (m, m)
    beta     exp(-gamma dt), the discount per step
    rho      exp(-hazard dt), the probability that the task stays
    P, M, N  value: V(x, z) = x' P x + 2 x' (M z + N m) + terms without x; no factor 1/2
    K        law: u = -(K x + K_z z + K_m m)

The loss is charged after the move. With the weights of the point moved to,

    S = Q + beta P,     L = beta rho M - Q,     l = beta ((1 - rho) M + N),

Bellman's equation ``V(x, z) = min_u u' R u + x+' S x+ + 2 x+' (L z + l m)`` has no cross term, and
S solves the standard Riccati equation of sqrt(beta) A, sqrt(beta) B, Q, beta R. (Theory section 2
writes the same equation at the point moved from, with a cross term; tests/golden compares them.)
A target that drifts as a random walk changes no gain: the problem is certainty equivalent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_discrete_are

from landscape_gym.landscapes.base import Array

ITERATIONS = 100_000
"""Most steps of value iteration, where the algebraic equation cannot be used."""
TOLERANCE = 1e-13
"""Relative change of the value per step at which value iteration stops."""
RESIDUAL = 1e-8
"""Relative residual of Bellman's equation up to which a solution is accepted."""


class Value(NamedTuple):
    """``V(x, z) = x' P x + 2 x' (M z + N m) + terms without x``."""

    P: Array
    M: Array
    N: Array


class Law(NamedTuple):
    """``u = -(K x + K_z z + K_m m)``: gains on parameters, on target and on the prior's mean."""

    K: Array
    K_z: Array
    K_m: Array


@dataclass(frozen=True)
class LinearQuadratic:
    """The data of the problem, in the letters of this file's head."""

    A: Array
    B: Array
    Q: Array
    R: Array
    beta: float = 1.0
    rho: float = 1.0

    @classmethod
    def of(
        cls,
        H: Any,
        *,
        G: Any = None,
        F: Any = None,
        B: Any = None,
        eta: float = 1.0,
        k: float = 1.0,
        gamma: float,
        dt: float,
        hazard: float = 0.0,
    ) -> LinearQuadratic:
        """From the objective's own terms (theory section 1).

        Args:
            H: Hessian of the loss, (d, d), positive semidefinite.
            G: Metric, (m, m), positive definite; the identity if None.
            F: Default dynamics ``f = F theta``, (d, d); none if None.
            B: Control matrix, (d, m); the identity if None.
            eta: Scale of affordable change, > 0.
            k: Weight of the loss, > 0.
            gamma: Discount rate, >= 0.
            dt: Time per step, > 0.
            hazard: Rate at which the task is redrawn, >= 0.
        """
        H = np.asarray(H, np.float64)
        I = np.eye(len(H))
        B = I if B is None else np.asarray(B, np.float64)
        G = np.eye(B.shape[1]) if G is None else np.asarray(G, np.float64)
        return cls(
            A=I if F is None else I + dt * np.asarray(F, np.float64),
            B=dt * B,
            Q=dt * k / 2 * H,
            R=dt / (2 * eta) * G,
            beta=math.exp(-gamma * dt),
            rho=math.exp(-hazard * dt),
        )


@dataclass(frozen=True)
class LQRSolution:
    """Value and law; of a finite horizon T for each step, with a leading axis of length T."""

    status: str
    """What was solved, and how, as a sentence."""
    converged: bool
    """Whether Bellman's equation holds to `RESIDUAL`."""
    residual: float
    """Largest relative error of Bellman's equation."""
    value: Value
    law: Law


def backward(lq: LinearQuadratic, after: Value) -> tuple[Law, Value]:
    """One step of dynamic programming: the law now and the value now, from the value afterwards."""
    A, B, Q, R, beta, rho = lq.A, lq.B, lq.Q, lq.R, lq.beta, lq.rho
    P, M, N = after
    S, L, l = Q + beta * P, beta * rho * M - Q, beta * ((1 - rho) * M + N)
    d = len(A)
    gains = np.linalg.solve(R + B.T @ S @ B, B.T @ np.hstack([S @ A, L, l]))
    law = Law(gains[:, :d], gains[:, d : 2 * d], gains[:, 2 * d :])
    closed = A - B @ law.K
    P = closed.T @ S @ closed + law.K.T @ R @ law.K  # symmetric and >= 0 by its form
    return law, Value(P, closed.T @ L, closed.T @ l)


def riccati(lq: LinearQuadratic) -> LQRSolution:
    """The stationary optimum of the infinite horizon.

    The algebraic Riccati equation is solved where every mode that does not decay by itself shows
    in the loss. Elsewhere (flat directions without discounting, say) its stabilising solution may
    not exist or not be optimal, and value iteration from V = 0 is run to its limit instead.

    Example:
        >>> lq = LinearQuadratic.of([[1.0]], gamma=0.1, dt=0.1)
        >>> round(float(riccati(lq).law.K[0, 0]), 6)
        0.909297
    """
    value = _algebraic(lq) if _detectable(lq) else None
    if value is not None:
        law, again = backward(lq, value)
        residual = _change(again, value)
        if residual <= RESIDUAL:
            status = f"Solved the algebraic Riccati equation; relative residual {residual:.1e}."
            return LQRSolution(status, True, residual, value, law)
    return _value_iteration(lq)


def finite_horizon(lq: LinearQuadratic, horizon: int) -> LQRSolution:
    """The optimum of `horizon` steps: backward recursion from V = 0 after the last.

    Example:
        >>> lq = LinearQuadratic.of([[1.0]], gamma=0.1, dt=0.1)
        >>> finite_horizon(lq, 3).law.K[:, 0, 0].round(4)
        array([0.2839, 0.1942, 0.099 ])
    """
    value, steps = _nothing(lq), []
    for _ in range(horizon):
        law, value = backward(lq, value)
        steps.append((law, value))
    laws, values = zip(*reversed(steps), strict=True)
    return LQRSolution(
        status=f"Solved by backward recursion over {horizon} steps.",
        converged=True,
        residual=0.0,
        value=Value(*map(np.stack, zip(*values, strict=True))),
        law=Law(*map(np.stack, zip(*laws, strict=True))),
    )


def _algebraic(lq: LinearQuadratic) -> Value | None:
    """The value by the algebraic equations, or None where scipy's solver gives up."""
    root = math.sqrt(lq.beta)
    try:
        S = solve_discrete_are(root * lq.A, root * lq.B, lq.Q, lq.beta * lq.R)
    except (np.linalg.LinAlgError, ValueError):
        return None
    zero = np.zeros_like(lq.A)
    # `backward` sees S alone where P = (S - Q) / beta and M = N = 0.
    law, value = backward(lq, Value((S - lq.Q) / lq.beta, zero, zero))
    closed, I = (lq.A - lq.B @ law.K).T, np.eye(len(zero))
    M = np.linalg.solve(I - lq.beta * lq.rho * closed, -closed @ lq.Q)
    N = np.linalg.solve(I - lq.beta * closed, lq.beta * (1 - lq.rho) * closed @ M)
    return Value(value.P, M, N)


def _value_iteration(lq: LinearQuadratic) -> LQRSolution:
    """Backward recursion until the value no longer changes."""
    value, change, steps = _nothing(lq), math.inf, 0
    law, _ = backward(lq, value)
    while change > TOLERANCE and steps < ITERATIONS:
        law, new = backward(lq, value)
        value, change, steps = new, _change(new, value), steps + 1
    converged = change <= RESIDUAL
    status = (
        f"Solved by value iteration in {steps} steps, because the algebraic Riccati equation does "
        f"not determine the optimum here; relative residual {change:.1e}."
        if converged
        else f"Not converged: after {steps} steps of value iteration the value still changes by "
        f"{change:.1e} per step; raise gamma, or set a finite horizon."
    )
    return LQRSolution(status, converged, change, value, law)


def _detectable(lq: LinearQuadratic) -> bool:
    """Whether each mode of sqrt(beta) A that does not decay shows in the loss (Hautus's test)."""
    A = math.sqrt(lq.beta) * lq.A
    scale = max(float(np.abs(lq.Q).max()), np.finfo(np.float64).tiny)
    lasting = [mode for mode in np.linalg.eigvals(A) if abs(mode) >= 1 - 1e-12]
    shown = (np.vstack([A - mode * np.eye(len(A)), lq.Q / scale]) for mode in lasting)
    return all(np.linalg.svd(both, compute_uv=False)[-1] > 1e-9 for both in shown)


def _nothing(lq: LinearQuadratic) -> Value:
    """V = 0."""
    return Value(*(np.zeros_like(lq.A) for _ in range(3)))


def _change(new: Value, old: Value) -> float:
    """The largest difference relative to the largest entry."""
    largest = max(float(np.abs(part).max()) for part in new)
    return max(float(np.abs(a - b).max()) for a, b in zip(new, old, strict=True)) / (largest or 1.0)
