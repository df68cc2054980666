"""Sign descent, what is left of RMSprop without memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from landscape_gym.derivation.whitening import best_whitening
from landscape_gym.problem import NavigationProblem


class SignDescentState(NamedTuple):
    """Nothing: the rule has no memory."""


@dataclass(frozen=True)
class SignDescent:
    """``u_t = -lr sign(g_t)``.

    ``theta+ = theta + dt u``: each coordinate moves by ``dt lr`` or, where the gradient is 0, not.

    Derivation (theory section 7): where the gradient's noise is Gaussian, has variance sigma^2 h
    and outweighs the gradient, the mean of the sign is ``(2/pi)^(1/2) h e / (sigma h^(1/2))`` and
    its variance is 1. So sign descent is, to first order in gradient over noise, whitening
    (`derivation.whitening`) of which the noise has pi/2 times the variance, the price of keeping
    the signs alone, and ``lr`` is (pi/2)^(1/2) times the alpha that is best at that noise. Where
    motion is slow, without discount, that is ``lr = (pi/2)^(1/2) sigma (eta k)^(1/2)``. Where the
    gradient outweighs the noise, signs do not tell how far it is, and from afar the rule is too
    slow.

    Reference: Bernstein et al., "signSGD: compressed optimisation for non-convex problems", 2018;
    Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> rule = SignDescent(lr=0.5)
        >>> gradient = np.array([3.0, -0.1, 0.0])
        >>> rule.update(gradient, rule.init(gradient))[0] + 0.0
        array([-0.5,  0.5,  0. ])
    """

    kind: ClassVar[str] = "sign_descent"
    separable: ClassVar[bool] = True
    channels = ("gradient",)
    lr: float = 0.01
    """Speed of each coordinate."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> SignDescent:
        """The speed for a problem.

        Raises:
            Refusal: for noise that does not tell the curvature, a control matrix, default
                dynamics, a metric that is not a multiple of the identity, task switching, or
                unknown curvatures.
        """
        loss = math.pi / 2
        best = best_whitening(problem, "sign descent", averaged=False, inflation=loss)
        return cls(lr=math.sqrt(loss) * best.alpha)

    def init(self, gradient: Any) -> SignDescentState:
        """The empty state."""
        return SignDescentState()

    def update(self, gradient: Any, state: SignDescentState) -> tuple[Any, SignDescentState]:
        """The velocity, and the empty state."""
        sign = gradient / (abs(gradient) + (gradient == 0))
        return -self.lr * sign, state
