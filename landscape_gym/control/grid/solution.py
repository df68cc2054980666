"""From a navigation problem to grids, and from their values to the problem's optimum.

Coordinates that do not depend on each other have grids of their own, and those that are alike share
one: separable landscapes are solved axis by axis, in any dimension. Two coordinates that do depend
on each other share a grid in the plane; a metric that is not diagonal turns it to the metric's
axes. Solved with full information: noise changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from landscape_gym.control.grid.grid import Grid, GridValue, difference, finite_horizon, stationary
from landscape_gym.derivation.structure import diagonal_drift, is_diagonal, why_no_matrix
from landscape_gym.dynamics import minimum_loss, transition
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.fixed import Fixed, Separable
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

POINTS = {1: 2001, 2: 201}
"""Points of a grid along each axis, on a line and in the plane, where the caller does not say."""


@dataclass(frozen=True)
class Part:
    """Coordinates of one grid."""

    value: GridValue
    coordinates: tuple[int, ...]
    """The problem's coordinates (or the metric's): of a line all those that are alike."""
    error: float
    """Estimate of the largest error of `value` at the nodes; nan where none was asked for."""


@dataclass(frozen=True)
class GridSolution:
    """The optimum of a navigation problem by dynamic programming on grids.

    Value and control hold for any parameters, not only at nodes: they look one step ahead. The
    first move from outside of the grid's box enters the box, which overestimates the value there.

    Example:
        >>> problem = NavigationProblem(landscape="double_well", gamma=0.5)
        >>> solution = grid_solution(problem, points=501)
        >>> solution.value(np.array([[-0.6, 0.0]])).round(4)
        array([1.7568])
        >>> solution.path(np.array([[-0.6, 0.0]]), steps=100)[-1].round(3)
        array([[1.057, 0.   ]])
    """

    problem: NavigationProblem
    parts: tuple[Part, ...]
    basis: Array | None
    """Columns are the metric's axes, (d, d), on which the grid lies; None: the coordinates."""

    @property
    def converged(self) -> bool:
        """Whether Bellman's equation holds on every grid."""
        return all(part.value.converged for part in self.parts)

    @property
    def iterations(self) -> int:
        """The most iterations that a grid took."""
        return max(part.value.iterations for part in self.parts)

    @property
    def residual(self) -> float:
        """The largest relative residual of Bellman's equation."""
        return max(part.value.residual for part in self.parts)

    @property
    def error(self) -> float:
        """Estimate of the largest error of the value at nodes, from a second grid of half as many.

        The largest difference of the two. It covers the error if that at least halves with the
        distance between nodes. Near starts from where two ways cost the same, values have a kink
        and errors are of that order; elsewhere refined moves gain eightfold, and the estimate is
        too large. What the box cuts off is the same on both grids and does not show. nan where no
        estimate was asked for.
        """
        return sum(part.error * _copies(part) for part in self.parts)

    @property
    def relative_error(self) -> float:
        """`error` relative to the largest value."""
        largest = sum(float(np.abs(part.value.V[0]).max()) * _copies(part) for part in self.parts)
        return self.error / (largest or 1.0)

    def value(self, theta: Array, step: int = 0) -> Array:
        """Least discounted cost from parameters (batch, d) on, (batch,); `step` of a horizon."""
        return self._best(theta, step)[0]

    def control(self, theta: Array, step: int = 0) -> Array:
        """The optimal u at parameters (batch, d), (batch, d)."""
        targets = self._best(theta, step)[1]
        return (targets - transition(self.problem, theta, np.zeros_like(theta))) / self.problem.dt

    def path(self, theta: Array, steps: int) -> Array:
        """The optimal path from parameters (batch, d), (steps + 1, batch, d)."""
        if self.problem.horizon is not None:
            steps = min(steps, self.problem.horizon)
        path = [np.asarray(theta, np.float64)]
        for step in range(steps):
            path.append(transition(self.problem, path[-1], self.control(path[-1], step)))
        return np.stack(path)

    def _best(self, theta: Array, step: int) -> tuple[Array, Array]:
        """Value, and parameters moved to."""
        x = np.asarray(theta, np.float64)
        x = x if self.basis is None else x @ self.basis
        value, target = np.zeros(len(x)), np.empty_like(x)
        for part in self.parts:
            where = list(part.coordinates)
            copies = x[:, where].reshape(-1, _dim(part))
            values, targets = part.value.best_move(copies, step)
            value += values.reshape(len(x), _copies(part)).sum(axis=1)
            target[:, where] = targets.reshape(len(x), len(where))
        return value, target if self.basis is None else target @ self.basis.T


