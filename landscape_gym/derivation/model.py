"""Linear-quadratic navigation in discrete time: the problem, linear laws, and what a law costs.

Problem, for the loss ``1/2 (x - z)' H (x - z)`` and the default dynamics ``f = F x``:

    minimise  E sum_t beta^t [ u' R u + (x+ - z)' Q (x+ - z) ],      x+ = A x + B u,
    z+ = z + w with probability rho, otherwise redrawn with mean m;      x, z and m are known

Notation (arrays may have leading axes: one problem for each index):

    x, u     parameters theta (d,) and control (m,)
    z, m     target (the loss's minimum) and the mean of its prior, both (d,)
    A        I + dt F, (d, d)
    B        dt times the problem's control matrix, (d, m)
    Q, R     dt k/2 H, (d, d), and dt/(2 eta) G, (m, m)
    beta     exp(-gamma dt), the discount per step
    rho      exp(-hazard dt), the probability that the task stays
    Omega    rho Cov(w) + (1 - rho) Cov(prior): what a step adds to the target's second moments
    s        (x, z, m) stacked, (3d,)
    Pi, w    value: V(s) = s' Pi s + w; no factor 1/2
    K        law: u = -(K x + K_z z + K_m m) = -L s

The loss is charged after the move, and the target changes after that. With J s = (x, m, m), what a
redraw makes of s in the mean, and the loss C = [I, -I, 0]' Q [I, -I, 0], a state s+ = (x+, z, m)
after the move costs

    s+' S s+ + beta (w + tr(Pi_zz Omega)),      S = C + beta (rho Pi + (1 - rho) J' Pi J)

so Bellman's equation has no cross term between x and u. A random walk of the target changes no
gain: the problem is certainty equivalent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_discrete_lyapunov

from landscape_gym.landscapes.base import Array


class Law(NamedTuple):
    """``u = -(K x + K_z z + K_m m)``: gains on parameters, on target and on the prior's mean."""

    K: Array
    K_z: Array
    K_m: Array


class Value(NamedTuple):
    """``V(s) = s' Pi s + w`` with s = (x, z, m)."""

    Pi: Array
    """(..., 3d, 3d)"""
    w: Array
    """(...)"""

    def block(self, row: int, column: int) -> Array:
        """The block of Pi for two of (x, z, m), (..., d, d)."""
        return blocks(self.Pi)[row][column]

    @property
    def P(self) -> Array:
        """The block for x, the Riccati equation's solution."""
        return self.block(0, 0)

    def at(self, x: Array, z: Array, m: Array) -> Array:
        """V, for vectors (..., d)."""
        s = np.concatenate(np.broadcast_arrays(x, z, m), axis=-1)
        return np.vecdot(s, np.matvec(self.Pi, s)) + self.w

    def mean(self, second: Array) -> Array:
        """E V, from second moments E s s', (..., 3d, 3d)."""
        return np.sum(self.Pi * second, axis=(-2, -1)) + self.w


@dataclass(frozen=True)
class LinearQuadratic:
    """The data of the problem, in the letters of this file's head."""

    A: Array
    B: Array
    Q: Array
    R: Array
    beta: float = 1.0
    rho: float = 1.0
    Omega: Array | float = 0.0

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
        drift: float = 0.0,
        prior_variance: float = 0.0,
    ) -> LinearQuadratic:
        """From the objective's own terms (theory section 1).

        Args:
            H: Hessian of the loss, (..., d, d), positive semidefinite.
            G: Metric, (..., m, m), positive definite; the identity if None.
            F: Default dynamics ``f = F theta``, (..., d, d); none if None.
            B: Control matrix, (d, m); the identity if None.
            eta: Scale of affordable change, > 0.
            k: Weight of the loss, > 0.
            gamma: Discount rate, >= 0.
            dt: Time per step, > 0.
            hazard: Rate at which the task is redrawn, >= 0.
            drift: Variance per unit time and coordinate of the target's random walk, >= 0.
            prior_variance: Variance per coordinate of a redrawn target, >= 0.
        """
        H = np.asarray(H, np.float64)
        I = np.eye(H.shape[-1])
        B = I if B is None else np.asarray(B, np.float64)
        G = np.eye(B.shape[1]) if G is None else np.asarray(G, np.float64)
        rho = math.exp(-hazard * dt)
        return cls(
            A=I if F is None else I + dt * np.asarray(F, np.float64),
            B=dt * B,
            Q=dt * k / 2 * H,
            R=dt / (2 * eta) * G,
            beta=math.exp(-gamma * dt),
            rho=rho,
            Omega=(rho * drift * dt - math.expm1(-hazard * dt) * prior_variance) * I,
        )

    @property
    def dim(self) -> int:
        """Number of parameters d."""
        return self.A.shape[-1]

    @property
    def nothing(self) -> Value:
        """V = 0, the value after the last step."""
        batch = np.broadcast_shapes(self.A.shape[:-2], self.Q.shape[:-2], self.R.shape[:-2])
        return Value(np.zeros((*batch, 3 * self.dim, 3 * self.dim)), np.zeros(batch))


