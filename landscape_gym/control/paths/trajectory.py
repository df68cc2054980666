"""The cost of a whole path from a known start, and its gradient (theory section 1).

Problem, with nothing random and l the loss above its minimum (L itself where that is unknown):

    minimise  J(u) = sum_{t<T} beta^t [ u_t' R u_t + q l(x_{t+1}) ] + beta^T E(x_T)
    x_{t+1}   = A x_t + B u_t,   or  x_t + dt f(x_t) + B u_t  where f is a function
    E(x)      = N [ q l(x) + x' S x ]

The end cost E is what it costs to hold x_T still in the n steps after the path, so that J is the
cost of a policy for the whole problem and bounds the least cost from above.

Notation:

    x, u     parameters theta (d,) and control (m,); time first: x (T + 1, rows, d), u (T, rows, m)
    A, B     I + dt F, (d, d), and dt times the problem's control matrix, (d, m)
    R, q     dt/(2 eta) G, (m, m), and dt k
    beta     exp(-gamma dt), the discount per step
    T, n     steps of the path, and steps that the problem goes on after it
    N        sum_{j<n} beta^j; 0 without an end cost
    K_h, S   u = -K_h x holds x still (zero where f = 0), at a cost x' S x per step, S = K_h' R K_h

Matrices may be diagonal, then they are stored as their diagonal, or one number if it is constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from landscape_gym.configuration import count
from landscape_gym.derivation.structure import why_no_matrix
from landscape_gym.dynamics import minimum_loss
from landscape_gym.landscapes import Landscape, Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import Decay, NavigationProblem
from landscape_gym.refusal import Refusal

DIFFERENCE = 6e-6
"""Step of central differences, relative to the size of the coordinate; about eps^(1/3)."""


class Paths(NamedTuple):
    """Paths of some rows, the gains about them, and how well they were optimised."""

    x: Array
    """Parameters, (T + 1, rows, d)."""
    u: Array
    """Controls, (T, rows, m)."""
    gains: Array | None
    """K of ``u = u_t - K_t (x - x_t)``, optimal near the path, (T, rows, m, d), if known."""
    cost: Array
    """J, (rows,)."""
    residual: Array
    """By how much J may still fall, as the local model has it, relative to J, (rows,)."""
    converged: Array
    """Whether the solver reached its own tolerance, (rows,)."""
    iterations: Array
    """Iterations done, (rows,)."""

    def take(self, rows: Array) -> Paths:
        """Some of the rows, by index."""
        whole = [a if a is None else a[:, rows] for a in (self.x, self.u, self.gains)]
        return Paths(*cast(Any, whole), *(a[rows] for a in self[3:]))

    @classmethod
    def joined(cls, parts: Sequence[Paths]) -> Paths:
        """The rows of several, all with gains or all without."""
        if len(parts) == 1:
            return parts[0]
        by_field = zip(*parts, strict=True)
        merged = (
            None if field[0] is None else np.concatenate(field, axis=1 if i < 3 else 0)
            for i, field in enumerate(cast(Any, by_field))
        )
        return cls(*cast(Any, merged))


@dataclass(frozen=True, eq=False)
class PathProblem:
    """The data of the problem, in the letters of this file's head."""

    landscape: Landscape
    instances: Any
    minimum_loss: float
    d: int
    m: int
    A: Array
    B: Array
    R: Array
    q: float
    beta: float
    T: int
    N: float
    K_h: Array | None
    S: Array
    f: Callable[[Array], Array] | None
    dt: float
    complete: bool
    """Whether J covers all steps of the problem: those after the path, if any, have an end cost."""

    @classmethod
    def of(
        cls, problem: NavigationProblem, steps: int | None = None, elapsed: int = 0
    ) -> PathProblem:
        """The rest of an episode as a path.

        Args:
            problem: What is navigated.
            steps: T, > 0; as far as the horizon if None, ``episode_steps`` where it is infinite.
            elapsed: Steps of the episode that are over; it matters only to a finite horizon.

        Raises:
            Refusal: where the future cannot be computed, naming the assumption that fails.
        """
        p, instances = problem, known_instance(problem)
        steps = None if steps is None else count("steps", steps)
        if p.horizon is None:
            T, n = steps or p.episode_steps, math.inf
        else:
            left = max(p.horizon - elapsed, 1)
            T = min(steps or left, left)
            n = left - T
        A, f = _dynamics(p)
        B = p.dt * (np.ones(()) if p.control_matrix is None else np.asarray(p.control_matrix))
        metric = np.ones(()) if p.metric is None else np.asarray(p.metric, np.float64)
        R = p.dt / (2 * p.eta) * metric
        K_h = None if f else _holding(A, B)
        N = 0.0 if K_h is None else _annuity(p.discount, n)
        origin = np.zeros((1, p.dim))
        return cls(
            landscape=p.landscape,
            instances=instances,
            minimum_loss=float(minimum_loss(p, instances, origin)[0]),
            d=p.dim,
            m=p.control_dim,
            A=A,
            B=B,
            R=R,
            q=p.dt * p.k,
            beta=p.discount,
            T=T,
            N=N,
            K_h=K_h,
            S=np.zeros(()) if K_h is None else _cost_of_holding(K_h, R),
            f=f,
            dt=p.dt,
            complete=n == 0 or N > 0,
        )

    @property
    def convex(self) -> bool:
        """Whether J is convex in u, so that a stationary path is the best one."""
        return self.landscape.convex and self.f is None

    @property
    def discounts(self) -> Array:
        """``beta^t``, (T,)."""
        return self.beta ** np.arange(self.T)

    @property
    def end(self) -> float:
        """``beta^T N``, the weight of the end cost."""
        return self.beta**self.T * self.N

    @property
    def loss_weights(self) -> Array:
        """What a unit of l(x_1), .., l(x_T) costs, (T,)."""
        weights = self.q * self.discounts
        weights[-1] += self.q * self.end
        return weights

    @property
    def rounding(self) -> float:
        """About how much of J is lost to rounding where l is a difference of large losses."""
        epsilon = float(np.finfo(np.float64).eps)
        return epsilon * float(self.loss_weights.sum()) * abs(self.minimum_loss)

    def coast(self, x: Array) -> Array:
        """Where parameters (rows, d) go without control."""
        return times(self.A, x) if self.f is None else x + self.dt * np.asarray(self.f(x))

    def move(self, x: Array, u: Array) -> Array:
        """One step, (rows, d)."""
        return self.coast(x) + times(self.B, u)

    def rollout(self, start: Array, u: Array) -> Array:
        """The path from `start` (rows, d) under controls (T, rows, m): (T + 1, rows, d)."""
        x = np.empty((self.T + 1, *start.shape))
        x[0] = start
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(self.T):
                x[t + 1] = self.move(x[t], u[t])
        return x

    def slopes(self, x: Array) -> tuple[Array, Array]:
        """Loss l and gradient at points (steps, rows, d): (steps, rows) and (steps, rows, d)."""
        with np.errstate(over="ignore", invalid="ignore"):
            loss, grad = self.landscape.loss_and_grad(self.instances, x.reshape(-1, self.d))
        return loss.reshape(x.shape[:-1]) - self.minimum_loss, grad.reshape(x.shape)

    def hessians(self, x: Array) -> Array:
        """Hessians of the loss at points (steps, rows, d): (steps, rows, d, d)."""
        points = x.reshape(-1, self.d)
        hessians = self.landscape.hessian(self.instances, points)
        if hessians is None:
            grad = self.landscape.grad
            hessians = _differences(lambda y: grad(self.instances, y), points)
            hessians = (hessians + hessians.transpose(0, 2, 1)) / 2
        return np.broadcast_to(hessians, (len(points), self.d, self.d)).reshape(*x.shape, self.d)

    def jacobians(self, x: Array) -> Array:
        """Derivatives of `coast` at points (steps, rows, d): (steps, rows, d, d)."""
        if self.f is None:
            return np.broadcast_to(dense(self.A, self.d), (*x.shape, self.d))
        return _differences(self.coast, x.reshape(-1, self.d)).reshape(*x.shape, self.d)

    def cost(self, x: Array, u: Array) -> Array:
        """J, (rows,); infinite where the path overflows."""
        with np.errstate(over="ignore", invalid="ignore"):
            loss = self.landscape.loss(self.instances, x[1:].reshape(-1, self.d))
            return self._sum(loss.reshape(self.T, -1) - self.minimum_loss, x, u)

    def cost_and_grad(self, start: Array, u: Array) -> tuple[Array, Array]:
        """J, (rows,), and its gradient with respect to u, (T, rows, m), by the adjoint equation."""
        x = self.rollout(start, u)
        loss, grad = self.slopes(x[1:])
        pull = self._pull(x)
        with np.errstate(over="ignore", invalid="ignore"):
            grad *= self.loss_weights[:, None, None]
            out = 2 * self.discounts[:, None, None] * times(self.R, u)
            p = grad[-1] + 2 * self.end * times(self.S, x[-1])  # dJ/dx_{t+1} in the loop
            for t in reversed(range(self.T)):
                out[t] += transposed_times(self.B, p)
                if t:
                    p = grad[t - 1] + pull(t, p)
            return self._sum(loss, x, u), out

    def end_cost(self, x: Array) -> Array:
        """The discounted end cost of paths (T + 1, rows, d): (rows,)."""
        loss = self.landscape.loss(self.instances, x[-1]) - self.minimum_loss
        return self.end * (self.q * loss + form(self.S, x[-1]))

    def _sum(self, loss: Array, x: Array, u: Array) -> Array:
        moving = self.discounts @ form(self.R, u)
        total = moving + self.loss_weights @ loss + self.end * form(self.S, x[-1])
        return np.where(np.isnan(total), np.inf, total)

    def _pull(self, x: Array) -> Callable[[int, Array], Array]:
        """``(t, p) -> A_t' p``."""
        if self.f is None:
            return lambda t, p: transposed_times(self.A, p)
        jacobians = self.jacobians(x[:-1])
        return lambda t, p: np.vecmat(p, jacobians[t])


