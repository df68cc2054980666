"""What gradients tell of a hidden target: the Kalman filter of theory sections 4(d), 7(d) and 8.

Problem, along each eigenvector of a known Hessian, where everything decouples:

    y = h (x - z) + e,   e ~ N(0, r)                the gradient seen at the known parameters x
    z+ = z + w,          w ~ N(0, q)                with probability rho: the target drifts
    z+ ~ N(m, s2)                                   otherwise: the task is redrawn

Notation:

    mean, p     mean and variance of z given the gradients so far
    v           variance of z before any gradient
    l           gain: mean <- mean - l (y - h (x - mean)),  p <- (1 - l h) p

A redraw that is signalled returns the belief to the prior, and the filter is exact. One that is not
makes z anything but Gaussian; then this is the best *linear* filter, whose variances still do not
depend on the data: z+ = rho z + (1 - rho) m + a disturbance of variance v+ - rho^2 v, uncorrelated
with the past (`switching.py` has the exact one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from landscape_gym.derivation.gains import times
from landscape_gym.derivation.prior import Moments, start_moments, target_moments
from landscape_gym.derivation.structure import check_linear_quadratic
from landscape_gym.dynamics import switch_probability
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import restarted
from landscape_gym.problem import NavigationProblem

SMALLEST = np.finfo(np.float64).tiny
"""Variance of a gradient below which it has nothing new to tell."""

Noise = Callable[[Array], Array]
"""Variance of the gradient along directions of given curvatures."""


@dataclass(frozen=True)
class TargetModel:
    """How the target begins and changes, in every direction alike."""

    prior: Moments
    """Mean m, (d,), and variance s2 per coordinate."""
    q: float
    """Variance of its random walk per step."""
    rho: float
    """Probability per step that no redraw happens unseen."""
    unbroken: float
    """Probability per step that no redraw is signalled."""

    @classmethod
    def of(cls, problem: NavigationProblem, *, relative: bool = False) -> TargetModel:
        """The target of a problem, or the target minus the start (relative)."""
        prior = target_moments(check_linear_quadratic(problem))
        if relative:
            prior = prior.minus(start_moments(problem))
        stays = 1.0 - switch_probability(problem)
        rho, unbroken = (1.0, stays) if problem.signalled else (stays, 1.0)
        return cls(prior, problem.drift * problem.dt, rho, unbroken)

    def predict(self, p: Array, v: Array) -> tuple[Array, Array]:
        """Variances p and v one step later."""
        later = self.rho * (v + self.q) + (1 - self.rho) * self.prior.variance
        return self.rho**2 * p + (later - self.rho**2 * v), later


class Frame(NamedTuple):
    """The directions in which everything decouples: the eigenvectors of known Hessians."""

    h: Array
    """Eigenvalues, (rows or 1, d)."""
    r: Array
    """Variance of the gradient's noise, (rows or 1, d)."""
    basis: Array | None = None
    """Eigenvectors as columns, (rows or 1, d, d); None: the axes."""

    def into(self, vectors: Array) -> Array:
        """Vectors (rows, d) in these directions."""
        return vectors if self.basis is None else times(np.swapaxes(self.basis, 1, 2), vectors)

    def back(self, vectors: Array) -> Array:
        """The reverse."""
        return vectors if self.basis is None else times(self.basis, vectors)


class GaussianBelief(NamedTuple):
    """What rows know of their targets, in a frame."""

    mean: Array
    """(rows, d)"""
    variance: Array
    """(rows, d), or (1, d) where it is that of all rows."""
    spread: Array
    """v, of the same shape."""


class KalmanFilter:
    """The filter, for a batch of rows.

    Args:
        model: How the target begins and changes.
    """

    def __init__(self, model: TargetModel) -> None:
        """Filter a target that begins and changes as `model` says."""
        self.model = model

    def prior(self, frame: Frame, rows: int) -> GaussianBelief:
        """The belief before anything is seen."""
        mean = np.repeat(self.model.prior.mean[None], rows, axis=0)
        variance = np.full(frame.h.shape, self.model.prior.variance)
        return GaussianBelief(frame.into(mean), variance, variance)

    def later(self, belief: GaussianBelief, prior: GaussianBelief) -> GaussianBelief:
        """The belief a step later, before its gradient."""
        model, mean = self.model, belief.mean
        if model.rho == 1 and model.q == 0:
            return belief
        if model.rho < 1:
            mean = model.rho * mean + (1 - model.rho) * prior.mean
        return GaussianBelief(mean, *model.predict(belief.variance, belief.spread))

    def restart(self, belief: GaussianBelief, rows: Array, prior: GaussianBelief) -> GaussianBelief:
        """The belief in which some rows, a mask (rows,), know nothing again."""
        return restarted(belief, rows, prior)

    def observe(self, belief: GaussianBelief, frame: Frame, y: Array, x: Array) -> GaussianBelief:
        """The belief after the gradients y, seen at the parameters x (rows, d), in the frame."""
        gain, variance = update(belief.variance, frame.h, frame.r)
        mean = belief.mean - gain * (y - frame.h * (x - belief.mean))
        return belief._replace(mean=mean, variance=variance)


class Update(NamedTuple):
    """What a gradient does to the belief."""

    gain: Array
    """l"""
    variance: Array
    """The variance afterwards."""


def update(p: Array, h: Array, r: Array) -> Update:
    """Gain and new variance, elementwise; along flat directions a gradient tells nothing."""
    pull = h * p
    spread = h * pull + r
    gain = np.divide(pull, spread, out=np.zeros_like(spread), where=spread >= SMALLEST)
    return Update(gain, (1 - gain * h) * p)


def covariances(model: TargetModel, hessian: Array, noise: Noise) -> Iterator[Array]:
    """Expected covariance of the target after 1, 2, .. gradients, (..., d, d), without end.

    Args:
        model: How the target changes.
        hessian: Known Hessians, (..., d, d).
        noise: Variance of the gradient along directions of given curvatures.
    """
    h, basis = np.linalg.eigh(hessian)
    h = np.maximum(h, 0.0)
    r = noise(h)
    p = v = np.full(h.shape, model.prior.variance)
    redrawn, first = np.zeros(h.shape), 1.0  # mean variance after redraws, probability of none
    while True:
        p = update(p, h, r).variance
        mean = redrawn + first * p
        yield (basis * mean[..., None, :]) @ np.swapaxes(basis, -1, -2)
        redrawn = redrawn + first * (1 - model.unbroken) * p  # that many gradients ago
        first *= model.unbroken
        p, v = model.predict(p, v)


def stationary_gain(h: Array, r: Array, q: float) -> Array:
    """The gain l that the filter of a drifting target settles at, elementwise.

    The variance before a gradient solves ``p^2 - q p - q r / h^2 = 0``.

    Example:
        >>> stationary_gain(np.array([0.3]), np.array([0.09]), q=0.001).round(6)
        array([0.103756])
    """
    noise = np.divide(r, h * h, out=np.full(np.shape(h), np.inf), where=h > 0)
    p = (q + np.sqrt(q * q + 4 * q * noise)) / 2
    return np.divide(p, h * (p + noise), out=np.zeros(np.shape(h)), where=np.isfinite(noise))
