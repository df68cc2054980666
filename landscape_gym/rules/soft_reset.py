"""Soft resets, weight decay towards the prior: what tasks that change ask for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from landscape_gym.derivation.prior import start_moments
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.rules.resetting import ResetState, ResettingRule, constants


@dataclass(frozen=True)
class SoftReset(ResettingRule):
    """``u_t = -lr g^_t - pull (theta_t - mean)``: a gradient step and a pull to the prior's mean.

    The estimate of the gradient is the gradient itself, ``g^ = y``, where it is exact
    (``first = last = 1``). Noisy ones are averaged, by the target that they speak of:

        g^_t = w_t y_t + (1 - w_t) curvature (theta_t - target_t)
        target_{t+1} = kept (theta_t - g^_t / curvature) + (1 - kept) mean

    with weights w_t that begin at ``first`` and settle at ``last`` (`rules.resetting`).

    Assumption: the curvature is known, and the target is redrawn about `mean` unseen, at the
    problem's hazard.

    Derivation (theory section 8): the optimum aims at ``(1 - w) E[z] + w mean``. Its gains sum to
    0, so ``lr = -K_z / h`` and ``pull = -K_m`` exactly, and w = pull / (pull + lr h); for small
    steps that is ``hazard / (hazard + gamma + r)``, r the rate of convergence
    (`control.reset_weight`). With exact gradients the rule is the optimum; with noisy ones it is
    the optimum among linear rules, `control.LQGPolicy` with a linear belief. The exact belief
    about unseen switches is not linear, and does better. `InferredReset` is told no hazard.

    Reference: Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation",
    arXiv:2510.26997; Kumar, Marklund, Van Roy, "Maintaining plasticity in continual learning via
    regenerative regularization", arXiv:2308.11958.

    Example:
        >>> landscape = {"kind": "quadratic", "curvature": (0.5, 0.5), "optimum_std": 1.0}
        >>> problem = NavigationProblem(landscape=landscape, hazard=0.1)
        >>> rule = SoftReset.derive(problem)
        >>> round(rule.lr, 4), round(rule.pull, 4)
        (1.1353, 0.0715)
        >>> gradient, theta = np.array([1.0, 0.0]), np.array([0.0, 2.0])
        >>> rule.update(gradient, rule.init(gradient, parameters=theta), parameters=theta)[0].round(
        ...     4
        ... )
        array([-1.1353, -0.143 ])
    """

    kind: ClassVar[str] = "soft_reset"
    channels = ("gradient", "parameters")

    @classmethod
    def derive(cls, problem: NavigationProblem) -> SoftReset:
        """The constants of a problem.

        Raises:
            Refusal: unless tasks are redrawn unseen, curvature and metric are known and
                diagonal, parameters stay when left alone, the horizon is infinite, and noise is
                additive; naming what to use instead.
        """
        if problem.signalled and problem.noise is not None:
            raise Refusal(
                "soft reset averages over gradients of tasks that change unseen, but switches are "
                "signalled: use HardReset, which forgets at the signal."
            )
        return cls(**constants(problem, "soft reset"))

    def init(self, gradient: Any, parameters: Any) -> ResetState:
        """The prior."""
        return self.prior(gradient)

    def update(self, gradient: Any, state: ResetState, parameters: Any) -> tuple[Any, ResetState]:
        """The velocity, and what is expected next."""
        return self.steer(gradient, state, parameters)


@dataclass(frozen=True)
class L2Init(ResettingRule):
    """`SoftReset` towards the parameters that the episode began with, L2-to-initialisation.

    It reads how far parameters have gone instead of where they are. `mean` is that of the prior
    relative to the start: 0.

    Example:
        >>> landscape = {"kind": "quadratic", "curvature": (0.5,), "dim": 1, "optimum_std": 1.0}
        >>> start = {"kind": "normal", "mean": 0.0, "std": 0.0}
        >>> L2Init.derive(NavigationProblem(landscape=landscape, hazard=0.1, start=start)).mean
        0.0
    """

    kind: ClassVar[str] = "l2_init"
    channels = ("gradient", "displacement")

    @classmethod
    def derive(cls, problem: NavigationProblem) -> L2Init:
        """The constants of a problem.

        Raises:
            Refusal: as `SoftReset.derive` does; and if episodes begin elsewhere than at the
                mean of the prior.
        """
        rule = SoftReset.derive(problem)
        start = start_moments(problem)
        if start.variance > 0 or np.any(start.mean != np.asarray(rule.mean)):
            raise Refusal(
                "L2Init pulls to where the episode began, but that is not the prior's mean: use "
                "SoftReset, or start all episodes at the mean of the landscape's optimum."
            )
        return cls(**{**asdict(rule), "mean": 0.0})

    def init(self, gradient: Any, displacement: Any) -> ResetState:
        """The prior."""
        return self.prior(gradient)

    def update(self, gradient: Any, state: ResetState, displacement: Any) -> tuple[Any, ResetState]:
        """The velocity, and what is expected next."""
        return self.steer(gradient, state, displacement)
