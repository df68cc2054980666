"""Optimal gains applied to rows of observations, wherever the target comes from."""

from __future__ import annotations

import numpy as np

from landscape_gym.control.linear_quadratic.cost_to_go import cost_to_go
from landscape_gym.derivation.gains import (
    Gains,
    control,
    gain_solver,
    replace_rows,
    shared_gains,
)
from landscape_gym.derivation.structure import Structure
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.problem import NavigationProblem


class Controller:
    """``u = -(K theta + K_z z + K_m m)`` for observations of certain channels.

    To the channels that are asked for come those that the gains depend on: each row's Hessian, or
    its diagonal, where instances differ in it; the elapsed time where the horizon is finite.

    Args:
        problem: A problem that is linear-quadratic.
        channels: What else is to be read.

    Raises:
        Refusal: for another problem, naming the assumption that fails.
    """

    def __init__(self, problem: NavigationProblem, channels: tuple[str, ...]) -> None:
        """Solve now, or prepare to solve when Hessians are seen."""
        self.structure = Structure.of(problem)
        self.prior_mean = self.structure.target.mean
        self.solver = gain_solver(self.structure)
        self.shared = shared_gains(self.structure, self.solver)
        hidden = () if self.shared else (self.solver.channel,)
        clock = () if problem.horizon is None else ("elapsed",)
        self.observation = ObservationConfig((*channels, *hidden, *clock))
        self._slices = Layout(self.observation, problem).slices

    def read(self, observation: Array, channel: str) -> Array:
        """A channel of observations, (batch, size), in float64."""
        return observation[:, self._slices[channel]].astype(np.float64)

    def gains(self, observation: Array, before: Gains | None = None) -> Gains:
        """Gains for the Hessians seen, computed for rows whose Hessian is not that of before."""
        if self.shared is not None:
            return self.shared
        curvature = observation[:, self._slices[self.solver.channel]].copy()
        if before is None or before.curvature.shape != curvature.shape:
            return self.solver.solve(curvature)
        rows = np.flatnonzero((before.curvature != curvature).any(axis=1))
        if len(rows) == 0:
            return before
        return replace_rows(before, rows, self.solver.solve(curvature[rows]))

    def control(self, gains: Gains, observation: Array, x: Array, z: Array) -> Array:
        """The control u, (batch, m), for parameters and targets."""
        return control(gains, self.step(observation), x, z, self.prior_mean[None])

    def cost_to_go(self, gains: Gains, observation: Array, x: Array, z: Array) -> Array:
        """Expected discounted cost from here on, (batch,), if parameters and targets are known."""
        return cost_to_go(self.structure, gains, self.step(observation), x, z, self.prior_mean)

    def step(self, observation: Array) -> Array | None:
        """The step that each row is at, (rows,); None where the horizon is infinite."""
        horizon = self.structure.problem.horizon
        if horizon is None:
            return None
        elapsed = self.read(observation, "elapsed")[:, 0]
        return np.minimum(np.rint(elapsed * horizon).astype(np.intp), horizon - 1)
