"""What noisy gradients tell of a rotated Hessian and a target, by expectation-maximisation.

Problem (theory 7(e), for coordinates that interact): the loss ``1/2 (x - z)' H (x - z)`` has hidden
H and z, the target stays, ``z ~ N(mu, s2 I)``, and the gradient is

    y = H (x - z) + e,      e ~ N(0, sigma^2 H)

as minibatches of a log-likelihood have it, so the noise tells of H too. After n gradients, minus
twice sigma^2 times the logarithm of the likelihood is, up to a constant,

    tr(H^-1 Y) + tr(H X(z)) - 2 sum y' (x - z) + n sigma^2 log det H,
    Y = sum y y',    X(z) = sum (x - z)(x - z)'

Given H it is quadratic in z: a Kalman filter. Given the second moments of x - z it is least where

    H X H + nu H - Y = 0,    L' H L = (nu^2/4 I + L' Y L)^(1/2) - nu/2 I,    X = L L'

with nu = n sigma^2: a Riccati equation, with the solution of theory section 2, where any root L of
X serves as well as the symmetric one; Cholesky's is the cheapest. Expectation (of X, by the mean m
and the covariance P of z) and maximisation (H) in turn climb to a maximum of the likelihood of H.
They begin at a steep H, from which moves are small: that is the cheaper error. A prior of the same
form, worth d gradients, adds d sigma^2 to nu, sigma^2 / mean to X and so much to Y that without
data H is the prior's geometric mean; its strength matters little.

Notation: K(h) optimal gain for curvature h; sums over gradients are kept, so a row costs O(d^2)
memory and O(d^3) time per step, two eigendecompositions a round. The target's covariance shares
eigenvectors with H, which are therefore kept in place of H.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.control.hidden_curvature.quasi_newton import SpectralGain
from landscape_gym.derivation.coordinate_prior import Place, coordinate_prior
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

EAGER, YOUNG = 7, 12
SETTLED, PATIENT = 40, 8
"""Where rounds are spent if none are asked for; ages are in gradients."""
ROUNDING = 1e-13
"""Of X: more than rounding errors, so that it stays positive definite."""


class Sums(NamedTuple):
    """What each row knows."""

    n: Array
    """Gradients seen, (rows,)."""
    x: Array
    """Sum of x - mu, (rows, d)."""
    y: Array
    """Sum of gradients, (rows, d)."""
    xx: Array
    """Sum of x x', with x from its mean, (rows, d, d)."""
    yy: Array
    """Y, (rows, d, d)."""
    h: Array
    """Eigenvalues of the estimate of the Hessian, (rows, d)."""
    basis: Array
    """Its eigenvectors, in columns, (rows, d, d)."""

    @property
    def H(self) -> Array:
        """Estimate of the Hessian, (rows, d, d)."""
        return (self.basis * self.h[:, None, :]) @ self.basis.mT


class TargetBelief(NamedTuple):
    """z - mu given H, along the eigenvectors of H."""

    m: Array
    """Mean, (rows, d)."""
    variance: Array
    """(rows, d); components are uncorrelated."""