def grid_solution(
    problem: NavigationProblem,
    instances: Any = None,
    *,
    points: int | Sequence[int] | None = None,
    bounds: Any = None,
    refined: bool = True,
    estimate: bool = True,
) -> GridSolution:
    """Solve a problem on grids.

    Args:
        problem: Of one or two dimensions, or of any with a separable landscape, a diagonal metric
            and default dynamics that are linear and diagonal.
        instances: Of a landscape that draws instances, the one to solve: arrays with one row.
        points: Nodes along each axis, odd, one number or one for each; `POINTS` if None.
        bounds: Ends of the axes, (low, high) or one pair for each; the landscape's box if None.
        refined: Whether moves may end between nodes. From node to node the value is that of a
            policy that can be followed from nodes, an upper bound, but it is less accurate, and
            paths stop where a step is shorter than half a cell.
        estimate: Whether to solve a second time on every other node, for `GridSolution.error`.

    Raises:
        Refusal: if an assumption fails, naming it and what to use instead.
    """
    _check(problem)
    ends = np.array(
        np.broadcast_to(problem.landscape.box if bounds is None else bounds, (problem.dim, 2))
    )
    if not (np.isfinite(ends).all() and (ends[:, 0] < ends[:, 1]).all()):
        raise ValueError(f"bounds are pairs low < high, got {bounds!r}.")
    instances = _one_instance(problem, instances)
    axis_by_axis = _separable(problem)
    counts = np.broadcast_to(
        POINTS[1 if axis_by_axis else problem.dim] if points is None else points, problem.dim
    )
    if (counts < 5).any() or (counts % 2 == 0).any():
        raise ValueError(
            f"points must be odd, so that every other one is a grid, and >= 5, got {points!r}."
        )
    basis = None
    if axis_by_axis:
        grids = _lines(problem, ends, counts)
    else:
        basis, grid = _plane(problem, instances, ends, counts)
        grids = [(grid, tuple(range(problem.dim)))]
    parts = tuple(
        _solve_part(grid, coordinates, problem.horizon, refined, estimate)
        for grid, coordinates in grids
    )
    return GridSolution(problem, parts, basis)


def _dim(part: Part) -> int:
    return len(part.value.grid.axes)


def _copies(part: Part) -> int:
    return len(part.coordinates) // _dim(part)


def _solve_part(
    grid: Grid, coordinates: tuple[int, ...], horizon: int | None, refined: bool, estimate: bool
) -> Part:
    """Solve one grid, and its every other node."""

    def solve(grid: Grid) -> GridValue:
        if horizon is None:
            return stationary(grid, refined)
        return finite_horizon(grid, horizon, refined)

    value, error = solve(grid), float("nan")
    if estimate:
        error = difference(value, solve(grid.coarse()))
    return Part(value, coordinates, error)


def _lines(
    problem: NavigationProblem, ends: Array, counts: Array
) -> list[tuple[Grid, tuple[int, ...]]]:
    """A grid for each coordinate of a separable landscape, once for those that are alike."""
    landscape = cast(Separable, problem.landscape)
    floor = landscape.values(landscape.location()[None])[0]
    metric, drift = np.diag(_metric(problem)), cast(Array, diagonal_drift(problem))
    factors = np.broadcast_to(1 + problem.dt * drift, problem.dim)
    alike: dict[tuple, tuple[Grid, list[int]]] = {}
    for i in range(problem.dim):
        axis = np.linspace(ends[i, 0], ends[i, 1], counts[i])
        values = landscape.values(np.repeat(axis[:, None], problem.dim, axis=1))[:, i]
        l = problem.dt * problem.k * (values - floor[i])
        c = float(metric[i] / (problem.eta * problem.dt))
        key = (axis.tobytes(), l.tobytes(), c, factors[i])
        grid = Grid((axis,), l, (c,), problem.discount, lambda x, a=factors[i]: a * x)
        alike.setdefault(key, (grid, []))[1].append(i)
    return [(grid, tuple(coordinates)) for grid, coordinates in alike.values()]


