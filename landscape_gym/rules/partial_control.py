"""The optimal rule where parameters move by themselves, or controls reach some directions only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.arrays import like
from landscape_gym.derivation.prior import target_moments
from landscape_gym.derivation.structure import check_linear_quadratic
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules.arrays import Constant, plain, weigh
from landscape_gym.rules.known_curvature import (
    check_endless,
    check_exact_gradients,
    known_hessian,
    law_of_the_optimum,
)


class PartialControlState(NamedTuple):
    """Nothing: the rule has no memory."""


@dataclass(frozen=True)
class PartialControl:
    """``u_t = -(parameter_rates theta_t + gradient_rates g_t + offset)``.

    Derivation (theory sections 6 and 8): with default dynamics F theta, a control matrix B, or task
    switching, the optimum on a quadratic loss is ``u = -(K theta + K_z z + K_m m)``, with z the
    target and m the mean of its prior. An exact gradient and a known Hessian H tell the target,
    ``z = theta - H^-1 g``, so that

        parameter_rates = K + K_z,     gradient_rates = -K_z H^-1,     offset = K_m m.

    Where nothing moves by itself, every direction is controlled and the task stays, K_z = -K and
    what is left is a preconditioned gradient. Elsewhere the rule is the gradient of no potential,
    and it does not stop at the minimum: what holds parameters there would cost more than it is
    worth. Along flat directions of H the target does not matter, and H^-1 is the pseudo-inverse.

    The rule is the optimum, exactly, wherever it can be derived.

    Reference: Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997.

    Example:
        >>> landscape = {"kind": "quadratic", "dim": 1, "curvature": (4.0,)}
        >>> problem = NavigationProblem(landscape=landscape, default_dynamics="decay", dt=1e-6)
        >>> rule = PartialControl.derive(problem)
        >>> g, theta = np.array([-4.0]), np.array([0.0])  # one to the left of the target
        >>> rule.update(g, rule.init(g, theta), theta)[0].round(3)
        array([1.732])
    """

    kind: ClassVar[str] = "partial_control"
    channels = ("gradient", "parameters")
    parameter_rates: Constant = 0.0
    """Velocity per parameter: one number, one for each coordinate, or a matrix (m, d)."""
    gradient_rates: Constant = 1.0
    """Velocity per gradient, likewise."""
    offset: Constant = 0.0
    """Velocity against which the rest is taken: one number, or one for each control."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> PartialControl:
        """The constants of a problem.

        Raises:
            Refusal: for a landscape that is not quadratic or whose curvature is not known,
                default dynamics that are not linear, noise, or a finite horizon.
        """
        H = known_hessian(problem, "partial control")
        check_exact_gradients(problem, "partial control")
        check_endless(problem, "partial control")
        law = law_of_the_optimum(problem)
        mean = target_moments(check_linear_quadratic(problem)).mean
        return cls(
            parameter_rates=plain(law.K + law.K_z),
            gradient_rates=plain(-law.K_z @ np.linalg.pinv(H, hermitian=True)),
            offset=plain(law.K_m @ mean),
        )

    def init(self, gradient: Any, parameters: Any) -> PartialControlState:
        """The empty state."""
        return PartialControlState()

    def update(
        self, gradient: Any, state: PartialControlState, parameters: Any
    ) -> tuple[Any, PartialControlState]:
        """The control, (..., m), and the empty state."""
        pull = weigh(self.parameter_rates, parameters) + weigh(self.gradient_rates, gradient)
        return -(pull + like(self.offset, gradient)), state
