"""Iterative LQR with exact Hessians: Newton's method on the controls of a path, in O(T d^3).

Problem: `trajectory.py`. About a path (x, u), each iteration minimises the second-order
model of J, plus a penalty on changes of control where that model is not convex, by dynamic
programming backwards in time (Jacobson & Mayne, Differential Dynamic Programming, 1970; with linear
or no default dynamics the model is exact to second order, so convergence is quadratic):

    minimise  1/2 du' Hess J du + grad J' du + mu sum_t beta^t du_t' R du_t

Notation, at one step, in units of that step (beta^t divided out); ' and + mean the next step:

    w, W     gradient and Hessian with respect to x+ of the cost from x+ on:
             q l'(x+) + beta v+  and  q l''(x+) + beta V+
    v, V     the same with respect to x, before the control is chosen optimally
    Q_u ..   derivatives of u' R u + w' (A x + B u) + 1/2 (A x + B u)' W (A x + B u)
    k, K     du = k - K dx
    mu       damping, one number a row; 0 is Newton's step

Damping is right for any mu that makes all Q_uu + 2 mu R positive definite, and a large one always
does. All rows are computed at once; rows that are finished are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.control.paths.trajectory import PathProblem, Paths, dense, times
from landscape_gym.landscapes.base import Array

MAX_ITERATIONS = 100
"""Iterations after which a row counts as not converged."""
TOLERANCE = 1e-13
"""Decrease that the model still promises, relative to J, at which a row has converged."""
ROUNDED = 1e-9
"""The same for a row that no step improves any more, as where losses are computed in float32."""
ARMIJO = 1e-4
"""Fraction of the promised first-order decrease that a step has to achieve."""
HALVINGS = 12
"""How often a step is halved before damping is raised instead."""
DAMPING = 1e-3
"""The first damping that is tried; below it there is none."""
LARGEST_DAMPING = 1e8
"""Damping past which a row is given up."""


class Model(NamedTuple):
    """J about some paths: derivatives at x_1, .., x_T, with time first."""

    A: Array
    """Derivative of each step with respect to x, (T, rows or 1, d, d); numbers: (T, 1, 1)."""
    u: Array
    grad: Array
    """l' at x_1, .., x_T, (T, rows, d)."""
    hessian: Array
    """l'' there, (T, rows, d, d)."""
    end: Array
    """x_T, (rows, d)."""

    def take(self, rows: Array) -> Model:
        """Some of the rows, by index."""
        A = self.A if self.A.shape[1] == 1 else self.A[:, rows]
        u, grad, hessian = (a[:, rows] for a in (self.u, self.grad, self.hessian))
        return Model(A, u, grad, hessian, self.end[rows])


class Step(NamedTuple):
    """What minimises the model."""

    k: Array
    """(T, rows, m)"""
    K: Array
    """(T, rows, m, d)"""
    decrease: Array
    """By how much the model falls, (rows,)."""
    convex: Array
    """Whether the damped model is convex; the rest means nothing where it is not. (rows,)"""
    damping: Array
    """mu, (rows,)."""

    def take(self, rows: Array) -> Step:
        """Some of the rows, by index."""
        return Step(self.k[:, rows], self.K[:, rows], *(a[rows] for a in self[2:]))

    def put(self, rows: Array, fresh: Step) -> None:
        """Overwrite some of the rows."""
        self.k[:, rows], self.K[:, rows] = fresh.k, fresh.K
        for old, new in zip(self[2:], fresh[2:], strict=True):
            old[rows] = new


