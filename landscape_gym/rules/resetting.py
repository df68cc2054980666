"""What rules that reset have in common: the law of a switching target, and the filter's weights.

Theory section 8, coordinate by coordinate: the curvature h is known, and the target z is redrawn
from N(m, s^2) at the rate `hazard`. The optimum is u = -(K theta + K_z z + K_m m), and the three
gains sum to 0 where parameters stay when left alone. So, g being the gradient h (theta - z),

    u = -lr g - pull (theta - m),      lr = -K_z / h,      pull = -K_m

Of noisy gradients y = g + e, e ~ N(0, r), the Kalman filter makes an average. With z' the target as
predicted from the past,

    g^ = w y + (1 - w) h (theta - z')             the estimate of the gradient
    z' <- kept (theta - g^ / h) + (1 - kept) m    the next prediction
    w  <- P / (P + 1)                             P = kept^2 w + Q

where P is the predicted variance of the target in units of r / h^2, that of a measurement, and Q
what the target's unseen moves add to it in a step. w begins at `first`, by the prior's variance,
and settles at `last`, which determines Q; without noise both are 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.arrays import like
from landscape_gym.derivation.assumptions import check_free_motion, diagonal_metric
from landscape_gym.derivation.diagonal import DiagonalQuadratic, stationary
from landscape_gym.derivation.prior import noise_variance, target_moments
from landscape_gym.derivation.structure import (
    check_linear_quadratic,
    fixed_curvature,
    is_diagonal,
)
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.arrays import Constant, plain


class ResetState(NamedTuple):
    """What a rule that resets remembers, like the gradient."""

    target: Any
    """Where the target is expected, before the next gradient is seen."""
    weight: Any
    """How much that gradient counts against the expectation."""


@dataclass(frozen=True)
class ResettingRule:
    """The law and the filter at the head of this file; rules add when they forget."""

    separable: ClassVar[bool] = True
    lr: Constant = 0.1
    """Velocity per gradient."""
    pull: Constant = 0.01
    """Velocity per distance from the prior's mean."""
    mean: Constant = 0.0
    """The prior's mean: the initialisation, in networks."""
    curvature: Constant = 1.0
    """Curvature, > 0; it matters only where gradients are averaged."""
    first: Constant = 1.0
    """Weight of the first gradient, in [0, 1]; 1 for exact gradients."""
    last: Constant = 1.0
    """The weight that later ones settle at, in [0, 1]; 1 for exact gradients."""
    kept: float = 1.0
    """Probability per step that no redraw happens unseen, in the filter's prediction."""

    def prior(self, gradient: Any) -> ResetState:
        """What is expected before anything is seen."""
        zeros = 0.0 * gradient
        return ResetState(zeros + like(self.mean, zeros), zeros + like(self.first, zeros))

    def steer(self, gradient: Any, state: ResetState, place: Any) -> tuple[Any, ResetState]:
        """The velocity at a place, in the frame of `mean`, and what is expected next."""
        lr, pull, mean, h, last = (
            like(constant, gradient)
            for constant in (self.lr, self.pull, self.mean, self.curvature, self.last)
        )
        target, weight = state
        estimate = weight * gradient + (1 - weight) * h * (place - target)
        u = -lr * estimate - pull * (place - mean)
        target = self.kept * (place - estimate / h) + (1 - self.kept) * mean
        return u, ResetState(target, next_weight(weight, last, self.kept))


def constants(problem: NavigationProblem, rule: str) -> dict[str, Any]:
    """The fields of `ResettingRule` for a problem.

    Raises:
        Refusal: naming the assumption that fails, and what to use instead.
    """
    law, weights = switching_law(problem, rule), filter_weights(problem, rule)
    fields = {**law._asdict(), "first": weights.first, "last": weights.last}
    return {name: plain(values) for name, values in fields.items()} | {"kept": weights.kept}


class SwitchingLaw(NamedTuple):
    """The optimum of a problem whose task is redrawn, (d,) each."""

    lr: Array
    pull: Array
    mean: Array
    curvature: Array
    """h; 1 where it is 0, for there lr and the filter's weights are 0 and it does not matter."""


