"""A learner for rotated Hessians seen through noisy gradients.

It takes the likeliest Hessian (`hessian_filter`) for the truth: ``u = -K(H) (x - m)``, with K the
optimal gain and m the mean of the target given H.
"""

from __future__ import annotations

import numpy as np

from landscape_gym.control.hidden_curvature.hessian_filter import HessianFilter, Sums
from landscape_gym.control.hidden_curvature.quasi_newton import SpectralGain
from landscape_gym.derivation.coordinate_prior import Place
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import StatefulPolicy
from landscape_gym.problem import NavigationProblem

ROUNDS = 5
"""Expectations and maximisations per step."""


class NoisyQuasiNewtonPolicy(StatefulPolicy):
    """The likeliest Hessian by the gradients seen, and the optimum for it.

    Args:
        problem: As of `HessianFilter`.
        place: As of `HessianFilter`.
        rounds: As of `HessianFilter`.

    Raises:
        Refusal: for another problem, naming the assumption that fails.
    """

    name = "quasi-Newton (noisy)"

    def __init__(
        self, problem: NavigationProblem, place: Place = "parameters", rounds: int | None = ROUNDS
    ) -> None:
        """Compute gains, and the prior's sums."""
        self._filter = HessianFilter(problem, place, rounds)
        self._place = place
        self.observation = ObservationConfig(("gradient", place))
        self._slices = Layout(self.observation, problem).slices

    @property
    def gain(self) -> SpectralGain:
        """K as a function of the curvature."""
        return self._filter.gain

    def begin(self, observation: Array) -> Sums:
        """Before anything is seen."""
        return self._filter.begin(*observation[:, self._slices["gradient"]].shape)

    def fits(self, state: Sums, rows: int) -> bool:
        """Whether there are sums of each row."""
        return len(state.n) == rows

    def act(self, observation: Array, state: Sums) -> tuple[Array, Sums]:
        """Actions, and what is known after the gradients seen."""
        y, x = (
            observation[:, self._slices[name]].astype(np.float64)
            for name in ("gradient", self._place)
        )
        x = x - self._filter.mu
        sums = self._filter.seen(x, y, state)
        error = np.matvec(sums.basis.mT, x) - self._filter.target(sums).m
        u = -np.matvec(sums.basis, self.gain(sums.h, sums.n - 1) * error)
        return self.action_of(u, observation), sums
