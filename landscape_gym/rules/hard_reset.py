"""Hard resets: at a signal that the task has changed, what was learnt is forgotten at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from landscape_gym.arrays import like
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.resetting import ResetState, ResettingRule, constants


@dataclass(frozen=True)
class HardReset(ResettingRule):
    """`SoftReset` whose belief returns to the prior at a signalled switch.

    At the switch, before the new task's first gradient, ``target = mean`` and ``weight = first``;
    otherwise

        g^_t = w_t y_t + (1 - w_t) curvature (theta_t - target_t)
        u_t = -lr g^_t - pull (theta_t - mean)
        target_{t+1} = theta_t - g^_t / curvature

    What is reset is the belief, not the parameters: these go back part of the way, by the law.
    With ``jump > 0`` the parameters are reset instead, as the name says: at the switch
    ``u = -jump (theta - mean)``, and jump = 1/dt puts them at the mean in one step. That is never
    optimal (its control costs |theta - mean|^2 / (2 eta dt)), and `derive` sets jump = 0.

    Assumption: the curvature is known, and switches are signalled as they happen.

    Derivation (theory section 8): between signals the target stays, so the Kalman filter is exact,
    and certainty equivalence makes the rule the optimum (`control.LQGPolicy`).

    Reference: Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997.

    Example:
        >>> rule = HardReset(lr=1.0, pull=0.0, first=0.5, last=0.0)
        >>> theta, y = np.ones((1, 1)), np.ones((1, 1))
        >>> quiet, switch = np.zeros((1, 1)), np.ones((1, 1))
        >>> state = rule.init(y, parameters=theta, switched=quiet)
        >>> _, state = rule.update(y, state, parameters=theta, switched=quiet)
        >>> rule.update(y, state, parameters=theta, switched=quiet)[1].weight  # averaging
        array([[0.25]])
        >>> rule.update(y, state, parameters=theta, switched=switch)[1].weight  # from the beginning
        array([[0.33333333]])
    """

    kind: ClassVar[str] = "hard_reset"
    channels = ("gradient", "parameters", "switched")
    jump: float = 0.0
    """Velocity per distance from the mean at the switch; 0 acts by the law then too."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> HardReset:
        """The constants of a problem.

        Raises:
            Refusal: unless tasks are redrawn with a signal, curvature and metric are known and
                diagonal, parameters stay when left alone, the horizon is infinite, and noise is
                additive; naming what to use instead.
        """
        if not problem.signalled:
            raise Refusal(
                "hard reset waits for the signal of a switch, and signalled is False: use "
                "SoftReset, or landscape_gym.control.LQGPolicy, which infers switches."
            )
        return cls(**constants(problem, "hard reset"))

    def init(self, gradient: Any, parameters: Any, switched: Any) -> ResetState:
        """The prior."""
        return self.prior(gradient)

    def update(
        self, gradient: Any, state: ResetState, parameters: Any, switched: Any
    ) -> tuple[Any, ResetState]:
        """The velocity, and what is expected next; `switched` is 1 after a switch, else 0."""
        prior = self.prior(gradient)
        state = ResetState(
            *(old + switched * (new - old) for new, old in zip(prior, state, strict=True))
        )
        u, state = self.steer(gradient, state, parameters)
        if self.jump:
            back = -self.jump * (parameters - like(self.mean, gradient))
            u = u + switched * (back - u)
        return u, state
