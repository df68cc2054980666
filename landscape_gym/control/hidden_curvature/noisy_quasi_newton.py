"""A learner for rotated Hessians seen through noisy gradients, by expectation-maximisation.

Problem (theory 7(e), for coordinates that interact): the loss ``1/2 (x - z)' H (x - z)`` has hidden
H and z, the target stays, ``z ~ N(mu, s2 I)``, and the gradient is

    y = H (x - z) + e,      e ~ N(0, sigma^2 H)

as minibatches of a log-likelihood have it, so the noise tells of H too. After n gradients, minus
twice sigma^2 times the logarithm of the likelihood is, up to a constant,

    tr(H^-1 Y) + tr(H X(z)) - 2 sum y' (x - z) + n sigma^2 log det H,
    Y = sum y y',    X(z) = sum (x - z)(x - z)'

Given H it is quadratic in z: a Kalman filter. Given the second moments of x - z it is least where

    H X H + nu H - Y = 0,    X^(1/2) H X^(1/2) = (nu^2/4 I + X^(1/2) Y X^(1/2))^(1/2) - nu/2 I

with nu = n sigma^2: a Riccati equation, with the solution of theory section 2. Expectation (of X,
by the mean m and the covariance P of z) and maximisation (H) in turn climb to a maximum of the
likelihood of H. They begin at a steep H, from which moves are small: that is the cheaper error. A
prior of the same form, worth d gradients, adds d sigma^2 to nu, sigma^2 / mean to X and so much to
Y that without data H is the prior's geometric mean; its strength matters little. Acting takes the
estimate for the truth, ``u = -K(H) (x - m)``.

Notation: K(h) optimal gain for curvature h; sums over gradients are kept, so a row costs O(d^2)
memory and O(d^3) time per step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.control.hidden_curvature.quasi_newton import SpectralGain
from landscape_gym.derivation.coordinate_prior import Place, coordinate_prior
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import StatefulPolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

ROUNDS = 5
"""Expectations and maximisations per step; each step goes on from the last one's estimate."""


class Sums(NamedTuple):
    """What each row knows."""

    n: Array
    """Gradients seen, (rows,)."""
    x: Array
    """Sum of x - mu, (rows, d)."""
    y: Array
    """Sum of gradients, (rows, d)."""
    xx: Array
    """Sum of (x - mu)(x - mu)', (rows, d, d)."""
    yy: Array
    """Y, (rows, d, d)."""
    H: Array
    """Estimate of the Hessian, (rows, d, d)."""


class TargetBelief(NamedTuple):
    """z - mu given H."""

    m: Array
    """(rows, d)"""
    P: Array
    """(rows, d, d)"""


