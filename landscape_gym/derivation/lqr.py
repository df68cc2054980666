"""The optimum of linear-quadratic navigation, in discrete time (theory sections 2, 6 and 8).

Problem, letters and Bellman's equation are those of model.py:

    minimise  E sum_t beta^t [ u' R u + (x+ - z)' Q (x+ - z) ],      x+ = A x + B u

With S_xx, S_xz and S_xm the blocks of the weights after the move, the optimal law is

    [K, K_z, K_m] = (R + B' S_xx B)^-1 B' [S_xx A, S_xz, S_xm]

In the infinite horizon S_xx solves the standard Riccati equation of sqrt(beta) A, sqrt(beta) B, Q,
beta R; what belongs to z and m follows by two linear solves. (Theory section 2 writes the same
equation at the point moved from, with a cross term; tests/golden compares them.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_discrete_are

from landscape_gym.derivation.model import (
    Law,
    LinearQuadratic,
    Value,
    after_the_move,
    blocks,
    endless_value_of,
    value_now,
)
from landscape_gym.landscapes.base import Array

ITERATIONS = 100_000
"""Most steps of value iteration, where the algebraic equation cannot be used: a step of a small
problem takes about 0.1 ms."""
TOLERANCE = 1e-13
"""Relative change of the value per step at which value iteration stops."""
ENDLESS = 1e100
"""A value beyond which value iteration is given up: the cost has no bound."""
RESIDUAL = 1e-8
"""Relative residual of Bellman's equation up to which a solution is accepted."""


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
    (S_xx, S_xz, S_xm), _, _ = blocks(after_the_move(lq, after))
    back = np.swapaxes(lq.B, -1, -2)
    pulls = back @ np.concatenate([S_xx @ lq.A, S_xz, S_xm], axis=-1)
    gains = np.linalg.solve(lq.R + back @ S_xx @ lq.B, pulls)
    law = Law(*np.split(gains, 3, axis=-1))
    return law, value_now(lq, law, after)


def riccati(lq: LinearQuadratic, iterations: int = ITERATIONS) -> LQRSolution:
    """The stationary optimum of the infinite horizon.

    The algebraic Riccati equation is solved where every mode that does not decay by itself shows
    in the loss. Elsewhere (flat directions without discounting, say) its stabilising solution may
    not exist or not be optimal, and value iteration from V = 0 is run to its limit instead.

    Args:
        lq: A single problem, without leading axes.
        iterations: Most steps of value iteration.

    Example:
        >>> lq = LinearQuadratic.of([[1.0]], gamma=0.1, dt=0.1)
        >>> round(float(riccati(lq).law.K[0, 0]), 6)
        0.909297
    """
    law = _algebraic(lq) if _detectable(lq) else None
    if law is not None:
        value = endless_value_of(lq, law)
        residual = _change(_steered(backward(lq, value)[1]), _steered(value))
        if residual <= RESIDUAL:
            status = f"Solved the algebraic Riccati equation; relative residual {residual:.1e}."
            return LQRSolution(status, True, residual, value, law)
    return _value_iteration(lq, iterations)


def finite_horizon(lq: LinearQuadratic, horizon: int) -> LQRSolution:
    """The optimum of `horizon` steps: backward recursion from V = 0 after the last.

    Example:
        >>> lq = LinearQuadratic.of([[1.0]], gamma=0.1, dt=0.1)
        >>> finite_horizon(lq, 3).law.K[:, 0, 0].round(4)
        array([0.2839, 0.1942, 0.099 ])
    """
    value, steps = lq.nothing, []
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


def solve(lq: LinearQuadratic, horizon: int | None) -> LQRSolution:
    """The optimum of `horizon` steps; None is the infinite horizon."""
    return riccati(lq) if horizon is None else finite_horizon(lq, horizon)


def _algebraic(lq: LinearQuadratic) -> Law | None:
    """The law by the algebraic equations, or None where scipy's solver gives up."""
    root = math.sqrt(lq.beta)
    try:
        S = solve_discrete_are(root * lq.A, root * lq.B, lq.Q, lq.beta * lq.R)
    except np.linalg.LinAlgError:  # no finite solution
        return None
    O, I = np.zeros_like(lq.A), np.eye(lq.dim)
    value = Value(np.block([[(S - lq.Q) / lq.beta, O, O], [O, O, O], [O, O, O]]), np.zeros(()))
    closed = (lq.A - lq.B @ backward(lq, value)[0].K).T
    M = np.linalg.solve(I - lq.beta * lq.rho * closed, -closed @ lq.Q)
    N = np.linalg.solve(I - lq.beta * closed, lq.beta * (1 - lq.rho) * closed @ M)
    value = Value(np.block([[value.P, M, N], [M.T, O, O], [N.T, O, O]]), np.zeros(()))
    return backward(lq, value)[0]


def _value_iteration(lq: LinearQuadratic, iterations: int) -> LQRSolution:
    """Backward recursion until what depends on x no longer changes."""
    value, change, steps = lq.nothing, math.inf, 0
    law, _ = backward(lq, value)
    while change > TOLERANCE and steps < iterations and np.abs(value.Pi).max() < ENDLESS:
        law, new = backward(lq, value)
        change = _change(_steered(new), _steered(value))
        value, steps = new, steps + 1
    if lq.beta == 1 and (lq.rho < 1 or np.any(lq.Omega)):
        value = value._replace(w=np.asarray(math.inf))
    converged = change <= RESIDUAL
    status = (
        f"Solved by value iteration in {steps} steps, because the algebraic Riccati equation does "
        f"not determine the optimum here; relative residual {change:.1e}."
        if converged
        else f"Not converged: after {steps} steps of value iteration the value still changes by "
        f"{change:.1e} per step (a mode out of the controls' reach may grow faster than the "
        "discount); raise gamma, or set a finite horizon."
    )
    return LQRSolution(status, converged, change, value, law)


def _detectable(lq: LinearQuadratic) -> bool:
    """Whether each mode of sqrt(beta) A that does not decay shows in the loss (Hautus's test)."""
    A = math.sqrt(lq.beta) * lq.A
    scale = max(float(np.abs(lq.Q).max()), np.finfo(np.float64).tiny)
    lasting = [mode for mode in np.linalg.eigvals(A) if abs(mode) >= 1 - 1e-12]
    shown = (np.vstack([A - mode * np.eye(len(A)), lq.Q / scale]) for mode in lasting)
    return all(np.linalg.svd(both, compute_uv=False)[-1] > 1e-9 for both in shown)


def _steered(value: Value) -> Array:
    """The part of the value that depends on x, and so on what is done."""
    return value.Pi[..., : value.Pi.shape[-1] // 3, :]


def _change(new: Array, old: Array) -> float:
    """The largest difference relative to the largest entry."""
    return float(np.abs(new - old).max()) / (float(np.abs(new).max()) or 1.0)
