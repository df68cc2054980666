"""Selective resets: a coordinate forgets as far as gradients say that its target has moved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from landscape_gym.arrays import SMALLEST, like, namespace
from landscape_gym.derivation.prior import noise_variance
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.arrays import Constant, plain
from landscape_gym.rules.resetting import ResetState, ResettingRule, constants, next_weight

CERTAIN = 80.0
"""Log odds beyond which there is no doubt; their exponential is finite in float32."""


@dataclass(frozen=True)
class SelectiveReset(ResettingRule):
    """`SoftReset` that asks of each coordinate at each step whether its target was redrawn.

    Against the prediction and against the prior a gradient y at theta surprises by

        s = y - curvature (theta - target),        of variance noise^2 / (1 - w),
        s0 = y - curvature (theta - mean),         of variance noise^2 / (1 - first)

    so the log odds that the target has moved are, a likelihood ratio and prior odds,

        o = 1/2 [ s^2 (1 - w) - s0^2 (1 - first) ] / noise^2 + 1/2 log((1 - first) / (1 - w))
            + log(chance / (1 - chance))

    The belief is reset in that proportion, p = 1 / (1 + exp(-o)): mean and variance become those
    of the mixture of both Kalman updates, in the units of `rules.resetting`.

    Where it applies: coordinates that switch independently of each other, or a single one; there
    the only error is that each step's mixture is replaced by its moments. Where switches hit all
    coordinates together, as in `NavigationProblem`, each still infers them correctly from its own
    gradients, but does not hear of them from the others: the exact belief
    (`control.LQGPolicy`) pools their evidence. `InferredReset` is told no hazard. Resetting
    fully where o > 0, as a test would, costs more than resetting in proportion.

    Derivation: theory section 8, with the law of `SoftReset` acting on this belief. The collapse of
    the mixture is the first-order generalised pseudo-Bayes filter of switching linear systems
    (Ackerson and Fu, "On state estimation in switching environments", 1970).

    Reference: Dohare et al., "Loss of plasticity in deep continual learning", Nature 632 (2024),
    whose continual backpropagation resets the units that are of least use; Vastola, Gershman,
    Rajan, "Gradient Descent as Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> rule = SelectiveReset(lr=1.0, pull=0.0, first=0.9, last=0.0, noise=0.3, chance=0.01)
        >>> theta = np.zeros(2)
        >>> state = rule.init(theta, parameters=theta)
        >>> for y in (np.array([1.0, 1.0]),) * 9 + (np.array([1.0, -1.0]),):
        ...     _, state = rule.update(y, state, parameters=theta)
        >>> state.target.round(2), state.weight.round(2)  # the second has moved
        (array([-0.99,  0.9 ]), array([0.1 , 0.47]))
    """

    kind: ClassVar[str] = "selective_reset"
    channels = ("gradient", "parameters")
    noise: Constant = 1.0
    """Standard deviation of the gradient's noise, > 0."""
    chance: float = 0.01
    """Probability per step that the target is redrawn, in (0, 1)."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> SelectiveReset:
        """The constants of a problem.

        Raises:
            Refusal: unless tasks are redrawn unseen, gradients are noisy, curvature and metric
                are known and diagonal, parameters stay when left alone and the horizon is infinite;
                naming what to use instead.
        """
        if problem.signalled:
            raise Refusal(
                "selective reset infers switches, but they are signalled: use HardReset, or "
                "signalled=False."
            )
        fields = constants(problem.replace(signalled=True), "selective reset")
        variance = noise_variance(problem, np.broadcast_to(fields["curvature"], problem.dim))
        if (variance == 0).any():
            raise Refusal(
                "selective reset weighs surprise against noise, and gradients are exact: each "
                "tells the target by itself, so use SoftReset, which is the optimum then."
            )
        chance = -math.expm1(-problem.hazard * problem.dt)
        return cls(**fields, noise=plain(np.sqrt(variance)), chance=chance)

    def init(self, gradient: Any, parameters: Any) -> ResetState:
        """The prior."""
        return self.prior(gradient)

    def update(self, gradient: Any, state: ResetState, parameters: Any) -> tuple[Any, ResetState]:
        """The velocity, and what is expected next."""
        lr, pull, h, noise = (
            like(constant, gradient)
            for constant in (self.lr, self.pull, self.curvature, self.noise)
        )
        prior, mean = self.prior(gradient), like(self.mean, gradient)
        stay = gradient - h * (parameters - state.target)
        moved = gradient - h * (parameters - mean)
        p = self._probability(stay / noise, moved / noise, state.weight, prior.weight)
        if_stay = state.target - state.weight * stay / h
        if_moved = mean - prior.weight * moved / h
        target = p * if_moved + (1 - p) * if_stay
        between = p * (1 - p) * ((if_moved - if_stay) * h / noise) ** 2
        variance = p * prior.weight + (1 - p) * state.weight + between
        u = -lr * h * (parameters - target) - pull * (parameters - mean)
        return u, ResetState(target, next_weight(variance, like(self.last, gradient)))

    def _probability(self, stay: Any, moved: Any, weight: Any, first: Any) -> Any:
        """That the target was redrawn, from both surprises over the noise."""
        xp = namespace(stay)
        odds = 0.5 * (stay * stay * (1 - weight) - moved * moved * (1 - first))
        # Weights of 1, of exact gradients, leave no doubt of either: the odds are then the prior's.
        odds = odds + 0.5 * xp.log((1 - first + SMALLEST) / (1 - weight + SMALLEST))
        odds = odds + math.log(self.chance / (1 - self.chance))
        bounded = 0.5 * (abs(odds + CERTAIN) - abs(odds - CERTAIN))  # within +-CERTAIN
        return 1 / (1 + xp.exp(-bounded))