class NoisyQuasiNewtonPolicy(StatefulPolicy):
    """The likeliest Hessian by the gradients seen, and the optimum for it.

    Args:
        problem: A quadratic problem with hidden curvature and Gaussian gradient noise, without
            drift, default dynamics, control matrix or task switches; its metric is a multiple of
            the identity. Isotropic noise is treated as curvature noise that is as large where the
            curvature is typical.
        place: "parameters" if theta is seen, "displacement" if only theta minus its start is.
        rounds: Expectations and maximisations per step, >= 1.

    Raises:
        Refusal: for another problem, naming the assumption that fails.
    """

    name = "quasi-Newton (noisy)"

    def __init__(
        self, problem: NavigationProblem, place: Place = "parameters", rounds: int = ROUNDS
    ) -> None:
        """Compute gains, and the prior's sums."""
        self.gain = SpectralGain(problem)
        noise = problem.noise
        if problem.drift > 0 or noise is None or not noise.gaussian:
            raise Refusal(
                "the likeliest Hessian is sought for Gaussian noise and a landscape that stays, "
                "but there is drift or no noise: use QuasiNewtonPolicy without noise, and a linear "
                "rule for drift."
            )
        self._typical = typical = float(np.exp(np.mean(np.log(self.gain.prior))))
        sigma = noise.curvature_std(problem.landscape)
        self._sigma2 = sigma**2 or float(noise.variance(problem.landscape, typical)) / typical
        if self._sigma2 == 0:
            raise Refusal("the noise has std 0: use noise=None and QuasiNewtonPolicy.")
        if rounds < 1:
            raise ValueError(f"rounds is at least 1, got {rounds}.")
        target = coordinate_prior(problem, 1, place)
        self._mu, self._s2, self._rounds = target.mu[:, 0], target.s2, rounds
        self._place = place
        self.observation = ObservationConfig(("gradient", place))
        self._slices = Layout(self.observation, problem).slices

    def begin(self, observation: Array) -> Sums:
        """Before anything is seen."""
        rows, d = observation[:, self._slices["gradient"]].shape
        vector, matrix = np.zeros((rows, d)), np.zeros((rows, d, d))
        H = np.broadcast_to(self.gain.unexplored() * np.eye(d), (rows, d, d))
        return Sums(np.zeros(rows, np.intp), vector, vector, matrix, matrix, H)

    def fits(self, state: Sums, rows: int) -> bool:
        """Whether there are sums of each row."""
        return len(state.n) == rows

    def act(self, observation: Array, state: Sums) -> tuple[Array, Sums]:
        """Actions, and what is known after the gradients seen."""
        y, x = (
            observation[:, self._slices[name]].astype(np.float64)
            for name in ("gradient", self._place)
        )
        x = x - self._mu
        sums = self._with_gradient(state, x, y)
        pull = np.matvec(sums.H, x - self._target(sums).m)
        u = self.gain.control(sums.H, pull, sums.n - 1)
        return self.action_of(u, observation), sums

    def _with_gradient(self, before: Sums, x: Array, y: Array) -> Sums:
        """The sums with one gradient more, and the Hessian that they make likeliest."""
        sums = Sums(
            before.n + 1,
            before.x + x,
            before.y + y,
            before.xx + x[:, :, None] * x[:, None, :],
            before.yy + y[:, :, None] * y[:, None, :],
            before.H,
        )
        for _ in range(self._rounds):
            sums = sums._replace(H=self._likeliest(sums, self._target(sums)))
        return sums

    def _target(self, sums: Sums) -> TargetBelief:
        """Expectation: z - mu given H and all gradients."""
        n, I = sums.n[:, None, None], np.eye(sums.H.shape[1])
        # Precision n H / sigma^2 + I / s2, in a form that a target known beforehand suits too.
        P = self._s2 * np.linalg.inv(n * sums.H * self._s2 / self._sigma2 + I)
        m = np.matvec(P, np.matvec(sums.H, sums.x) - sums.y) / self._sigma2
        return TargetBelief(m, P)

    def _likeliest(self, sums: Sums, target: TargetBelief) -> Array:
        """Maximisation: H given the second moments of x - z, and the prior."""
        n, d = sums.n[:, None, None], sums.H.shape[1]
        m, P, I = target.m, target.P, np.eye(d)
        cross = sums.x[:, :, None] * m[:, None, :]
        b = 1 / np.mean(self.gain.prior)
        a = d * self._typical + b * self._typical**2  # b h^2 + d h = a at the typical h
        X = sums.xx - cross - np.swapaxes(cross, 1, 2) + n * (m[:, :, None] * m[:, None, :] + P)
        X, Y = X + self._sigma2 * b * I, sums.yy + self._sigma2 * a * I
        nu = self._sigma2 * (sums.n[:, None] + d)
        values, basis = np.linalg.eigh(X)
        root = np.sqrt(values)[:, None, :]
        half, inverse = ((basis * s) @ np.swapaxes(basis, 1, 2) for s in (root, 1 / root))
        values, inner = np.linalg.eigh(half @ Y @ half)
        positive = np.sqrt(nu**2 / 4 + np.maximum(values, 0.0)) - nu / 2
        factor = inverse @ inner
        H = (factor * positive[:, None, :]) @ np.swapaxes(factor, 1, 2)
        values, basis = np.linalg.eigh(H)
        return (basis * np.clip(values, *self.gain.bounds)[:, None, :]) @ np.swapaxes(basis, 1, 2)
