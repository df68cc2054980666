"""The ballistic rule, optimal where the future counts in full: a step by the curvature's root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.derivation.assumptions import check_free_motion, check_single_task
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules.arrays import Constant, plain, weigh
from landscape_gym.rules.known_curvature import (
    check_endless,
    check_exact_gradients,
    known_hessian,
    law_of_the_optimum,
)


class BallisticState(NamedTuple):
    """Nothing: the rule has no memory."""


@dataclass(frozen=True)
class Ballistic:
    """``u_t = -rates g_t``, with ``rates = K H^-1``: H the Hessian, K the gain without discount.

    Derivation (theory section 4(a)): on a quadratic loss the optimum is ``u = -K (theta - z)``, and
    a gradient that is exact tells the distance to the target, ``theta - z = H^-1 g``. For gamma = 0
    and small time steps, with a metric G that commutes with H,

        K H^-1 = (eta k)^(1/2) G^(-1/2) H^(-1/2),

    so that four times the curvature is approached twice as fast, not four times as in gradient
    descent. The constants here are those of the discrete time step. They are exact for gamma = 0;
    for gamma > 0 they overshoot, by the fraction gamma / (2 (eta k h)^(1/2)) where that is small.
    Along flat directions the rule does not move.

    Where curvature is hidden, its root can be put in from the gradient's noise: RMSprop and Adam.

    Reference: Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997.

    Example:
        >>> landscape = {"kind": "quadratic", "curvature": (0.25, 4.0)}
        >>> problem = NavigationProblem(landscape=landscape, gamma=0.0, dt=1e-6)
        >>> rule = Ballistic.derive(problem)
        >>> rule.update(np.ones(2), rule.init(np.ones(2)))[0].round(4)
        array([-2. , -0.5])
    """

    kind: ClassVar[str] = "ballistic"
    channels = ("gradient",)
    rates: Constant = 1.0
    """Velocity per gradient: one number, one for each coordinate, or a matrix."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> Ballistic:
        """The constants of a problem, for gamma = 0 whatever its gamma.

        Raises:
            Refusal: for a landscape that is not quadratic or whose curvature is not known,
                noise, a control matrix, default dynamics, task switching, or a finite horizon.
        """
        H = known_hessian(problem, "the ballistic rule")
        check_exact_gradients(problem, "the ballistic rule")
        check_free_motion(problem, "the ballistic rule")
        check_single_task(problem, "the ballistic rule")
        check_endless(problem, "the ballistic rule")
        gain = law_of_the_optimum(problem.replace(gamma=0.0)).K
        return cls(plain(gain @ np.linalg.pinv(H, hermitian=True)))

    def init(self, gradient: Any) -> BallisticState:
        """The empty state."""
        return BallisticState()

    def update(self, gradient: Any, state: BallisticState) -> tuple[Any, BallisticState]:
        """The velocity, and the empty state."""
        return -weigh(self.rates, gradient), state