def after_the_move(lq: LinearQuadratic, after: Value) -> Array:
    """S, (..., 3d, 3d): the weights of the state after the move."""
    S = lq.beta * after.Pi
    if lq.rho < 1:
        I, O = np.eye(lq.dim), np.zeros((lq.dim, lq.dim))
        J = np.block([[I, O, O], [O, O, I], [O, O, I]])
        S = lq.rho * S + (1 - lq.rho) * (J.T @ S @ J)
    else:
        S = S.copy()
    d = lq.dim
    S[..., :d, :d] += lq.Q
    S[..., d : 2 * d, d : 2 * d] += lq.Q
    S[..., :d, d : 2 * d] -= lq.Q
    S[..., d : 2 * d, :d] -= lq.Q
    return S


def value_now(lq: LinearQuadratic, law: Law, after: Value) -> Value:
    """The value of acting by a law now (any law), from the value afterwards."""
    L = np.concatenate(law, axis=-1)
    d = lq.dim
    moved = np.zeros((*L.shape[:-2], 3 * d, 3 * d)) + np.eye(3 * d)  # s+ = moved s
    moved[..., :d, :d] = lq.A
    moved[..., :d, :] -= lq.B @ L
    Pi = _form(moved, after_the_move(lq, after)) + _form(L, lq.R)
    spread = np.sum(after.block(1, 1) * lq.Omega, axis=(-2, -1))
    return Value(Pi, lq.beta * (after.w + spread))


def values_of(lq: LinearQuadratic, law: Law, steps: int) -> Iterator[tuple[Law, Value, Value]]:
    """Step by step from the last to the first: the law, the value afterwards, the value before.

    Args:
        lq: The problem.
        law: A stationary law, or one with a gain for each step (leading axis).
        steps: How many steps there are.
    """
    stationary = law.K.ndim == max(lq.A.ndim, lq.Q.ndim)
    after = lq.nothing
    for t in reversed(range(steps)):
        now = law if stationary else Law(*(gain[t] for gain in law))
        before = value_now(lq, now, after)
        yield now, after, before
        after = before


def endless_value_of(lq: LinearQuadratic, law: Law) -> Value:
    """The value of acting by a stationary law for ever; inf where it has none.

    The law has to contract parameters: ``sqrt(beta) (A - B K)`` has eigenvalues within the unit
    circle. Without discount the value is finite where nothing changes and the loop comes to rest at
    the target; else it is inf.
    """
    A, B, Q, R, beta, rho = lq.A, lq.B, lq.Q, lq.R, lq.beta, lq.rho
    K, K_z, K_m = law
    closed = np.swapaxes(A - B @ K, -1, -2)
    if lq.dim == 1:  # where the loss is flat and nothing is done, nothing is ever paid
        closed = np.where((Q == 0) & (K == 0), 0.0, closed)
    P = _discounted_sum(beta, closed, _form(np.swapaxes(closed, -1, -2), Q) + _form(K, R))
    S, I, KR = Q + beta * P, np.eye(lq.dim), np.swapaxes(K, -1, -2) @ R
    # Each block of Pi is what a step adds to it plus beta times (rho or 1) what it was.
    M = KR @ K_z - closed @ (Q + S @ B @ K_z)
    M = np.linalg.solve(I - beta * rho * closed, M)
    N = KR @ K_m + closed @ (beta * (1 - rho) * M - S @ B @ K_m)
    N = np.linalg.solve(I - beta * closed, N)
    O = np.zeros_like(P)
    flip = lambda block: np.swapaxes(block, -1, -2)  # noqa: E731
    partial = Value(np.block([[P, M, N], [flip(M), O, O], [flip(N), O, O]]), np.zeros(P.shape[:-2]))
    added = value_now(lq, law, partial)
    if beta < 1:
        Y = added.block(1, 1) / (1 - beta * rho)
        X = added.block(1, 2) / (1 - beta * rho)
        U = (added.block(2, 2) + beta * (1 - rho) * (Y + X + flip(X))) / (1 - beta)
        w = beta / (1 - beta) * np.sum(Y * lq.Omega, axis=(-2, -1))
    else:
        Y, X, U = -(P + M + flip(M)), O, O  # V = 0 at rest on the target
        lasting = np.abs(added.block(1, 1)).max(axis=(-2, -1)) > 1e-9 * np.abs(P).max()
        w = np.where(lasting | (rho < 1) | np.any(lq.Omega), np.inf, 0.0)
    return Value(np.block([[P, M, N], [flip(M), Y, X], [flip(N), flip(X), U]]), w)


def blocks(Pi: Array) -> list[list[Array]]:
    """The 3 x 3 blocks of a matrix over (x, z, m)."""
    d = Pi.shape[-1] // 3
    parts = [slice(i * d, (i + 1) * d) for i in range(3)]
    return [[Pi[..., row, column] for column in parts] for row in parts]


def _form(factor: Array, weight: Array) -> Array:
    """``factor' weight factor``."""
    return np.swapaxes(factor, -1, -2) @ weight @ factor


def _discounted_sum(beta: float, closed: Array, cost: Array) -> Array:
    """P = cost + beta closed P closed'."""
    if cost.shape[-1] == 1:
        return cost / (1 - beta * closed * closed)
    closed = np.broadcast_to(closed, cost.shape).reshape(-1, *cost.shape[-2:])
    flat = cost.reshape(closed.shape)
    root = math.sqrt(beta)
    sums = [solve_discrete_lyapunov(root * c, q) for c, q in zip(closed, flat, strict=True)]
    return np.stack(sums).reshape(cost.shape)