def _plane(
    problem: NavigationProblem, instances: Any, ends: Array, counts: Array
) -> tuple[Array | None, Grid]:
    """A grid of all coordinates, on the metric's axes, and those."""
    metric, basis = _metric(problem), None
    if not is_diagonal(metric):
        weights, basis = np.linalg.eigh(metric)
        corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, problem.dim)
        turned = corners @ basis
        ends, metric = np.stack([turned.min(0), turned.max(0)], axis=1), np.diag(weights)
    turn = np.eye(problem.dim) if basis is None else basis

    def alone(x: Array) -> Array:
        theta = x @ turn.T
        return transition(problem, theta, np.zeros_like(theta)) @ turn

    axes = tuple(
        np.linspace(low, high, count) for (low, high), count in zip(ends, counts, strict=True)
    )
    theta = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, problem.dim) @ turn.T
    loss = problem.landscape.loss(instances, theta)
    l = problem.dt * problem.k * (loss - minimum_loss(problem, instances, theta))
    if not (np.isfinite(l).all() and np.isfinite(alone(theta)).all()):
        raise ValueError(
            "loss or default dynamics are not finite everywhere in the box: give bounds in which "
            "they are."
        )
    c = tuple((np.diag(metric) / (problem.eta * problem.dt)).tolist())
    return basis, Grid(axes, l.reshape([len(axis) for axis in axes]), c, problem.discount, alone)


def _check(problem: NavigationProblem) -> None:
    """Refuse what this method does not cover."""
    lqr = "for a quadratic landscape use `optimum` (linear-quadratic control)"
    if problem.control_matrix is not None:
        raise Refusal(f"the grid needs a control for each coordinate, not a control_matrix: {lqr}.")
    if (why := why_no_matrix(problem)) is not None:
        raise Refusal(
            f"the grid needs a constant metric, but {why}: give a vector or a matrix, such as the "
            "Fisher information at the minimum."
        )
    if problem.hazard > 0 or problem.drift > 0:
        raise Refusal(
            "the grid needs a landscape that stays as it is, hazard = 0 and drift = 0, because a "
            f"landscape that changes is part of the state: {lqr}, which takes both."
        )
    if problem.horizon is None and problem.gamma == 0:
        raise Refusal(
            "the grid needs gamma > 0 or a finite horizon, because costs that are not discounted "
            f"need not have a finite sum: {lqr}."
        )
    if problem.dim > 2 and not _separable(problem):
        raise Refusal(
            f"a grid in {problem.dim} dimensions is too large: beyond two it needs a separable "
            "landscape, a diagonal metric and diagonal linear default dynamics. Use local "
            f"trajectory optimisation, or {lqr}."
        )


def _separable(problem: NavigationProblem) -> bool:
    """Whether every coordinate is a problem of its own."""
    diagonal = diagonal_drift(problem) is not None and is_diagonal(_metric(problem))
    return isinstance(problem.landscape, Separable) and diagonal


def _metric(problem: NavigationProblem) -> Array:
    return cast(Array, problem.metric_matrix)  # `_check` refuses others


def _one_instance(problem: NavigationProblem, instances: Any) -> Any:
    """The landscape's only instance, or the one given."""
    if instances is None:
        if isinstance(problem.landscape, Fixed):
            return NoInstances()
        raise Refusal(
            f"{type(problem.landscape).__name__} draws instances: give the one to solve as "
            "`instances`, arrays with one row (landscape.sample). For quadratic landscapes use "
            "`optimum`, which solves all of them at once."
        )
    rows = {array.shape[0] for array in instances if array is not None}
    if rows - {1}:
        raise ValueError(
            f"the grid solves one instance, and arrays have {sorted(rows)} rows: give one of them "
            "(landscapes.take), or for quadratic landscapes use `optimum`."
        )
    return instances
