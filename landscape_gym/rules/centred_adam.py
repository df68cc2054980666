"""Centred Adam: the noise about the mean gradient tells the curvature, not the gradient itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.adam import Adam


@dataclass(frozen=True)
class CentredAdam(Adam):
    """Adam with ``v_t = b2 v_{t-1} + (1 - b2) (g_t - m_t)^2``.

    Derivation (theory section 7(b)): the noise's variance is what tells the curvature, and g - m is
    what a gradient differs from its estimate. Of white noise it has the variance ``2 b1^2 / (1 +
    b1)`` in units of the noise's own (less than 1, since m holds some of the noise), and `derive`
    gives Adam's lr times the root of that. Unlike Adam, it leaves the gradient's own square out of
    v, as far as m keeps up with the gradient.

    Reference: Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed
    gradients", 2020, which adds eps under the root too; Vastola, Gershman, Rajan, "Gradient Descent
    as Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> rule = CentredAdam(lr=0.1, b1=0.5)
        >>> gradient = np.array([1.0, -4.0])
        >>> rule.update(gradient, rule.init(gradient))[0].round(4)
        array([-0.2,  0.2])
    """

    kind: ClassVar[str] = "centred_adam"

    @classmethod
    def derive(cls, problem: NavigationProblem) -> CentredAdam:
        """The constants of a problem.

        Raises:
            Refusal: where Adam has none, or where its b1 is 0: a mean without memory is the
                gradient itself, and differs from it by nothing.
        """
        adam = Adam.derive(problem)
        if adam.b1 == 0:
            raise Refusal(
                "centred Adam takes the noise from a gradient's distance to the mean, but here the "
                "best mean has no memory (b1 = 0): use RMSprop."
            )
        shown = 2 * adam.b1**2 / (1 + adam.b1)
        return cls(adam.lr * shown**0.5, adam.b1, adam.b2, adam.eps)

    def _spread(self, gradient: Any, mean: Any) -> Any:
        """What is squared."""
        return gradient - mean
