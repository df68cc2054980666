"""Resets of tasks that change nobody knows how often: the rate is found out on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.arrays import SMALLEST, like, namespace
from landscape_gym.derivation.hazards import chances, check_hazards, spaced_hazards
from landscape_gym.derivation.prior import noise_variance, target_moments
from landscape_gym.derivation.structure import check_linear_quadratic
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.arrays import Constant, larger, plain
from landscape_gym.rules.resetting import FilterWeights, filter_weights, next_weight, switching_law

CERTAIN = 80.0
"""Log odds beyond which there is no doubt; their exponential is finite in float32."""
UNSEEN = 1e-5
"""Moves of the target below this share of its spread are rounding, where gradients are exact."""


class Told(NamedTuple):
    """The law of who is told one hazard."""

    chance: float
    """Of a redraw per step, in (0, 1)."""
    lr: Constant
    pull: Constant


class InferredResetState(NamedTuple):
    """What is believed before the next gradient."""

    target: Any
    """Its mean, like the gradient."""
    weight: Any
    """How much the next gradient counts against it."""
    log_chances: Any
    """Logarithms of the hazards' probabilities, (..., hazards)."""


@dataclass(frozen=True)
class InferredReset:
    """`SoftReset` and `SelectiveReset` that are not told the hazard.

    The belief about the target is that of `SelectiveReset`, but for the task as a whole: the log
    odds o of its coordinates are added up, since a redraw moves all of them together. With p_j the
    probability of the hazard whose chance per step is c_j, and ``c = sum_j p_j c_j``,

        ratio = exp(sum_i o_i),    p = c ratio / (1 - c + c ratio)      that it was redrawn
        p_j <- p_j (1 - c_j + c_j ratio), normalised
        u = -sum_j p_j [ lr_j curvature (theta - target) + pull_j (theta - mean) ]

    Exact gradients tell the target, and whether it has moved: then changes and stays are counted,
    ``p_j`` is the exact posterior, and so the rule is the optimum of who does not know the hazard.
    With noise the only error is that of `SelectiveReset`, a mixture that is replaced by its moments
    at each step (`control.InferredHazardPolicy` does without).

    Derivation: theory section 8; the mean over hazards is certainty equivalence
    (`control.hidden_target.hazard`).

    Reference: Wilson, Nassar, Gold, "Bayesian online learning of the hazard rate in change-point
    problems", Neural Computation 22 (2010); Vastola, Gershman, Rajan, "Gradient Descent as Loss
    Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> landscape = {"kind": "quadratic", "curvature": (0.5, 0.5), "optimum_std": 1.0}
        >>> rule = InferredReset.derive(NavigationProblem(landscape=landscape, hazard=0.1))
        >>> still, state = np.zeros((1, 2)), None
        >>> for t in range(400):  # a task is redrawn every 20 steps of 0.1
        ...     y = np.full((1, 2), 1.0 * (t // 20))
        ...     state = rule.init(y, parameters=still) if state is None else state
        ...     _, state = rule.update(y, state, parameters=still)
        >>> rule.chance(state).round(2)
        array([[0.05]])
    """

    kind: ClassVar[str] = "inferred_reset"
    channels = ("gradient", "parameters")
    told: tuple[Told, ...]
    """The law by each hazard among which the true one is to be found."""
    mean: Constant = 0.0
    """The prior's mean."""
    curvature: Constant = 1.0
    """Curvature, > 0."""
    first: Constant = 1.0
    """Weight of the first gradient, in [0, 1]; 1 for exact gradients."""
    last: Constant = 1.0
    """The weight that later ones of a task settle at; 1 for exact gradients."""
    noise: Constant = 0.0
    """Standard deviation of the gradient's noise; 0: gradients are exact."""
    spread: float = 1.0
    """The prior's standard deviation."""

    @classmethod
    def derive(
        cls, problem: NavigationProblem, hazards: tuple[float, ...] | None = None
    ) -> InferredReset:
        """The constants of a problem; its own hazard has no part in them.

        Args:
            problem: The problem.
            hazards: Rates per unit time, > 0, each as likely as the others; by default
                `spaced_hazards` of the problem.

        Raises:
            Refusal: unless tasks are redrawn unseen, curvature and metric are known and diagonal,
                parameters stay when left alone, the horizon is infinite, and noise is additive;
                naming what to use instead.
        """
        if problem.signalled:
            raise Refusal(
                "inferred reset finds out how often tasks change unseen, but switches are "
                "signalled: use HardReset, or signalled=False."
            )
        hazards = spaced_hazards(problem) if hazards is None else check_hazards(hazards)
        seen = problem.replace(signalled=True)  # between redraws the filter is that of one task
        laws = [switching_law(seen.replace(hazard=hazard), "inferred reset") for hazard in hazards]
        weights: FilterWeights = filter_weights(seen, "inferred reset")
        h = np.broadcast_to(laws[0].curvature, problem.dim)
        return cls(
            told=tuple(
                Told(chance, plain(law.lr), plain(law.pull))
                for chance, law in zip(chances(hazards, problem.dt), laws, strict=True)
            ),
            mean=plain(laws[0].mean),
            curvature=plain(h),
            first=plain(weights.first),
            last=plain(weights.last),
            noise=plain(np.sqrt(noise_variance(problem, h))),
            spread=math.sqrt(target_moments(check_linear_quadratic(problem)).variance),
        )

    def init(self, gradient: Any, parameters: Any) -> InferredResetState:
        """The prior."""
        zeros = 0.0 * gradient
        even = like([-math.log(len(self.told))] * len(self.told), zeros)
        return InferredResetState(
            zeros + like(self.mean, zeros), zeros + like(self.first, zeros), zeros[..., :1] + even
        )

    def update(
        self, gradient: Any, state: InferredResetState, parameters: Any
    ) -> tuple[Any, InferredResetState]:
        """The velocity, and what is expected next."""
        xp = namespace(gradient)
        mean, h, first, last = (
            like(constant, gradient)
            for constant in (self.mean, self.curvature, self.first, self.last)
        )
        stay = gradient - h * (parameters - state.target)
        moved = gradient - h * (parameters - mean)
        log_ratio = self._log_ratio(stay, moved, state.weight, first)
        p = 1 / (1 + xp.exp(_within(-log_ratio - _logit(self.chance(state)))))
        log_chances = self._hazards(log_ratio, state.log_chances)

        if_stay = state.target - state.weight * stay / h
        if_moved = mean - first * moved / h
        target = p * if_moved + (1 - p) * if_stay
        weight = p * first + (1 - p) * state.weight
        if np.any(self.noise):
            units = h / like(self.noise, gradient)
            weight = weight + p * (1 - p) * ((if_moved - if_stay) * units) ** 2
        each = xp.exp(log_chances)
        lr, pull = (each @ like(gains, gradient) for gains in self._gains(gradient.shape[-1]))
        u = -lr * h * (parameters - target) - pull * (parameters - mean)
        return u, InferredResetState(target, next_weight(weight, last), log_chances)

    def chance(self, state: InferredResetState) -> Any:
        """What is believed of the chance of a redraw per step, its posterior mean, (..., 1)."""
        each = namespace(state.log_chances).exp(state.log_chances)
        return each @ like([[one.chance] for one in self.told], each)

    def _log_ratio(self, stay: Any, moved: Any, weight: Any, first: Any) -> Any:
        """How much likelier the gradient is if the task was redrawn, its logarithm, (..., 1)."""
        xp = namespace(stay)
        if not np.any(self.noise):
            # Exact: certain either way. Nothing was seen yet where the prior's mean is expected.
            share = stay / (like(self.curvature, stay) * self.spread * UNSEEN)
            surprise = 4.0 * (share * share).mean(-1)[..., None] - 20.0
            return _within(surprise) * (abs(moved - stay).sum(-1)[..., None] > 0)
        noise = like(self.noise, stay)
        stay, moved = stay / noise, moved / noise
        odds = 0.5 * (stay * stay * (1 - weight) - moved * moved * (1 - first))
        odds = odds + 0.5 * xp.log((1 - first + SMALLEST) / (1 - weight + SMALLEST))
        return odds.sum(-1)[..., None]

    def _hazards(self, log_ratio: Any, log_chances: Any) -> Any:
        """Logarithms of the hazards' probabilities after a gradient."""
        xp = namespace(log_chances)
        c = like([one.chance for one in self.told], log_chances)
        new, kept = xp.log(c) + _within(log_ratio), xp.log1p(-c) + 0.0 * log_chances
        most = larger(new, kept)
        now = log_chances + most + xp.log(xp.exp(new - most) + xp.exp(kept - most))
        now = now - xp.amax(now, -1)[..., None]
        return now - xp.log(xp.exp(now).sum(-1))[..., None]

    def _gains(self, d: int) -> tuple[Any, Any]:
        """Lr and pull by each hazard, (hazards, d)."""
        lr = np.array([np.broadcast_to(one.lr, d) for one in self.told])
        return lr, np.array([np.broadcast_to(one.pull, d) for one in self.told])


def _logit(chance: Any) -> Any:
    xp = namespace(chance)
    return xp.log(chance / (1 - chance))


def _within(odds: Any) -> Any:
    """Log odds within +-CERTAIN."""
    return 0.5 * (abs(odds + CERTAIN) - abs(odds - CERTAIN))
