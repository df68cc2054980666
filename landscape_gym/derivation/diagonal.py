"""Linear-quadratic navigation where every coordinate decouples: closed forms, O(d), no solver.

Problem, for each coordinate by itself (theory sections 2, 6 and 8):

    minimise  E sum_t beta^t [ c/2 v^2 + q/2 (x+ - z)^2 ],      x+ = a x + v,     v = dt u

Notation, elementwise (model.py: the same for matrices, without the halves):

    c        metric / (eta dt)
    q        k dt h, with h >= 0 the curvature
    a        1 + dt f, with default dynamics f x
    beta     exp(-gamma dt), the discount per step
    rho      exp(-hazard dt), the probability that the task stays
    P, M, N  value: V = 1/2 P x^2 + x (M z + N m) + terms without x
    S        q + beta P, the weight of the point moved to
    K        law: u = -(K x + K_z z + K_m m)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from landscape_gym.derivation.model import Law
from landscape_gym.landscapes.base import Array


class DiagonalValue(NamedTuple):
    """``V = 1/2 P x^2 + x (M z + N m) + terms without x``, elementwise."""

    P: Array
    M: Array
    N: Array


class DiagonalGain(NamedTuple):
    """The stationary optimum of theory section 2, elementwise."""

    P: Array
    """Value: V = 1/2 P e^2, with e = theta - z."""
    rho: Array
    """Contraction per step: e+ = rho e."""
    gain: Array
    """The law: u = -gain e; ``(1 - rho) / dt``."""


@dataclass(frozen=True)
class DiagonalQuadratic:
    """The data of the problem: arrays that broadcast together."""

    h: Array
    """Curvature, >= 0."""
    eta: float
    k: float
    gamma: float
    dt: float
    metric: Array | float = 1.0
    """Diagonal of G, > 0."""
    drift: Array | float = 0.0
    """Diagonal f of the default dynamics."""
    hazard: float = 0.0

    @property
    def c(self) -> Array:
        """Cost of a move."""
        return np.asarray(self.metric / (self.eta * self.dt))

    @property
    def q(self) -> Array:
        """Cost of distance from the target."""
        return self.k * self.dt * self.h

    @property
    def a(self) -> Array:
        """Where a unit goes that is left alone."""
        return np.asarray(1.0 + self.dt * self.drift)

    @property
    def beta(self) -> float:
        """Discount per step."""
        return math.exp(-self.gamma * self.dt)

    @property
    def rho(self) -> float:
        """Probability per step that the task stays."""
        return math.exp(-self.hazard * self.dt)


def diagonal_gain(
    h: Any, *, metric: Any = 1.0, eta: float, k: float, gamma: float, dt: float
) -> DiagonalGain:
    """Discrete-time optimum for diagonal Hessian and metric, no default dynamics.

    Args:
        h: Diagonal of the Hessian, >= 0; where it is 0 the gain is 0.
        metric: Diagonal of the metric, > 0.
        eta: Scale of affordable change, > 0.
        k: Weight of the loss, > 0.
        gamma: Discount rate, >= 0.
        dt: Time per step, > 0.

    Raises:
        ValueError: for a negative curvature or a metric that is not positive.

    Example:
        >>> diagonal_gain([1 / 9, 1.0], eta=1.0, k=1.0, gamma=0.1, dt=0.1).gain.round(4)
        array([0.2838, 0.9093])
    """
    h, metric = np.asarray(h, np.float64), np.asarray(metric, np.float64)
    if (h < 0).any():
        raise ValueError(f"diagonal_gain needs curvatures >= 0, got {h.min():g}.")
    if (metric <= 0).any():
        raise ValueError(f"diagonal_gain needs a metric > 0, got {metric.min():g}.")
    dq = DiagonalQuadratic(h, eta, k, gamma, dt, metric)
    P = _stationary_value(dq)
    S = dq.q + dq.beta * P
    return DiagonalGain(P, dq.c / (dq.c + S), S / (dq.c + S) / dt)


def stationary(dq: DiagonalQuadratic) -> Law:
    """The optimal law of the infinite horizon."""
    P = _stationary_value(dq)
    S = dq.q + dq.beta * P
    closed = dq.a * dq.c / (dq.c + S)
    lag = (S - dq.dt * dq.drift * dq.c) / (dq.c + S)  # 1 - closed, without cancellation
    # M = closed (beta rho M - q) and N = closed beta ((1 - rho) M + N), solved for M and N.
    stay = -math.expm1(-(dq.gamma + dq.hazard) * dq.dt) + dq.beta * dq.rho * lag
    last = -math.expm1(-dq.gamma * dq.dt) + dq.beta * lag
    M = _ratio(-closed * dq.q, stay)
    N = _ratio(dq.beta * -math.expm1(-dq.hazard * dq.dt) * closed * M, last)
    return backward(dq, DiagonalValue(P, M, N))[0]


def finite_horizon(dq: DiagonalQuadratic, horizon: int) -> Law:
    """The optimal law of `horizon` steps, with a leading axis of that length."""
    zero = np.zeros(np.broadcast_shapes(dq.c.shape, dq.q.shape, dq.a.shape))
    value, laws = DiagonalValue(zero, zero, zero), []
    for _ in range(horizon):
        law, value = backward(dq, value)
        laws.append(law)
    return Law(*map(np.stack, zip(*reversed(laws), strict=True)))


def backward(dq: DiagonalQuadratic, after: DiagonalValue) -> tuple[Law, DiagonalValue]:
    """One step of dynamic programming: the law now and the value now, from the value afterwards."""
    c, q, a, beta, rho = dq.c, dq.q, dq.a, dq.beta, dq.rho
    S = q + beta * after.P
    L = beta * rho * after.M - q
    l = beta * ((1 - rho) * after.M + after.N)
    scale = 1 / (dq.dt * (c + S))
    closed = a * c / (c + S)
    law = Law(scale * a * S, scale * L, scale * l)
    return law, DiagonalValue(closed * a * S, closed * L, closed * l)


def _stationary_value(dq: DiagonalQuadratic) -> Array:
    """P >= 0 with ``beta P^2 + s P - a^2 c q = 0``, s = c (1 - a^2 beta) + q; 0 where h = 0."""
    c, q, a, beta = dq.c, dq.q, dq.a, dq.beta
    decay = -math.expm1(-dq.gamma * dq.dt) - beta * dq.dt * dq.drift * (1 + a)  # 1 - a^2 beta
    s = c * decay + q
    root = np.sqrt(s * s + 4 * beta * a * a * c * q)
    # Of the two forms of the positive root, the one without cancellation.
    growing = np.where(q > 0, (root - s) / (2 * beta), 0.0)
    return np.where(s >= 0, _ratio(2 * a * a * c * q, s + root), growing)


def _ratio(numerator: Array, denominator: Array) -> Array:
    """Their ratio, 0 where the numerator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    zeros = np.zeros(numerator.shape)
    return np.divide(numerator, denominator, out=zeros, where=numerator != 0)
