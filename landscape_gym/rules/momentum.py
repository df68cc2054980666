"""Heavy-ball momentum, what a longer horizon buys where curvature is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from landscape_gym.derivation.linear_rule import best_linear_rule
from landscape_gym.derivation.setting import check_lasting, linear_setting
from landscape_gym.problem import NavigationProblem


class MomentumState(NamedTuple):
    """What the rule remembers."""

    update: Any
    """The last velocity, like the gradient; 0 at the start."""


@dataclass(frozen=True)
class Momentum:
    """``u_t = momentum u_{t-1} - lr g_t``, with ``u_{-1} = 0``.

    ``theta+ = theta + dt u``, so ``torch.optim.SGD`` with learning rate ``dt * lr`` and the same
    momentum makes the same steps.

    Derivation (theory 4(c)): of all rules that are linear in the gradient and the previous update,
    this is the one of least expected cost when each coordinate's curvature is drawn from the
    landscape's distribution and is not seen. ``lr`` and ``momentum`` are the exact minimiser
    (`control.linear_rule`), with the problem's gradient noise and drift. On a landscape that is not
    quadratic the curvatures are those at the minimum. Known curvature, noise and drift make the
    same form exactly optimal (theory 4(d)).

    Reference: Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997; Polyak, "Some methods of speeding up the convergence of iteration methods",
    1964.

    Example:
        >>> rule = Momentum(lr=0.5, momentum=0.9)
        >>> u, state = rule.update(np.ones(2), rule.init(np.ones(2)))
        >>> rule.update(np.ones(2), state)[0]
        array([-0.95, -0.95])
    """

    kind: ClassVar[str] = "momentum"
    separable: ClassVar[bool] = True
    channels = ("gradient",)
    lr: float = 0.1
    """Velocity per gradient."""
    momentum: float = 0.9
    """Fraction of the velocity that is kept."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> Momentum:
        """The constants of a problem.

        Raises:
            Refusal: for a control matrix, default dynamics, a metric that is not a multiple of
                the identity, task switching, unknown curvatures, or noise that is not additive.
        """
        setting = linear_setting(problem, "momentum")
        check_lasting(setting, "momentum")
        best = best_linear_rule(setting)
        return cls(lr=best.a, momentum=best.b)

    def init(self, gradient: Any) -> MomentumState:
        """At rest."""
        return MomentumState(0.0 * gradient)

    def update(self, gradient: Any, state: MomentumState) -> tuple[Any, MomentumState]:
        """The velocity, and the state that remembers it."""
        update = self.momentum * state.update - self.lr * gradient
        return update, MomentumState(update)
