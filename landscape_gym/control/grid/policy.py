"""The optimum of a navigation problem in one or two dimensions, or a separable one, as a policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape_gym.control.grid.solution import GridSolution, grid_solution
from landscape_gym.control.grid.start_quadrature import expected_at_start
from landscape_gym.control.solution import Solution
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import StatefulPolicy
from landscape_gym.problem import NavigationProblem


class GridPolicy(StatefulPolicy):
    """The optimal control by dynamic programming, which knows the whole landscape.

    It reads the parameters, and the elapsed time where the horizon is finite.

    Args:
        solution: Of the problem that it is to act in.

    Example:
        >>> problem = NavigationProblem(landscape="double_well", gamma=0.5)
        >>> policy = GridPolicy(grid_solution(problem, points=501))
        >>> action, _ = policy.predict(np.array([[-0.6, 0.0]]))  # uphill, away from the near well
        >>> (action * policy.action.scale).round(2)
        array([[0.93, 0.  ]])
    """

    name = "optimum (dynamic programming)"
    privileged = True

    def __init__(self, solution: GridSolution) -> None:
        """Act by `solution`."""
        self.solution = solution
        self.problem = solution.problem
        finite = self.problem.horizon is not None
        self.observation = ObservationConfig(("parameters", *["elapsed"] * finite))
        self._slices = Layout(self.observation, self.problem).slices

    def act(self, observation: Array, state: None) -> tuple[Array, None]:
        """Optimal actions; there is no state."""
        control = np.empty((len(observation), self.problem.dim))
        for step, rows, theta in self._by_step(observation):
            control[rows] = self.solution.control(theta, step)
        return self.action_of(control, observation), None

    def value(self, observation: Array) -> Array:
        """Least discounted cost from observations (batch, size) on, (batch,)."""
        value = np.empty(len(observation))
        for step, rows, theta in self._by_step(observation):
            value[rows] = self.solution.value(theta, step)
        return value

    def _by_step(self, observation: Array) -> list[tuple[int, Any, Array]]:
        """Steps of the horizon, which rows are there, and their parameters."""
        theta = observation[:, self._slices["parameters"]].astype(np.float64)
        horizon = self.problem.horizon
        if horizon is None:
            return [(0, slice(None), theta)]
        elapsed = observation[:, self._slices["elapsed"]][:, 0].astype(np.float64)
        steps = np.minimum(np.rint(elapsed * horizon).astype(np.intp), horizon - 1)
        return [(int(step), steps == step, theta[steps == step]) for step in np.unique(steps)]


def solve_grid(
    problem: NavigationProblem,
    instances: Any = None,
    *,
    points: int | Sequence[int] | None = None,
    bounds: Any = None,
) -> Solution:
    """The optimum by dynamic programming on a grid (`grid_solution` has arguments and refusals).

    `Solution.residual` is the estimated error of the value relative to the largest value, or the
    residual of Bellman's equation if that is larger.

    Example:
        >>> solution = solve_grid(NavigationProblem(landscape="double_well", gamma=1.0), points=501)
        >>> print(solution.status)
        Solved by dynamic programming on grids of 501 and 501 points; ...
    """
    grid = grid_solution(problem, instances, points=points, bounds=bounds)
    policy = GridPolicy(grid)
    lines = all(len(part.value.grid.axes) == 1 for part in grid.parts)
    return Solution(
        status=_status(grid),
        bound="exact",
        converged=grid.converged,
        residual=max(grid.relative_error, grid.residual),
        policy=policy,
        value=policy.value,
        cost=expected_at_start(problem, grid.value, sum_over_coordinates=lines),
    )


def _status(grid: GridSolution) -> str:
    """What was solved, and how well, as a sentence."""
    sizes = [" x ".join(str(len(axis)) for axis in part.value.grid.axes) for part in grid.parts]
    shown = [*sizes[:3], f"{len(sizes) - 3} more"] if len(sizes) > 4 else sizes
    where = " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
    what = f"dynamic programming on {'grids' if len(sizes) > 1 else 'a grid'} of {where} points"
    error = (
        f"estimated error of the value {grid.error:.1e}, {grid.relative_error:.1e} of the largest "
        "value, from grids of half as many points"
    )
    if grid.converged:
        return f"Solved by {what}; {error}."
    return (
        f"Not converged: after {grid.iterations} iterations of {what} Bellman's equation is "
        f"violated by {grid.residual:.1e}; give more points or narrower bounds. By itself, {error}."
    )