def known_instance(problem: NavigationProblem) -> Any:
    """The landscape's only instance, in float64, if nothing that a plan needs is random.

    Raises:
        Refusal: naming what is random, and what to do.
    """
    if problem.sets_learning_rate:
        raise Refusal(
            "paths are planned for velocities, and the control is a learning rate: use "
            "landscape_gym.control.solve_learning_rate."
        )
    for name in ("hazard", "drift"):
        if getattr(problem, name) > 0:
            raise Refusal(
                f"with {name} > 0 the landscape changes on the way, which no path from a known "
                f"start can foresee: set {name} to 0, or use control.optimum (quadratic losses)."
            )
    if (why := why_no_matrix(problem)) is not None:
        raise Refusal(
            f"{why}, and paths are optimised for a constant quadratic form: give its values at one "
            "point, as a matrix."
        )
    try:
        return problem.landscape.sample(_NothingRandom())
    except _RandomnessError:
        landscape = problem.landscape
        remedy = (
            "use control.optimum, which reads each instance's target and curvature"
            if isinstance(landscape, Quadratic)
            else "leave out what draws instances"
        )
        raise Refusal(
            f"instances of {type(landscape).__name__} are random, and a path is planned on one "
            f"that is known: {remedy}."
        ) from None


def times(M: Array, v: Array) -> Array:
    """``M v`` along the last axis; M is a matrix, a diagonal or a number."""
    return v @ M.T if M.ndim == 2 else M * v


