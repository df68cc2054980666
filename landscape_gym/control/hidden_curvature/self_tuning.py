"""The self-tuning rule: gradient noise, target and curvature are inferred while moving.

Problem (theory 7(e)), each coordinate by itself: the curvature h is drawn from a prior, the target
z from N(mu, s^2), and both are hidden;

    y_t = h (x_t - z_t) + e_t,   e_t ~ N(0, r(h)),       z_{t+1} = z_t + N(0, w),
    x_{t+1} = x_t + v_t,   v = dt u
    minimise  E sum_t beta^t [ c/2 v_t^2 + q/2 (x_{t+1} - z_t)^2 ]

Given h the belief about z is a Kalman filter, and the optimum is known (`diagonal_gain`). So
the exact belief is a bank of filters, one for each of M curvatures that stand for the prior
(`derivation.filter_bank`, `derivation.coordinate_prior`).

Notation, for each curvature of the bank:

    h, p     curvature, and its probability by what was seen
    m, P     mean and variance of z given h; P depends on the step alone
    e        x - m, the mean distance from the target
    V        h^2 P + r, variance of the gradient about its prediction h e
    L        h P / V, how far the mean moves per unit of unpredicted gradient
    g        dt K, the fraction of the distance that the optimum for h goes in a step
    S        q + beta P', the weight of the point moved to in the optimum's value for h

How the belief is acted on is an approximation: exact would be to move also in order to learn.
"Look-ahead" takes the move that would be best if h were revealed right after it,

    v = argmin_v sum p [c/2 v^2 + S/2 (e + v)^2] = -sum p S e / (c + sum p S);

it is exactly optimal where two gradients do reveal h. "Mean" takes the mean of the moves that would
be best if h were revealed before it, ``v = -sum p g e``; it costs the same where a step goes but a
small fraction of the way, and more where control is cheap.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from landscape_gym.arrays import SMALLEST
from landscape_gym.derivation import diagonal
from landscape_gym.derivation.coordinate_prior import CoordinatePrior, Place, coordinate_prior
from landscape_gym.derivation.diagonal import DiagonalQuadratic
from landscape_gym.derivation.filter_bank import Sight, filter_update, sight, variance_update
from landscape_gym.derivation.structure import check_linear_quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import UNBOUNDED, restarted
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal


class Belief(NamedTuple):
    """What each row knows."""

    age: Array
    """Gradients seen, (rows,)."""
    m: Array
    """(rows, d, M)"""
    log_p: Array
    """Logarithm of p up to a constant, (rows, d, M)."""
    first: Array | None = None
    """Place and gradient at the start, (rows, 2, d), where two gradients reveal the curvature."""
    known: Array | None = None
    """Then K / h of that curvature at each step, (rows, T or 1, d); NaN until it is revealed."""


class SelfTuningPolicy:
    """A bank of Kalman filters that acts on its mean belief; it reads gradient and place alone.

    Where gradients are exact and the target stays, two of them give the curvature: the bank acts
    once, and then the curvature's own optimum does. On a rotated landscape, whose coordinates
    interact, the bank is a heuristic; it takes the eigenvalues' distribution for each coordinate.

    Args:
        problem: A quadratic problem with Gaussian gradient noise or none, a diagonal metric, and no
            default dynamics, control matrix or task switches.
        points: M, the number of curvatures in the bank.
        place: "parameters" if theta is seen, "displacement" if only theta minus its start is.
        acting: "look-ahead" or "mean", see the head of this file.

    Raises:
        Refusal: for another problem, naming the assumption that fails.
        ValueError: for fewer points than 1.

    Example:
        >>> landscape = {"kind": "quadratic", "dim": 1, "optimum_std": 1.0}
        >>> policy = SelfTuningPolicy(NavigationProblem(landscape=landscape, noise="curvature"))
        >>> action, belief = policy.predict(np.array([[1.0, 0.0]]))  # gradient, then theta
        >>> (action * policy.action.scale).round(4), belief.m.shape
        (array([[-0.8177]]), (1, 1, 25))
    """

    name = "self-tuning"
    privileged = False
    action = UNBOUNDED

    def __init__(
        self,
        problem: NavigationProblem,
        points: int = 25,
        place: Place = "parameters",
        acting: Literal["look-ahead", "mean"] = "look-ahead",
    ) -> None:
        """Compute what does not depend on what is seen: variances, and the gains by curvature."""
        self.problem, self.acting = problem, acting
        self.coordinates = prior = coordinate_prior(problem, points, place)
        if prior.reveals and check_linear_quadratic(problem).rotated:
            raise Refusal(
                "the landscape is rotated and gradients are exact, so the change of a coordinate's "
                "gradient tells no curvature: use QuasiNewtonPolicy, or rotated=False."
            )
        self.observation = ObservationConfig(("gradient", place))
        self._slices = Layout(self.observation, problem).slices
        self._place = place
        self._sights = _sights(prior, problem.steps)
        self._g = problem.dt * gains(problem, prior.metric, prior.h)
        self._c = prior.metric / (problem.eta * problem.dt)
        self._S = self._c * self._g / (1 - self._g)

    def predict(
        self,
        observation: Array,
        state: Belief | None = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Belief]:
        """Actions, and what is believed after the gradients seen."""
        y, x = (
            observation[:, self._slices[name]].astype(np.float64)
            for name in ("gradient", self._place)
        )
        belief = state
        if belief is None or len(belief.age) != len(x):
            belief = self._fresh(len(x))
        elif episode_start is not None and np.any(episode_start):
            belief = restarted(belief, np.asarray(episode_start, bool), self._fresh(len(x)))
        belief = self._learn(belief, x, y)
        u = self._act(belief, x, y)
        return (u / self.action.scale).astype(observation.dtype), belief

    def _fresh(self, rows: int) -> Belief:
        """Beliefs before anything is seen."""
        d, prior = self.problem.dim, self.coordinates
        m = np.broadcast_to(prior.mu, (rows, d, prior.h.shape[1])).copy()
        age, log_p = np.zeros(rows, np.intp), np.zeros_like(m)
        if not prior.reveals:
            return Belief(age, m, log_p)
        known = np.full((rows, len(self._g), d), np.nan)
        return Belief(age, m, log_p, np.zeros((rows, 2, d)), known)

    def _learn(self, belief: Belief, x: Array, y: Array) -> Belief:
        """The belief after one more gradient."""
        seen = Sight(*(_at(part, belief.age) for part in self._sights))
        h, (at, by) = self.coordinates.h, (x[:, :, None], y[:, :, None])
        m, log_p = filter_update(by, at, h, belief.m, belief.log_p, seen)
        after = Belief(belief.age + 1, m, log_p - log_p.max(axis=2, keepdims=True))
        if belief.first is None or belief.known is None:
            return after
        seen = np.stack([x, y], axis=1)
        first = np.where(belief.age[:, None, None] == 0, seen, belief.first)
        return after._replace(first=first, known=self._revealed(belief.known, seen - first))

    def _revealed(self, known: Array, change: Array) -> Array:
        """Exact gradients: the curvature of a coordinate that has moved is the secant."""
        moved, by = change[:, 0], change[:, 1]
        new = np.isnan(known[:, 0]) & (moved * by > 0)
        if not new.any():
            return known
        h = by[new] / moved[new]
        metric = np.broadcast_to(self.coordinates.metric[:, 0], moved.shape)[new]
        out = known.copy()
        np.moveaxis(out, 1, 0)[:, new] = gains(self.problem, metric, h) / h
        return out

    def _act(self, belief: Belief, x: Array, y: Array) -> Array:
        """The control u, by the belief."""
        p = np.exp(belief.log_p)
        p /= p.sum(axis=2, keepdims=True)
        e = x[:, :, None] - belief.m
        step = belief.age - 1
        if self.acting == "mean":
            v = -np.sum(p * _at(self._g, step) * e, axis=2)
        else:
            weight = p * _at(self._S, step)
            v = -np.sum(weight * e, axis=2) / (self._c[:, 0] + weight.sum(axis=2))
        u = v / self.problem.dt
        if belief.known is None:
            return u
        known = belief.known[np.arange(len(x)), np.minimum(step, len(self._g) - 1)]
        return np.where(np.isnan(known), u, -known * y)


def gains(problem: NavigationProblem, metric: Array, h: Array) -> Array:
    """Optimal gains K for curvatures that are known, with a leading axis of steps, or of 1."""
    p = problem
    dq = DiagonalQuadratic(h, p.eta, p.k, p.gamma, p.dt, metric)
    if p.horizon is None:
        return diagonal.stationary(dq).K[None]
    return diagonal.finite_horizon(dq, p.horizon).K


def _sights(prior: CoordinatePrior, steps: int) -> Sight:
    """What the bank expects at every step of an episode, (steps, d or 1, M) each."""
    h, P, parts = prior.h, np.full_like(prior.h, prior.s2), []
    for _ in range(steps):
        seen = sight(P, h, prior.r)
        tells = seen.variance > SMALLEST  # else the gradient is known beforehand
        parts.append(
            Sight(
                seen.gain,
                np.where(tells, seen.variance, np.inf),
                np.where(tells, seen.log_variance, 0.0),
            )
        )
        exact = (prior.r == 0) & (h > 0)  # leaves a variance of 0, and not of a rounding error
        P = np.where(exact, 0.0, variance_update(P, h, seen.gain)) + prior.w
    return Sight(*(np.stack(part) for part in zip(*parts, strict=True)))


def _at(by_step: Array, step: Array) -> Array:
    """The entry of each row's step, the last one where there is none."""
    if (step == step[0]).all():
        return by_step[min(step[0], len(by_step) - 1)][None]
    return by_step[np.minimum(step, len(by_step) - 1)]