class FilterWeights(NamedTuple):
    """How much a gradient counts against the prediction, (d,) each."""

    first: Array
    last: Array
    kept: float


def switching_law(problem: NavigationProblem, rule: str) -> SwitchingLaw:
    """The gains of the optimum as a step size and a pull.

    Raises:
        Refusal: naming the assumption that fails, and what to use instead.
    """
    h = _curvature(problem, rule)
    metric = diagonal_metric(problem, rule)
    if problem.hazard == 0:
        raise Refusal(
            f"{rule} is derived for tasks that are redrawn, but hazard = 0 keeps the first, and "
            "nothing pulls back to the prior: set a hazard, or use landscape_gym.control.optimum."
        )
    if problem.horizon is not None:
        raise Refusal(
            f"{rule} has constant gains, but a finite horizon changes them from step to step: use "
            "landscape_gym.control.optimum, or horizon=None."
        )
    p = problem
    law = stationary(DiagonalQuadratic(h, p.eta, p.k, p.gamma, p.dt, metric, 0.0, p.hazard))
    curvature = np.where(h > 0, h, 1.0)
    mean = target_moments(check_linear_quadratic(problem)).mean
    return SwitchingLaw(-law.K_z / curvature, -law.K_m, mean, curvature)


def filter_weights(problem: NavigationProblem, rule: str) -> FilterWeights:
    """The weights of the Kalman filter of a problem: the best linear one where redraws are unseen.

    The disturbance of unseen redraws is taken at its stationary variance; with drift as well that
    is an approximation at the beginning of an episode.
    """
    h = _curvature(problem, rule)
    r, q = noise_variance(problem, h), problem.drift * problem.dt
    s2 = target_moments(check_linear_quadratic(problem)).variance
    kept, moves = 1.0, q
    if not problem.signalled:
        kept = math.exp(-problem.hazard * problem.dt)
        moves = (1 + kept) * ((1 - kept) * s2 + kept * q)
    return FilterWeights(_first(h * h * s2, r), _last(h * h * moves, r, kept, h > 0), kept)


def next_weight(weight: Any, last: Any, kept: float = 1.0) -> Any:
    """The weight of the next gradient, if this one had `weight`, elementwise.

    Example:
        >>> [round(next_weight(weight, last=0.0), 4) for weight in (1.0, 1 / 2, 1 / 3)]
        [0.5, 0.3333, 0.25]
    """
    moves = last * (1 - kept * kept * (1 - last))  # (1 - last) Q
    variance = kept * kept * (1 - last) * weight + moves  # (1 - last) P
    return variance / (variance + (1 - last))


def _curvature(problem: NavigationProblem, rule: str) -> Array:
    """h, (d,)."""
    check_free_motion(problem, rule)
    h = fixed_curvature(check_linear_quadratic(problem))
    if h is not None and h.ndim == 2 and is_diagonal(h):
        h = np.diag(h)
    if h is None or h.ndim == 2:
        raise Refusal(
            f"{rule} resets coordinates separately and needs their curvatures, but here they are "
            "hidden or coupled: use landscape_gym.control.LQGPolicy, or give a diagonal curvature."
        )
    return h.astype(np.float64)


def _first(known: Array, r: Array) -> Array:
    """Weight against the prior, ``known / (known + r)``; 0 where there is nothing to learn."""
    return np.divide(known, known + r, out=np.zeros_like(known), where=known > 0)


def _last(moves: Array, r: Array, kept: float, curved: Array) -> Array:
    """The fixed point of `next_weight` for Q = moves / r; 1 without noise."""
    forgotten = r * (1 - kept * kept) + moves
    root = np.sqrt(forgotten**2 + 4 * kept * kept * moves * r)
    settled = np.divide(2 * moves, forgotten + root, out=np.zeros_like(r), where=moves > 0)
    return np.where((r == 0) & curved, 1.0, settled)