def ilqr(
    path: PathProblem,
    start: Array,
    u: Array,
    *,
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> Paths:
    """Locally optimal paths and gains from some starts, each from a guess of its controls.

    A row has converged where the gradient is zero to `tolerance` and the Hessian of J is positive
    definite, so that the path is a strict local minimum; not on a saddle point of J. What discount
    takes off J is not refined: where beta^t is tiny, late steps are only roughly optimal.

    Args:
        path: The problem.
        start: Known parameters, (rows, d).
        u: Initial controls, (T, rows, m).
        max_iterations: Iterations after which a row counts as not converged.
        tolerance: Of the decrease of J that the model still promises, relative to J.

    Example:
        >>> from landscape_gym.problem import NavigationProblem
        >>> problem = NavigationProblem(landscape="double_well", horizon=50)
        >>> path = PathProblem.of(problem)
        >>> still = ilqr(path, np.array([[-0.6, 0.55]]), np.zeros((50, 1, 2)))
        >>> still.converged[0], still.x[30, 0].round(3)  # stays in the left well
        (np.True_, array([-0.93 ,  0.009]))
    """
    x, u = path.rollout(start, u), u.copy()
    rows = len(start)
    cost, damping, residual = path.cost(x, u), np.zeros(rows), np.full(rows, np.inf)
    gains = np.zeros((path.T, rows, path.m, path.d))
    converged, iterations = np.zeros(rows, bool), np.zeros(rows, np.int64)
    active = np.flatnonzero(np.isfinite(cost))
    for iteration in range(max_iterations + 1):
        enough = tolerance * np.abs(cost[active]) + path.rounding
        step = _newton(path, _model(path, x[:, active], u[:, active]), damping[active], enough)
        stationary = step.convex & (step.decrease <= enough)
        gains[:, active[step.convex]] = step.K[:, step.convex]
        residual[active] = _relative(step.decrease, cost[active])
        converged[active] = stationary & (step.damping == 0)
        left = np.flatnonzero(step.convex & ~stationary)
        active, step = active[left], step.take(left)
        if len(active) == 0 or iteration == max_iterations:
            break
        x[:, active], u[:, active], cost[active], size = _line_search(
            path, x[:, active], u[:, active], cost[active], step
        )
        iterations[active] += 1
        small = step.decrease <= ROUNDED * np.abs(cost[active])
        stuck = small & (size == 0) & (step.damping == 0)
        converged[active] = stuck
        damping[active] = _next_damping(step.damping, size)
        active = active[~stuck & (damping[active] <= LARGEST_DAMPING)]
    return Paths(x, u, gains, cost, residual, converged, iterations)


def sweep(path: PathProblem, model: Model, damping: Array) -> Step:
    """Minimise the damped model: one pass backwards in time."""
    rows, R = len(damping), dense(path.R, path.m)
    k, K = np.empty_like(model.u), np.empty((*model.u.shape, path.d))
    decrease, convex = np.zeros(rows), np.ones(rows, bool)
    penalty = 2 * damping[:, None, None] * R
    v = path.N * (path.q * model.grad[-1] + 2 * times(path.S, model.end))
    V = path.N * (path.q * model.hessian[-1] + 2 * dense(path.S, path.d))
    for t in reversed(range(path.T)):
        w = (path.q * model.grad[t] + path.beta * v)[:, None]
        W = path.q * model.hessian[t] + path.beta * V
        A, B = model.A[t], path.B
        WB = _right(W, B)
        Q_u = 2 * times(path.R, model.u[t]) + _right(w, B)[:, 0]
        Q_uu = 2 * R + _right(WB.transpose(0, 2, 1), B) + penalty
        Q_ux = _right(WB.transpose(0, 2, 1), A)
        both, positive = _solve(Q_uu, np.concatenate([Q_u[:, :, None], Q_ux], axis=2))
        convex &= positive
        k[t], K[t] = -both[:, :, 0], both[:, :, 1:]
        decrease += 0.5 * path.beta**t * np.vecdot(Q_u, both[:, :, 0])
        v = _right(w, A)[:, 0] - np.vecmat(Q_u, K[t])
        V = _right(_right(W, A).transpose(0, 2, 1), A) - Q_ux.transpose(0, 2, 1) @ K[t]
        V = (V + V.transpose(0, 2, 1)) / 2
        if not convex.all():  # what is lost is kept from overflowing
            v[~convex] = V[~convex] = 0.0
    return Step(k, K, decrease, convex, damping.copy())


def _model(path: PathProblem, x: Array, u: Array) -> Model:
    if path.f is not None:
        A = path.jacobians(x[:-1])
    elif path.A.ndim == 2:
        A = np.broadcast_to(path.A, (path.T, 1, *path.A.shape))
    else:
        A = np.broadcast_to(path.A, (path.T, 1, 1))
    return Model(A, u, path.slopes(x[1:])[1], path.hessians(x[1:]), x[-1])


def _newton(path: PathProblem, model: Model, damping: Array, enough: Array) -> Step:
    """The step of least damping, from `damping` up, for which the model is convex.

    Where a damped step promises no more than `enough`, damping may hide a saddle point: the
    undamped one is taken if there is one.
    """
    step = sweep(path, model, damping)
    while len(rows := np.flatnonzero(~step.convex & (step.damping < LARGEST_DAMPING))):
        more = np.maximum(10 * step.damping[rows], DAMPING)
        step.put(rows, sweep(path, model.take(rows), more))
    rows = np.flatnonzero(step.convex & (step.damping > 0) & (step.decrease <= enough))
    if len(rows):
        undamped = sweep(path, model.take(rows), np.zeros(len(rows)))
        step.put(rows[undamped.convex], undamped.take(np.flatnonzero(undamped.convex)))
    return step


def _line_search(
    path: PathProblem, x: Array, u: Array, cost: Array, step: Step
) -> tuple[Array, Array, Array, Array]:
    """Paths after the step, halved until it pays, and how much of it was taken (0: nothing)."""
    size, taken, waiting = 1.0, np.zeros(len(cost)), np.arange(len(cost))
    for _ in range(HALVINGS):
        part = step.take(waiting)
        new_x, new_u = _follow(path, x[:, waiting], u[:, waiting], part, size)
        new_cost = path.cost(new_x, new_u)
        pays = new_cost <= cost[waiting] - 2 * ARMIJO * size * part.decrease
        rows = waiting[pays]
        x[:, rows], u[:, rows], cost[rows] = new_x[:, pays], new_u[:, pays], new_cost[pays]
        taken[rows] = size
        waiting, size = waiting[~pays], size / 2
        if len(waiting) == 0:
            break
    return x, u, cost, taken


def _follow(path: PathProblem, x: Array, u: Array, step: Step, size: float) -> tuple[Array, Array]:
    """The path under ``u_t + size k_t - K_t dx_t``."""
    new_x, new_u = np.empty_like(x), np.empty_like(u)
    new_x[0] = x[0]
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(path.T):
            feedback = np.matvec(step.K[t], new_x[t] - x[t])
            new_u[t] = u[t] + size * step.k[t] - feedback
            new_x[t + 1] = path.move(new_x[t], new_u[t])
    return new_x, new_u


def _next_damping(damping: Array, size: Array) -> Array:
    """Less after a full step, more after none."""
    less = np.where(damping > DAMPING, damping / 10, 0.0)
    return np.select([size == 1, size > 0], [less, damping], np.maximum(10 * damping, DAMPING))


def _relative(decrease: Array, cost: Array) -> Array:
    """Decrease over cost; 0 where the cost is."""
    return np.divide(decrease, np.abs(cost), out=np.zeros_like(cost), where=cost != 0)


def _right(V: Array, M: Array) -> Array:
    """``V M`` for V (rows, n, d); M is a matrix, one for each row, a diagonal or a number."""
    return V @ M if M.ndim >= 2 and M.shape[-2:] != (1, 1) else V * M


def _solve(M: Array, right: Array) -> tuple[Array, Array]:
    """``M^-1 right``, and which M are positive definite to rounding; nothing but zeros elsewhere.

    (Cholesky's test is several times cheaper than eigenvalues, and almost always passes.)
    """
    positive = np.asarray(np.isfinite(M).all(axis=(1, 2)))
    try:
        if positive.all():
            np.linalg.cholesky(M)
            return np.linalg.solve(M, right), positive
    except np.linalg.LinAlgError:
        pass
    I = np.eye(M.shape[1])
    eigenvalues = np.linalg.eigvalsh(np.where(positive[:, None, None], M, -I))
    positive = np.asarray(eigenvalues[:, 0] > 1e-14 * eigenvalues[:, -1].clip(0.0))
    chosen = positive[:, None, None]
    return np.linalg.solve(np.where(chosen, M, I), np.where(chosen, right, 0.0)), positive
