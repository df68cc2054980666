"""Shrink and perturb: a soft reset with noise on top."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from landscape_gym.arrays import like
from landscape_gym.derivation.prior import target_moments
from landscape_gym.derivation.structure import check_linear_quadratic
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules.arrays import Constant, plain
from landscape_gym.rules.pseudorandom import Stream, draw, stream
from landscape_gym.rules.resetting import ResetState, ResettingRule
from landscape_gym.rules.soft_reset import SoftReset


class ShrinkAndPerturbState(NamedTuple):
    """What the rule remembers."""

    target: Any
    """As in `SoftReset`."""
    weight: Any
    """As in `SoftReset`."""
    stream: Stream
    """Its random numbers' generator."""


@dataclass(frozen=True)
class ShrinkAndPerturb(ResettingRule):
    """``u_t = -lr g^_t - pull (theta_t - mean) + perturbation xi_t``, xi of mean 0 and variance 1.

    So ``theta+ - mean`` is ``shrink (theta - mean)``, shrink = 1 - dt pull, plus the gradient step
    and noise.

    Derivation: lr, pull and the estimate of the gradient are those of `SoftReset`. The perturbation
    keeps parameters that no gradient moves spread like the prior: their stationary variance is the
    prior's s^2 if ``dt perturbation = s sqrt(1 - shrink^2)``. It is **no part of the optimum**: the
    law is linear and the cost quadratic, so noise changes nothing but what it costs, per step and
    coordinate ``(dt perturbation)^2 (metric / (eta dt) + k dt h + beta P) / 2``. With
    ``perturbation = 0`` the rule is `SoftReset`. What it might be good for, units that have died,
    a quadratic landscape does not have.

    The numbers xi are pseudorandom, uniform, and follow from ``seed`` and from what the rule sees
    at its first step (`rules.pseudorandom`): the same in every run, and in NumPy and torch.

    Reference: Ash and Adams, "On warm-starting neural network training", 2020, who shrink and
    perturb once, before each new task.

    Example:
        >>> landscape = {"kind": "quadratic", "curvature": (0.5, 0.5), "optimum_std": 1.0}
        >>> problem = NavigationProblem(landscape=landscape, hazard=0.1)
        >>> rule = ShrinkAndPerturb.derive(problem)
        >>> shrink = 1 - problem.dt * rule.pull
        >>> round(shrink, 4), round(rule.perturbation, 4)
        (0.9929, 1.1936)
        >>> round((problem.dt * rule.perturbation) ** 2 / (1 - shrink**2), 4)
        1.0
    """

    kind: ClassVar[str] = "shrink_and_perturb"
    channels = ("gradient", "parameters")
    perturbation: Constant = 0.0
    """Standard deviation of the velocity's noise."""
    seed: int = 0
    """Which random numbers."""

    @classmethod
    def derive(cls, problem: NavigationProblem) -> ShrinkAndPerturb:
        """The constants of a problem.

        Raises:
            Refusal: as `SoftReset.derive` does.
        """
        soft = SoftReset.derive(problem)
        shrink = 1 - problem.dt * np.asarray(soft.pull)
        spread = target_moments(check_linear_quadratic(problem)).variance * (1 - shrink**2)
        rule = cls(**vars(soft))
        return replace(rule, perturbation=plain(np.sqrt(spread) / problem.dt))

    def init(self, gradient: Any, parameters: Any) -> ShrinkAndPerturbState:
        """The prior, and generators seeded by what is seen."""
        return ShrinkAndPerturbState(
            *self.prior(gradient), stream=stream(gradient, parameters, self.seed)
        )

    def update(
        self, gradient: Any, state: ShrinkAndPerturbState, parameters: Any
    ) -> tuple[Any, ShrinkAndPerturbState]:
        """The velocity, and what is expected next."""
        u, expected = self.steer(gradient, ResetState(state.target, state.weight), parameters)
        xi, rest = draw(state.stream)
        u = u + like(self.perturbation, gradient) * xi
        return u, ShrinkAndPerturbState(*expected, stream=rest)
