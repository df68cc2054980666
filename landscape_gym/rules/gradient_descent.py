"""Gradient descent, the optimal rule of a short horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from landscape_gym.arrays import like
from landscape_gym.derivation.assumptions import (
    check_free_motion,
    diagonal_metric,
    time_that_counts,
)
from landscape_gym.problem import NavigationProblem


class GradientDescentState(NamedTuple):
    """Nothing: gradient descent has no memory."""


@dataclass(frozen=True)
class GradientDescent:
    """``u_t = -lr g_t``.

    ``theta+ = theta + dt u``, so ``torch.optim.SGD`` with learning rate ``dt * lr`` makes the same
    steps.

    Derivation (theory section 3): where little can be gained within the horizon, eta k h / gamma^2
    << 1, the gradient hardly changes before the future ceases to count, and each unit of time for
    which it counts is worth k g. So ``u = -eta k (time that counts) G^-1 g``, that time being

        1 / gamma                         without horizon,
        dt sum_{t<T} exp(-gamma dt t)     with a horizon of T steps (its first): dt if T = 1.

    Without horizon the time is that of continuous time; the sum over steps, which is
    dt / (1 - exp(-gamma dt)), exceeds it by the fraction gamma dt / 2. Drift changes nothing. Noise
    and task switching are left out: with noise, g would be the gradient's posterior mean; with a
    hazard, the gradient would weigh eta k / (gamma + hazard) and a pull towards the prior's mean
    would be added.

    Reference: Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997.

    Example:
        >>> rule = GradientDescent.derive(NavigationProblem(gamma=10.0))
        >>> rule
        GradientDescent(lr=0.1)
        >>> gradient = np.array([1.0, 2.0])
        >>> rule.update(gradient, rule.init(gradient))[0]
        array([-0.1, -0.2])
    """

    kind: ClassVar[str] = "gradient_descent"
    separable: ClassVar[bool] = True
    channels = ("gradient",)
    lr: float | tuple[float, ...] = 0.1
    """Velocity per gradient: one number, or one for each coordinate."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> GradientDescent:
        """The learning rate of a problem: eta k / gamma, divided by the metric.

        Raises:
            Refusal: for a control matrix, default dynamics, a metric that is not constant and
                diagonal, or an endless horizon.
        """
        check_free_motion(problem, "gradient descent")
        metric = diagonal_metric(problem, "gradient descent")
        time = time_that_counts(problem, "gradient descent")
        rates = problem.eta * problem.k * time / metric
        return cls(float(rates[0]) if len(rates) == 1 else tuple(rates.tolist()))

    def init(self, gradient: Any) -> GradientDescentState:
        """The empty state."""
        return GradientDescentState()

    def update(
        self, gradient: Any, state: GradientDescentState
    ) -> tuple[Any, GradientDescentState]:
        """The velocity, and the empty state."""
        lr = self.lr if isinstance(self.lr, float | int) else like(self.lr, gradient)
        return -lr * gradient, state
