"""The optimum of a linear-quadratic navigation problem, as a policy that sees everything."""

from __future__ import annotations

import numpy as np

from landscape_gym.control.gains import (
    Gains,
    control,
    gain_solver,
    replaced,
    shared_gains,
)
from landscape_gym.control.linear_quadratic import Law
from landscape_gym.control.lqr import LQRSolution
from landscape_gym.control.structure import check_linear_quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import UNBOUNDED
from landscape_gym.problem import NavigationProblem


class LinearQuadraticPolicy:
    """``u = -(K theta + K_z z + K_m m)``: optimal, with z the target and m its prior's mean.

    It reads the parameters and the target; the Hessian, or its diagonal, where instances differ in
    it; and the elapsed time where the horizon is finite.

    Args:
        problem: A problem that is linear-quadratic.

    Raises:
        ValueError: for another problem, naming the assumption that fails.

    Example:
        >>> landscape = {"kind": "quadratic", "curvature": (1 / 9, 1.0)}
        >>> policy = LinearQuadraticPolicy(NavigationProblem(landscape=landscape))
        >>> action, _ = policy.predict(np.array([[1.0, 1.0, 0.0, 0.0]]))  # theta, then target
        >>> (action * policy.action.scale).round(4)
        array([[-0.2838, -0.9093]])
    """

    name = "optimum (full information)"
    privileged = True
    action = UNBOUNDED

    def __init__(self, problem: NavigationProblem) -> None:
        """Solve now, or prepare to solve when Hessians are seen."""
        self.problem = problem
        optimum = np.asarray(check_linear_quadratic(problem).optimum, np.float64)
        self._mean = np.broadcast_to(optimum, (problem.dim,))
        self._solver = gain_solver(problem)
        self._shared = shared_gains(problem, self._solver)
        channels = ["parameters", "target"]
        if self._shared is None:
            channels.append(self._solver.channel)
        if problem.horizon is not None:
            channels.append("elapsed")
        self.observation = ObservationConfig(tuple(channels))
        self._slices = Layout(self.observation, problem).slices

    @property
    def law(self) -> Law | None:
        """Gains that all rows share, (T, 1, d) or (T, 1, m, d); None where Hessians differ."""
        return None if self._shared is None else self._shared.law

    @property
    def solution(self) -> LQRSolution | None:
        """The Riccati solution that all rows share; None where Hessians differ or it is not needed.

        It is not needed where closed forms hold: all is diagonal, or isotropic but the Hessian.
        """
        return None if self._shared is None else self._shared.solution

    def predict(
        self,
        observation: Array,
        state: Gains | None = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Gains | None]:
        """Optimal actions; the state holds each row's gains where Hessians differ."""
        gains = self._shared
        if gains is None:
            state = gains = self._refreshed(state, observation)
        x, z = (
            observation[:, self._slices[name]].astype(np.float64)
            for name in ("parameters", "target")
        )
        u = control(gains, self._step(observation), x, z, self._mean)
        return (u / self.action.scale).astype(observation.dtype), state

    def _step(self, observation: Array) -> Array | None:
        """The step that each row is at, (rows,); None where the horizon is infinite."""
        horizon = self.problem.horizon
        if horizon is None:
            return None
        elapsed = observation[:, self._slices["elapsed"]][:, 0].astype(np.float64)
        return np.minimum(np.rint(elapsed * horizon).astype(np.intp), horizon - 1)

    def _refreshed(self, gains: Gains | None, observation: Array) -> Gains:
        """Gains for the Hessians seen, computed for rows whose Hessian is not that of before."""
        curvature = observation[:, self._slices[self._solver.channel]].copy()
        if gains is None or gains.curvature.shape != curvature.shape:
            return self._solver.solve(curvature)
        rows = np.flatnonzero((gains.curvature != curvature).any(axis=1))
        if len(rows) == 0:
            return gains
        return replaced(gains, rows, self._solver.solve(curvature[rows]))
