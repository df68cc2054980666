"""Whether it pays to leave a local minimum: starts and discount rates where the answer changes.

Long horizons climb out of local minima, short ones do not (theory section 10). At a given discount
rate the optimal path ends in a global minimum from an interval of starts about it; from a given
start, for discount rates up to a critical one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape_gym.control.grid.solution import GridSolution, grid_solution
from landscape_gym.dynamics import transition
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Fixed
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

STEPS = 10_000
"""A path is followed for no more steps than this."""
STILL = 1e-6
"""A path has ended when no coordinate moves by more than this fraction of a cell in a step."""
SECTIONS = 64
"""Into how many parts an interval is cut at a time, in search of where the answer changes."""
ROUNDS = 3
"""How many times: to 1 in 64^3 of the interval."""


def reaches_minimum(solution: GridSolution, starts: Array) -> Array:
    """Whether optimal paths from starts (batch, d) end in a global minimum, (batch,).

    They do if the loss at the end is no higher than a cell of the grid away from the known minimum.
    Other minima of the same loss count too.

    Raises:
        Refusal: for random landscapes, default dynamics, a finite horizon, or a solution whose
            moves go from node to node.
    """
    if not all(part.value.refined for part in solution.parts):
        raise Refusal(
            "moves from node to node stop where a step is shorter than half a cell, short of the "
            "minimum: solve with refined=True."
        )
    problem, cells = solution.problem, _cells(solution)
    landscape = _known_landscape(problem)
    theta = np.asarray(starts, np.float64)
    for _ in range(STEPS):
        moved = transition(problem, theta, solution.control(theta))
        still = (np.abs(moved - theta) <= STILL * cells).all()
        theta = moved
        if still:
            break
    none, minimum = NoInstances(), landscape.location()
    floor = landscape.loss(none, minimum[None])
    near = np.stack([landscape.loss(none, minimum + side * np.diag(cells)) for side in (-1, 1)])
    return landscape.loss(none, theta) - floor <= (near - floor).max(axis=0).sum()


def crossing_interval(solution: GridSolution, axis: int = 0) -> tuple[float, float]:
    """The starts along an axis of a separable landscape from where paths reach the global minimum.

    The other coordinates start at the minimum. A path along one coordinate never overtakes another,
    so the starts are an interval about the minimum; its ends are found to 1 part in 64^3 of what
    lies between the minimum and the end of the grid.

    Raises:
        Refusal: where coordinates depend on each other, and as `reaches_minimum`.

    Example:
        >>> problem = NavigationProblem(landscape="double_well", gamma=1.0)
        >>> low, high = crossing_interval(grid_solution(problem, points=501, estimate=False))
        >>> round(low, 2), high
        (-0.38, 2.0)
    """
    landscape = _known_landscape(solution.problem)
    if axis not in range(solution.problem.dim):
        raise ValueError(
            f"axis is a coordinate from 0 to {solution.problem.dim - 1}, got {axis!r}."
        )
    axes = next(part for part in solution.parts if axis in part.coordinates).value.grid.axes
    if len(axes) != 1:
        raise Refusal(
            "crossing_interval needs a separable landscape and a diagonal metric, so that an axis "
            "is a problem of its own; ask `reaches_minimum` of starts in the plane instead."
        )
    inside = landscape.location()
    ends = []
    for end in axes[0][[0, -1]]:
        reached, missed = inside[axis], end
        for _ in range(ROUNDS):
            starts = np.repeat(inside[None], SECTIONS + 1, axis=0)
            starts[:, axis] = np.linspace(reached, missed, SECTIONS + 1)
            crosses = reaches_minimum(solution, starts)
            if crosses.all():
                reached = missed
                break
            first = max(int(np.argmin(crosses)), 1)
            reached, missed = starts[first - 1, axis], starts[first, axis]
        ends.append(float(reached))
    return ends[0], ends[1]


def critical_discount(
    problem: NavigationProblem,
    starts: Any,
    *,
    low: float = 0.01,
    high: float = 100.0,
    tolerance: float = 1e-3,
    points: int | Sequence[int] | None = None,
    bounds: Any = None,
) -> Array:
    """The discount rate up to which the optimal path from each start ends in a global minimum.

    Bisection on log(gamma) that solves the problem once for all starts whose rates are not told
    apart yet. It takes for granted that longer horizons reach the minimum from wherever shorter
    ones do; where that fails, it finds one of the rates at which the answer changes.

    Args:
        problem: The problem; its own gamma is ignored.
        starts: Starting parameters, (batch, d).
        low: Smallest rate considered, > 0.
        high: Largest rate considered.
        tolerance: Relative error of the bisection; that of the grid comes on top and is seen by
            solving with other `points`.
        points: As for `grid_solution`.
        bounds: As for `grid_solution`.

    Returns:
        Rates, (batch,); inf where the minimum is reached even at `high`, 0 where not even at `low`.

    Raises:
        Refusal: as `reaches_minimum` and `grid_solution`, or for an empty range of rates.

    Example:
        >>> critical_discount(
        ...     NavigationProblem(landscape="double_well"), [[-0.192, 0.0]], points=501
        ... ).round(1)
        array([2.])
    """
    if not 0 < low < high < math.inf or not tolerance > 0:
        raise ValueError(
            f"give 0 < low < high and tolerance > 0, got {low!r}, {high!r} and {tolerance!r}."
        )
    _known_landscape(problem)
    starts = np.asarray(starts, np.float64).reshape(-1, problem.dim)

    def reach(gamma: float, rows: Array) -> Array:
        if len(rows) == 0:
            return np.zeros(0, bool)
        rated = problem.replace(gamma=gamma)
        solution = grid_solution(rated, points=points, bounds=bounds, estimate=False)
        return reaches_minimum(solution, starts[rows])

    critical = np.zeros(len(starts))
    rows = np.arange(len(starts))
    rows = rows[reach(low, rows)]
    escaping = reach(high, rows)
    critical[rows[escaping]] = math.inf
    undecided = [(low, high, rows[~escaping])]
    while undecided:
        low, high, rows = undecided.pop()
        middle = math.sqrt(low * high)
        if high <= low * (1 + tolerance):
            critical[rows] = middle
        elif len(rows):
            reached = reach(middle, rows)
            undecided += [(middle, high, rows[reached]), (low, middle, rows[~reached])]
    return critical


def _known_landscape(problem: NavigationProblem) -> Fixed:
    """The landscape, if paths end in minima of a loss that is known."""
    if not isinstance(problem.landscape, Fixed):
        raise Refusal(
            "escape needs a landscape whose minimum is known beforehand, and "
            f"{type(problem.landscape).__name__} draws its own: follow `GridSolution.path` of one "
            "instance instead."
        )
    if problem.default_dynamics is not None or problem.horizon is not None:
        raise Refusal(
            "escape needs an infinite horizon and no default dynamics, so that paths end where the "
            "loss is stationary: follow `GridSolution.path` instead."
        )
    return problem.landscape


def _cells(solution: GridSolution) -> Array:
    """Distance between nodes along each coordinate, (d,); the larger one on turned axes."""
    cells = np.empty(solution.problem.dim)
    for part in solution.parts:
        sizes = np.array([axis[1] - axis[0] for axis in part.value.grid.axes])
        cells[list(part.coordinates)] = np.resize(sizes, len(part.coordinates))
    return cells if solution.basis is None else np.full_like(cells, cells.max())
