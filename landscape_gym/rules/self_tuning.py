"""The self-tuning rule: a small bank of Kalman filters finds out curvature and target."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.arrays import like, namespace
from landscape_gym.derivation.coordinate_prior import coordinate_prior
from landscape_gym.derivation.diagonal import DiagonalQuadratic, stationary
from landscape_gym.derivation.filter_bank import filter_update, sight, variance_update
from landscape_gym.derivation.prior import start_moments
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.arrays import Constant, larger, plain

Bank = tuple[Constant, ...]
"""A constant for each curvature of the bank."""


class SelfTuningState(NamedTuple):
    """What the rule believes before the next gradient, one entry for each curvature."""

    target: tuple[Any, ...]
    """Mean of the target, like the gradient."""
    log_weight: tuple[Any, ...]
    """Logarithm of the curvature's probability up to a constant, like the gradient."""
    variance: tuple[Any, ...]
    """Variance of the target: one for each row where all coordinates have the same."""
    moments: tuple[Any, ...] = ()
    """Mean and variance of the gradient, where the noise is estimated."""


@dataclass(frozen=True)
class SelfTuning:
    """A bank of Kalman filters, one for each of a few curvatures, and the move for their mixture.

    For each curvature h of the bank, with x the displacement and y the gradient:

        s = y - h (x - target),        V = h^2 variance + noise
        target   <- target - h variance / V s
        log p    <- log p - (s^2 / V + log V) / 2
        variance <- variance - (h variance)^2 / V + drift

    and the move that would be best if the curvature were revealed right after it:

        u = - sum p [ aim (x - target) + pull (x - mean) ] / (cost + dt sum p [ aim + pull ])

    Where tasks are redrawn, belief returns to the prior between gradients (kept < 1):
    ``target <- kept target + (1 - kept) mean``, ``variance <- kept^2 variance + (1 - kept^2)
    spread^2``, as in the best linear filter (`rules.resetting`), and ``p <- p^kept``. With
    `separate` the variance is that of the mixture of both cases instead, which depends on the data:
    ``variance <- kept variance + (1 - kept) spread^2 + kept (1 - kept) (target - mean)^2``.

    Assumption: each coordinate is quadratic, with noisy gradients, its curvature drawn from a known
    prior. Coordinates that interact are treated as if they did not.

    Derivation (theory 7(e), 8): given h the filter is exact, and aim and pull are the value
    function's weights of target and prior mean after the move. Curvatures are quantiles of the
    prior, midpoints of equal probability. The rule is `control.SelfTuningPolicy` with `points`
    curvatures; its state is ``2 points`` numbers for each coordinate, as variances do not depend on
    the data (``3 points`` where coordinates differ in their priors). With hazard > 0 the redrawn
    curvature is an approximation: the law for each h takes it to stay, and the weights merely fade.

    Reference: Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997; Magill, "Optimal adaptive estimation of sampled stochastic processes", 1965.

    Example:
        >>> landscape = {"kind": "quadratic", "dim": 1, "optimum_std": 1.0}
        >>> start = {"kind": "normal", "mean": 0.0, "std": 0.0}
        >>> problem = NavigationProblem(landscape=landscape, noise="curvature", start=start)
        >>> rule = SelfTuning.derive(problem, points=3)
        >>> y, x = np.ones((1, 1)), np.zeros((1, 1))
        >>> rule.update(y, rule.init(y, displacement=x), displacement=x)[0].round(3)
        array([[-0.852]])
    """

    kind: ClassVar[str] = "self_tuning"
    channels = ("gradient", "displacement")
    curvature: Bank
    """The bank, > 0."""
    aim: Bank
    """Weight of the distance to the target."""
    pull: Bank
    """Weight of the distance to the prior's mean; 0 without hazard."""
    noise: Bank
    """Variance of the gradient's noise; where it is estimated, over the estimate."""
    cost: Constant
    """metric / eta."""
    dt: float
    """Time per step."""
    mean: Constant = 0.0
    """Prior mean of the target minus the start."""
    spread: float = 1.0
    """Its prior standard deviation."""
    drift: float = 0.0
    """Variance per step of the target's random walk."""
    kept: float = 1.0
    """Probability per step that the task stays."""
    mean_rate: float = 0.0
    """Decay per step of the gradient's average, from which its noise is estimated."""
    noise_rate: float = 0.0
    """Decay per step of the average of squared noise; 0: the noise is known."""
    separate: bool = False
    """Whether each coordinate's variances follow its own data, its estimated noise and how far its
    target has gone: as many numbers again as there are curvatures, and another filter (above)."""

    @classmethod
    def derive(cls, problem: NavigationProblem, points: int = 4) -> SelfTuning:
        """The constants of a problem.

        Raises:
            Refusal: unless the landscape is quadratic with noisy gradients, the metric constant
                and diagonal, the start Gaussian, the horizon infinite, and parameters stay when
                left alone; naming what to use instead.
        """
        prior = coordinate_prior(problem.replace(hazard=0.0), points, "displacement")
        if problem.horizon is not None:
            raise Refusal(
                "the self-tuning rule has constant weights, but a finite horizon changes them from "
                "step to step: use landscape_gym.control.SelfTuningPolicy."
            )
        if not prior.r.any():
            raise Refusal(
                "the self-tuning rule averages noise away, but gradients are exact and two of them "
                "reveal the curvature: use landscape_gym.control.SelfTuningPolicy."
            )
        if problem.hazard > 0 and (problem.signalled or start_moments(problem).variance > 0):
            raise Refusal(
                "with hazard > 0 the self-tuning rule pulls to the prior's mean, which it has to "
                "know relative to the start, and fades what it knows without a signal: use "
                "signalled=False and a start of std 0, or HardReset where curvatures are known."
            )
        rule = _rule(prior.h, prior.metric, problem)
        return replace(
            rule,
            noise=_bank(prior.r),
            mean=plain(prior.mu[:, 0]),
            spread=math.sqrt(prior.s2),
            drift=float(prior.w),
        )

    @classmethod
    def for_networks(
        cls,
        curvature: tuple[float, ...] = (10**-2.5, 10**-1.5, 10**-0.5),
        spread: float = 0.3,
        growth: float = 1e-4,
        hazard: float = 0.0,
        discount: float = 0.99,
        separate: bool = False,
    ) -> SelfTuning:
        """Constants for training networks, with the noise estimated (theory 7(f), 8).

        An experiment, not a theorem: curvature and noise are both unknown, and coordinates
        interact. Time counts in steps, dt = eta = k = 1. With three curvatures the state is eight
        numbers for each weight; variances are one for each row of an array, by its mean noise,
        unless they are separate. The noise counts as long as its task does: its average forgets at
        the rate of the hazard, and at 0.95 a step where there is none.

        Args:
            curvature: The bank: by default the middles, in the logarithm, of three parts of
                [1e-3, 1].
            spread: Standard deviation of how far weights travel, the constant to know. Where tasks
                change, and weights go back to the initialisation, it is that of the initialisation.
            growth: By which fraction of spread^2 the target's variance grows in a step, as the
                other coordinates move.
            hazard: Probability, nearly, of a new task per step; `InferredHazard` is not told it.
            discount: Discount per step.
            separate: Whether variances are separate for each weight: slower, better with a hazard.
        """
        problem = NavigationProblem(dt=1.0, gamma=-math.log(discount), hazard=hazard)
        rule = _rule(np.asarray(curvature)[None], np.ones((1, 1)), problem)
        return replace(
            rule,
            spread=spread,
            drift=growth * spread * spread,
            mean_rate=0.9,
            noise_rate=rule.kept if hazard > 0 else 0.95,
            separate=separate,
        )

    def init(self, gradient: Any, displacement: Any) -> SelfTuningState:
        """The prior."""
        zeros = 0.0 * gradient
        mean, variance = zeros + like(self.mean, zeros), self.spread * self.spread
        each = zeros[..., :1] if self._shared else zeros
        return SelfTuningState(
            target=tuple(mean for _ in self.curvature),
            log_weight=tuple(zeros for _ in self.curvature),
            variance=tuple(variance + each for _ in self.curvature),
            moments=(zeros, gradient * gradient) if self._noise_is_estimated else (),
        )

    def update(
        self, gradient: Any, state: SelfTuningState, displacement: Any
    ) -> tuple[Any, SelfTuningState]:
        """The velocity, and what is believed before the next gradient."""
        moments, scale = self._noise(gradient, state)
        filters = [
            self._learn(gradient, displacement, like(h, gradient), like(r, gradient) * scale, *each)
            for h, r, *each in zip(
                self.curvature,
                self.noise,
                state.target,
                state.log_weight,
                state.variance,
                strict=True,
            )
        ]
        targets, log_weights, variances = zip(*filters, strict=True)
        log_weights, weights = _normalised(log_weights)
        u = self._move(gradient, displacement, targets, weights)
        return u, self._later(gradient, targets, log_weights, variances, moments)

    @property
    def _shared(self) -> bool:
        """Whether variances are the same in all coordinates."""
        return not self.separate and all(
            isinstance(each, float) for each in (*self.curvature, *self.noise)
        )

    @property
    def _noise_is_estimated(self) -> bool:
        """Whether it is; rates may be arrays, for rows with hazards of their own."""
        return not isinstance(self.noise_rate, float | int) or self.noise_rate > 0

    def _noise(self, gradient: Any, state: SelfTuningState) -> tuple[tuple[Any, ...], Any]:
        """The gradient's moments after this one, and the noise variance by which to scale."""
        if not self._noise_is_estimated:
            return (), 1.0
        mean, variance = state.moments
        mean = self.mean_rate * mean + (1 - self.mean_rate) * gradient
        square = (gradient - mean) ** 2
        variance = self.noise_rate * variance + (1 - self.noise_rate) * square
        return (mean, variance), variance

    def _learn(
        self, y: Any, x: Any, h: Any, r: Any, target: Any, log_weight: Any, variance: Any
    ) -> tuple[Any, Any, Any]:
        """One filter after the gradient."""
        seen = sight(variance, h, r)
        target, log_weight = filter_update(y, x, h, target, log_weight, seen)
        if self._shared and r.ndim:  # one variance for all coordinates, by their mean noise
            seen = sight(variance, h, r.mean(-1)[..., None])
        return target, log_weight, variance_update(variance, h, seen.gain)

    def _move(self, y: Any, x: Any, targets: Any, weights: Any) -> Any:
        """The control by the belief."""
        force, weight, mean = 0.0, 0.0, like(self.mean, y)
        for p, target, a, b in zip(weights, targets, self.aim, self.pull, strict=True):
            aim, pull = like(a, y), like(b, y)
            force = force + p * (aim * (x - target) + pull * (x - mean))
            weight = weight + p * (aim + pull)
        return -force / (like(self.cost, y) + self.dt * weight)

    def _later(
        self, y: Any, targets: Any, log_weights: Any, variances: Any, moments: Any
    ) -> SelfTuningState:
        """The belief a step later."""
        kept, mean, prior = self.kept, like(self.mean, y), self.spread * self.spread
        if not isinstance(kept, float | int) or kept < 1:
            if self.separate:
                variances = (
                    kept * P + (1 - kept) * (prior + kept * (m - mean) ** 2)
                    for P, m in zip(variances, targets, strict=True)
                )
            else:
                variances = (kept * kept * P + (1 - kept * kept) * prior for P in variances)
            variances = tuple(variances)  # before the targets move
            targets = (kept * m + (1 - kept) * mean for m in targets)
            log_weights = (kept * log_p for log_p in log_weights)
        return SelfTuningState(
            tuple(targets), tuple(log_weights), tuple(P + self.drift for P in variances), moments
        )


