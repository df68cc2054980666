"""Sign descent: RMSprop without memory, and the best rule where the largest move is priced."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from landscape_gym.derivation.assumptions import check_free_motion, time_that_counts
from landscape_gym.derivation.whitening import best_whitening
from landscape_gym.problem import NavigationProblem


class SignDescentState(NamedTuple):
    """Nothing: the rule has no memory."""


@dataclass(frozen=True)
class SignDescent:
    """``u_t = -lr sign(g_t)``; ``dual``: times the sum of ``|g_t|`` over coordinates.

    ``theta+ = theta + dt u``: each coordinate moves by ``dt lr`` or, where the gradient is 0, not.

    *By noise* (theory section 7): where the gradient's noise is Gaussian, has variance sigma^2 h
    and outweighs the gradient, the mean of the sign is ``(2/pi)^(1/2) h e / (sigma h^(1/2))`` and
    its variance is 1. So sign descent is, to first order in gradient over noise, whitening
    (`derivation.whitening`) of which the noise has pi/2 times the variance, the price of keeping
    the signs alone, and ``lr`` is (pi/2)^(1/2) times the alpha that is best at that noise. Where
    motion is slow, without discount, that is ``lr = (pi/2)^(1/2) sigma (eta k)^(1/2)``. Where the
    gradient outweighs the noise, signs do not tell how far it is, and from afar the rule is too
    slow.

    *By geometry* (theory section 12): where moving costs ``N(u)^2 / (2 eta)`` and N is the largest
    magnitude of a coordinate (``metric="max"``), whoever moves one coordinate moves the others as
    fast for nothing. The best rule of a short horizon (`Muon` has the derivation for any norm) goes
    along the signs, at ``eta k (time that counts)`` times the dual norm, ``|g|_1`` (``dual``).

    Reference: Bernstein et al., "signSGD: compressed optimisation for non-convex problems", 2018;
    Bernstein and Newhouse, "Old optimizer, new norm: an anthology", arXiv:2409.20325; Vastola,
    Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> rule = SignDescent(lr=0.5)
        >>> gradient = np.array([3.0, -0.1, 0.0])
        >>> rule.update(gradient, rule.init(gradient))[0] + 0.0
        array([-0.5,  0.5,  0. ])
        >>> SignDescent.derive(NavigationProblem(metric="max", gamma=10.0))
        SignDescent(lr=0.1, dual=True)
    """

    kind: ClassVar[str] = "sign_descent"
    channels = ("gradient",)
    lr: float = 0.01
    """Speed of each coordinate; with `dual`, per sum of the gradient's magnitudes."""
    dual: bool = False
    """Whether the speed is in proportion to that sum, or constant."""

    @property
    def separable(self) -> bool:
        """Whether coordinates move each by itself."""
        return not self.dual

    @classmethod
    def derive(cls, problem: NavigationProblem) -> SignDescent:
        """The speed for a problem.

        Raises:
            Refusal: for a control matrix or default dynamics; with metric="max" for an endless
                horizon; with others for noise that does not tell the curvature, a metric that is
                not a multiple of the identity, task switching, or unknown curvatures.
        """
        if problem.metric == "max":
            check_free_motion(problem, "sign descent")
            time = time_that_counts(problem, "sign descent")
            return cls(problem.eta * problem.k * time, dual=True)
        loss = math.pi / 2
        best = best_whitening(problem, "sign descent", averaged=False, inflation=loss)
        return cls(lr=math.sqrt(loss) * best.alpha)

    def init(self, gradient: Any) -> SignDescentState:
        """The empty state."""
        return SignDescentState()

    def update(self, gradient: Any, state: SignDescentState) -> tuple[Any, SignDescentState]:
        """The velocity, and the empty state."""
        size = abs(gradient)
        sign = gradient / (size + (gradient == 0))
        speed = self.lr * size.sum(-1)[..., None] if self.dual else self.lr
        return -speed * sign, state