class HessianFilter:
    """The likeliest Hessian by the gradients seen, and where the target is then.

    Args:
        problem: A quadratic problem with hidden curvature and Gaussian gradient noise, without
            drift, default dynamics, control matrix or task switches; its metric is a multiple of
            the identity. Isotropic noise is treated as curvature noise that is as large where the
            curvature is typical.
        place: "parameters" if theta is seen, "displacement" if only theta minus its start is.
        rounds: Expectations and maximisations per step, >= 1; each step goes on from the last
            one's estimate. None spends them where they tell most: `EAGER` a step on the first
            `YOUNG` gradients, then one, and after `SETTLED` one in every `PATIENT` steps. That is
            nearly as good as five a step, and less than one.

    Raises:
        Refusal: for another problem, naming the assumption that fails.
    """

    def __init__(self, problem: NavigationProblem, place: Place, rounds: int | None = None) -> None:
        self.gain = SpectralGain(problem)
        noise = problem.noise
        if problem.drift > 0 or noise is None or not noise.gaussian:
            raise Refusal(
                "the likeliest Hessian is sought for Gaussian noise and a landscape that stays, "
                "but there is drift or no noise: use QuasiNewtonPolicy without noise, and a linear "
                "rule for drift."
            )
        self._typical = typical = float(np.exp(np.mean(np.log(self.gain.prior))))
        self._b = 1 / float(np.mean(self.gain.prior))
        sigma = noise.curvature_std(problem.landscape)
        self._sigma2 = sigma**2 or float(noise.variance(problem.landscape, typical)) / typical
        if self._sigma2 == 0:
            raise Refusal("the noise has std 0: use noise=None and QuasiNewtonPolicy.")
        if rounds is not None and rounds < 1:
            raise ValueError(f"rounds is at least 1, got {rounds}.")
        target = coordinate_prior(problem, 1, place)
        self.mu = target.mu[:, 0]
        """Mean of the target, (d,) or (1,)."""
        self._s2, self._rounds = target.s2, rounds

    def begin(self, rows: int, d: int) -> Sums:
        """Before anything is seen."""
        vector, matrix = np.zeros((rows, d)), np.zeros((rows, d, d))
        h = np.full((rows, d), self.gain.unexplored())
        basis = np.broadcast_to(np.eye(d), matrix.shape)
        return Sums(np.zeros(rows, np.intp), vector, vector, matrix, matrix, h, basis)

    def seen(self, x: Array, y: Array, before: Sums) -> Sums:
        """The sums with one gradient more, and the Hessian that they make likeliest.

        Args:
            x: Where, minus `mu`, (rows, d).
            y: The gradient there, (rows, d).
            before: What the last call returned, or `begin`.
        """
        n = before.n[:, None]
        apart = x - before.x / np.maximum(n, 1)
        return self.likeliest(
            Sums(
                before.n + 1,
                before.x + x,
                before.y + y,
                before.xx + (apart * (n / (n + 1)))[:, :, None] * apart[:, None, :],
                before.yy + y[:, :, None] * y[:, None, :],
                before.h,
                before.basis,
            )
        )

    def likeliest(self, sums: Sums) -> Sums:
        """With the Hessian that sums with a new gradient make likeliest, from the last one on."""
        due = self._due(sums.n)
        for done in range(due.max(initial=0)):
            rows = np.flatnonzero(due > done)
            if len(rows) == len(due):
                sums = self._round(sums)
                continue
            some = self._round(Sums(*(part[rows] for part in sums)))
            h, basis = sums.h.copy(), sums.basis.copy()
            h[rows], basis[rows] = some.h, some.basis
            sums = sums._replace(h=h, basis=basis)
        return sums

    def _due(self, n: Array) -> Array:
        """Rounds after n gradients, (rows,)."""
        if self._rounds is not None:
            return np.full(n.shape, self._rounds)
        return np.where(n <= YOUNG, EAGER, (n <= SETTLED) | (n % PATIENT == 0))

    def target(self, sums: Sums) -> TargetBelief:
        """Expectation: z - mu given H and all gradients."""
        # Precision n h / sigma^2 + 1 / s2, in a form that a target known beforehand suits too.
        n, along = sums.n[:, None], sums.basis.mT
        variance = self._s2 / (n * sums.h * self._s2 / self._sigma2 + 1)
        pull = sums.h * np.matvec(along, sums.x) - np.matvec(along, sums.y)
        return TargetBelief(variance * pull / self._sigma2, variance)

    def _round(self, sums: Sums) -> Sums:
        """H given the second moments of x - z, as the last H has them, and the prior."""
        target = self.target(sums)
        n, d = sums.n[:, None, None], sums.h.shape[1]
        apart, I = sums.x / sums.n[:, None] - np.matvec(sums.basis, target.m), np.eye(d)
        P = (sums.basis * target.variance[:, None, :]) @ sums.basis.mT
        b = self._b
        a = d * self._typical + b * self._typical**2  # b h^2 + d h = a at the typical h
        X = sums.xx + n * (apart[:, :, None] * apart[:, None, :] + P)
        rounding = ROUNDING * np.trace(X, axis1=1, axis2=2)
        X = X + (self._sigma2 * b + rounding)[:, None, None] * I
        Y = sums.yy + self._sigma2 * a * I
        half_nu = self._sigma2 * (sums.n[:, None] + d) / 2
        L = np.linalg.cholesky(X)
        values, inner = np.linalg.eigh(L.mT @ Y @ L)
        positive = np.sqrt(half_nu**2 + np.maximum(values, 0.0)) - half_nu
        factor = np.linalg.inv(L).mT @ inner
        h, basis = np.linalg.eigh((factor * positive[:, None, :]) @ factor.mT)
        return sums._replace(h=np.clip(h, *self.gain.bounds), basis=basis)