def _rule(h: Array, metric: Array, problem: NavigationProblem) -> SelfTuning:
    """The rule for a bank (d or 1, points), with noise of variance 1."""
    p = problem
    law = stationary(DiagonalQuadratic(h, p.eta, p.k, p.gamma, p.dt, metric, 0.0, p.hazard))
    after = metric / p.eta / (1 - p.dt * law.K)  # dt (c + S), in the letters of diagonal.py
    return SelfTuning(
        curvature=_bank(h),
        aim=_bank(-law.K_z * after),
        pull=_bank(-law.K_m * after),
        noise=(1.0,) * h.shape[1],
        cost=plain(metric[:, 0] / p.eta),
        dt=p.dt,
        kept=math.exp(-p.hazard * p.dt),
    )


def _bank(values: Array) -> Bank:
    """Constants (d or 1, points): numbers if all coordinates have the same, else tuples."""
    if len(values) == 1:
        return tuple(values[0].tolist())
    return tuple(map(tuple, values.T.tolist()))


def _normalised(log_weights: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Logarithms of probabilities, and the probabilities."""
    largest = log_weights[0]
    for each in log_weights[1:]:
        largest = larger(largest, each)
    relative = [each - largest for each in log_weights]
    xp = namespace(largest)
    odds = [xp.exp(each) for each in relative]
    total = sum(odds)
    log_total = xp.log(total)
    return tuple(each - log_total for each in relative), tuple(each / total for each in odds)