def transposed_times(M: Array, v: Array) -> Array:
    """``M' v`` along the last axis."""
    return v @ M if M.ndim == 2 else M * v


def form(M: Array, v: Array) -> Array:
    """``v' M v`` along the last axis."""
    return np.vecdot(v, times(M, v))


def dense(M: Array, size: int) -> Array:
    """M as a matrix."""
    return M if M.ndim == 2 else np.diag(np.broadcast_to(M, size))


class _RandomnessError(Exception):
    """Something was about to be drawn."""


class _NothingRandom:
    """A `landscapes.base.Draws` of one row that draws nothing."""

    rows = 1
    dtype = np.dtype(np.float64)

    def normal(self, *shape: int) -> Array:
        raise _RandomnessError

    uniform = normal


def _dynamics(problem: NavigationProblem) -> tuple[Array, Callable[[Array], Array] | None]:
    """A, and f where it is a function (A is then of no use)."""
    f = problem.default_dynamics
    if f is None:
        return np.ones(()), None
    if isinstance(f, Decay):
        return np.asarray(1 - problem.dt * f.rate), None
    if problem.dynamics_matrix is not None:
        return np.eye(problem.dim) + problem.dt * problem.dynamics_matrix, None
    return np.ones(()), cast(Callable[[Array], Array], f)


def _holding(A: Array, B: Array) -> Array | None:
    """K_h with ``A x - B K_h x = x``, or None where the controls cannot hold every x."""
    if A.ndim < 2 and B.ndim < 2:
        return (A - 1) / B
    d = len(A if A.ndim == 2 else B)
    A, B = dense(A, d) - np.eye(d), dense(B, d)
    K_h = np.linalg.pinv(B) @ A
    return K_h if np.allclose(B @ K_h, A, rtol=0, atol=1e-12 * max(1.0, np.abs(A).max())) else None


def _cost_of_holding(K_h: Array, R: Array) -> Array:
    """``K_h' R K_h``."""
    if K_h.ndim < 2 and R.ndim < 2:
        return K_h * R * K_h
    K_h = dense(K_h, len(R) if R.ndim else len(K_h))
    return K_h.T @ dense(R, len(K_h)) @ K_h


def _annuity(beta: float, n: float) -> float:
    """``sum_{j<n} beta^j``; 0 where it is infinite, which leaves the end cost out."""
    if beta == 1:
        return 0.0 if math.isinf(n) else float(n)
    return (1 - beta**n) / (1 - beta)


def _differences(function: Callable[[Array], Array], points: Array) -> Array:
    """Jacobians of a batched function at `points` (n, d), by central differences: (n, d, d)."""
    d = points.shape[1]
    steps = DIFFERENCE * np.maximum(1.0, np.abs(points))
    shifts = steps[:, :, None] * np.eye(d)  # (n, which coordinate, d)
    either = [
        np.asarray(function((points[:, None] + sign * shifts).reshape(-1, d))).reshape(-1, d, d)
        for sign in (1, -1)
    ]
    return ((either[0] - either[1]) / (2 * steps[:, :, None])).transpose(0, 2, 1)
