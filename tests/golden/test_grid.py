"""Dynamic programming on a grid: reference values, parity with linear-quadratic control, errors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from landscape_gym.control.grid.moves import interpolation, locate
from landscape_gym.control.grid.solution import grid_solution
from landscape_gym.control.linear_quadratic.policy import LinearQuadraticPolicy
from landscape_gym.derivation import lqr
from landscape_gym.derivation.lqr import LinearQuadratic
from landscape_gym.problem import NavigationProblem
from tests.contracts.instances import draws

GOLDEN = json.loads((Path(__file__).parent / "optima.json").read_text())["double_well"]
START = np.array([[-0.6, 0.0]])
DENSE = ((1.0, 0.4), (0.4, 0.5))

golden = pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"gamma={case['gamma']}")


def double_well(gamma: float, **changes: Any) -> NavigationProblem:
    return NavigationProblem(landscape="double_well", gamma=gamma, **changes)


def quadratic(**changes: Any) -> NavigationProblem:
    """A quadratic problem whose optimal paths stay far from the ends of its box."""
    default = {"kind": "quadratic", "dim": 2, "curvature": (0.5, 1.0)}
    return NavigationProblem(**{"landscape": default, "gamma": 0.7, **changes})


def instance(problem: NavigationProblem) -> Any:
    return problem.landscape.sample(draws(3))


def points_in_box(problem: NavigationProblem, count: int = 200) -> Any:
    low, high = problem.landscape.box
    return np.random.default_rng(5).uniform(low, high, (count, problem.dim))


def value_matrix(problem: NavigationProblem, hessian: Any) -> Any:
    """P of V = x' P x, for a target at the origin."""
    p = problem
    lq = LinearQuadratic.of(
        hessian,
        G=p.metric_matrix,
        F=p.dynamics_matrix,
        eta=p.eta,
        k=p.k,
        gamma=p.gamma,
        dt=p.dt,
    )
    solution = lqr.riccati(lq) if p.horizon is None else lqr.finite_horizon(lq, p.horizon)
    return solution.value.P if p.horizon is None else solution.value.P[0]


# ---- reference values ---------------------------------------------------------------------------


@golden
def test_moves_from_node_to_node_reproduce_the_reference_values(case: Any) -> None:
    problem = double_well(case["gamma"])
    solution = grid_solution(problem, points=2001, refined=False, estimate=False)
    # The reference counts the loss from the best node's, which is paid at every step.
    best_node = solution.parts[0].value.grid.l.min()
    value = solution.value(START)[0] - best_node / (1 - problem.discount)
    assert value == pytest.approx(case["value_at_minus_0_6"], abs=5e-9)


@golden
def test_moves_from_node_to_node_cross_from_the_reference_start(case: Any) -> None:
    solution = grid_solution(double_well(case["gamma"]), points=2001, refined=False, estimate=False)
    nodes = np.linspace(-2, 2, 2001)
    starts = nodes[np.abs(nodes - case["crosses_from_x"]) < 0.0101]
    ends = solution.path(np.stack([starts, np.zeros_like(starts)], axis=1), steps=400)[-1, :, 0]
    assert starts[ends > 0].min() == pytest.approx(case["crosses_from_x"], abs=1e-9)


@golden
def test_moves_between_nodes_differ_from_the_reference_by_its_grid_error(case: Any) -> None:
    problem = double_well(case["gamma"])
    coarse, fine, plain = (
        grid_solution(problem, points=points, refined=refined, estimate=False).value(START)[0]
        for points, refined in ((1001, True), (2001, True), (1001, False))
    )
    assert abs(fine - coarse) < 1e-7
    excess = case["value_at_minus_0_6"] - fine
    assert 0 < excess < 1e-4
    assert plain - fine > 2 * excess  # moves to the nodes of a coarser grid cost more


# ---- parity with linear-quadratic control -------------------------------------------------------

CASES = {
    "axes": {},
    "one dimension": {"landscape": {"kind": "quadratic", "dim": 1, "curvature": (0.8,)}},
    "dense": {"landscape": {"kind": "quadratic", "dim": 2, "curvature": DENSE}},
    "target": {
        "landscape": {"kind": "quadratic", "dim": 2, "curvature": DENSE, "optimum_std": 0.3}
    },
    "decay": {"default_dynamics": "decay"},
    "rotation": {
        "landscape": {"kind": "quadratic", "dim": 2, "curvature": DENSE},
        "default_dynamics": {"kind": "rotation", "rate": 0.5},
    },
    "matrix": {"default_dynamics": ((-0.2, 0.3), (0.0, 0.1))},
    "diagonal metric": {"metric": (0.5, 3.0), "eta": 2.0, "k": 1.5, "dt": 0.2},
    "full metric": {
        "landscape": {"kind": "quadratic", "dim": 2, "curvature": DENSE},
        "metric": ((1.0, 0.6), (0.6, 2.0)),
    },
    "horizon": {"horizon": 7, "gamma": 0.0},
    "rotation and horizon": {
        "landscape": {"kind": "quadratic", "dim": 2, "curvature": DENSE},
        "default_dynamics": "rotation",
        "horizon": 5,
    },
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_quadratic_landscapes_are_solved_exactly(changes: Any) -> None:
    problem = quadratic(**changes)
    drawn = instance(problem)
    points = 201 if problem.dim == 1 else 61
    solution = grid_solution(problem, drawn, points=points)
    # Away from the box's ends: there the moves that are second best leave it, and differ.
    theta, target = points_in_box(problem) / 2, drawn.optimum
    hessian = problem.landscape.hessian(drawn, theta[:1])[0]
    P = value_matrix(problem, hessian)
    error = theta - target
    np.testing.assert_allclose(
        solution.value(theta), np.einsum("bi,ij,bj->b", error, P, error), rtol=1e-9, atol=1e-11
    )
    observation = np.concatenate([theta, np.repeat(target, len(theta), axis=0)], axis=1)
    if problem.horizon:
        observation = np.concatenate([observation, np.zeros((len(theta), 1))], axis=1)
    action = LinearQuadraticPolicy(problem).predict(observation)[0]
    np.testing.assert_allclose(solution.control(theta), action * 1e6, rtol=0, atol=1e-8)
    assert solution.converged
    if "rotation" not in repr(problem.default_dynamics).lower():
        assert solution.error < 1e-8  # the corners of the box turn out of it


def test_default_dynamics_may_be_a_function() -> None:
    F = np.array([[-0.2, 0.3], [0.1, 0.1]])
    theta = points_in_box(quadratic())
    by_matrix, by_function = (
        grid_solution(problem, instance(problem), points=41).value(theta)
        for problem in (
            quadratic(default_dynamics=tuple(map(tuple, F.tolist()))),
            quadratic(default_dynamics=lambda theta: theta @ F.T),
        )
    )
    np.testing.assert_allclose(by_function, by_matrix, rtol=1e-10)


def test_the_last_step_of_a_horizon_is_solved_as_one_step() -> None:
    # One step from x: min_u dt u^2/2 + dt h/2 (x + dt u)^2 gives u = -dt h x / (1 + dt^2 h).
    problem = quadratic(horizon=6)
    solution = grid_solution(problem, instance(problem), points=61)
    x, h = np.array([[0.7, -0.4]]), np.array([0.5, 1.0])
    expected = -problem.dt * h * x / (1 + problem.dt**2 * h)
    np.testing.assert_allclose(solution.control(x, step=5), expected, atol=1e-10)
    assert (np.abs(solution.control(x, step=0)) > 2 * np.abs(expected)).all()


# ---- between nodes ------------------------------------------------------------------------------


@pytest.mark.parametrize(("refined", "degree"), [(False, 1), (True, 2)])
def test_between_nodes_polynomials_are_read_exactly(refined: bool, degree: int) -> None:
    # Straight lines by two nodes, parabolas by their second differences too; no higher degree.
    y = np.linspace(-1.5, 0.5, 9)
    points = np.random.default_rng(0).uniform(-1.7, 0.7, 50)  # beyond the ends as well
    nodes, weights = interpolation(*locate(y, points), len(y), refined)
    for power in range(4):
        read = np.sum(weights * y[nodes] ** power, axis=-1)
        exact = np.allclose(read, points**power, rtol=1e-12, atol=1e-12)
        assert exact == (power <= degree)


def test_moves_from_node_to_node_where_parameters_turn_are_those_of_all_nodes_tried() -> None:
    # Two steps, every node against every other; between nodes SciPy's multilinear interpolation.
    problem = NavigationProblem(
        landscape="himmelblau",
        horizon=2,
        gamma=0.5,
        eta=3.0,
        default_dynamics={"kind": "rotation", "rate": 2.0},
    )
    value = grid_solution(problem, points=9, refined=False, estimate=False).parts[0].value
    grid = value.grid
    s = grid.alone(grid.nodes)
    h = grid.axes[0][1] - grid.axes[0][0]
    low, high = s.min(axis=0), s.max(axis=0)
    axes = [
        np.linspace(a, b, int(np.ceil((b - a) / h)) + 1) for a, b in zip(low, high, strict=True)
    ]
    sources = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    move = np.sum((sources[..., None, :] - grid.nodes) ** 2, axis=-1) / (2 * 3.0 * problem.dt)
    V = np.zeros(9 * 9)
    for step in (1, 0):
        E = (move + grid.l.ravel() + problem.discount * V).min(axis=-1)
        V = RegularGridInterpolator(axes, E)(s)
        np.testing.assert_allclose(value.V[step].ravel(), V, rtol=1e-10)


# ---- axes, planes and boxes ---------------------------------------------------------------------


def test_axes_that_are_alike_are_solved_once_in_any_dimension() -> None:
    problem = NavigationProblem(landscape={"kind": "saddle", "dim": 7, "descending": 3}, gamma=1.0)
    solution = grid_solution(problem, points=101)
    assert [part.coordinates for part in solution.parts] == [(0, 1, 2), (3, 4, 5, 6)]
    theta = points_in_box(problem, 20)
    pairs = NavigationProblem(landscape="saddle", gamma=1.0)
    pair = grid_solution(pairs, points=101)
    at = lambda i, j: pair.value(theta[:, [i, j]])  # noqa: E731
    rest = at(0, 3) + at(1, 4) + at(2, 5)
    alone = pair.value(np.stack([np.ones(20), theta[:, 6]], axis=1))
    alone -= pair.value(np.array([[1.0, 0.0]]))  # no value at the minimum
    np.testing.assert_allclose(solution.value(theta), rest + alone, rtol=1e-7)


def test_axis_by_axis_and_in_a_turned_plane_agree() -> None:
    by_axis = double_well(0.5)
    almost = double_well(0.5, metric=((1.0, 1e-9), (1e-9, 1.0)))  # its axes are the diagonals
    solution, turned = grid_solution(by_axis), grid_solution(almost, points=101)
    assert solution.basis is None
    assert turned.basis is not None
    theta = points_in_box(by_axis)
    difference = np.abs(solution.value(theta) - turned.value(theta)).max()
    assert difference < turned.error
    assert turned.relative_error < 1e-3


def test_a_start_outside_of_the_box_enters_it_and_costs_at_least_as_much() -> None:
    problem = quadratic()
    theta = np.array([[1.5, 0.2], [0.2, -1.5], [0.2, 0.2]])
    narrow, wide = (
        grid_solution(problem, instance(problem), points=61, bounds=bounds, estimate=False)
        for bounds in ((-0.5, 0.5), (-3, 3))
    )
    excess = narrow.value(theta) - wide.value(theta)
    assert (excess[:2] > 0.1).all()
    assert abs(excess[2]) < 1e-9
    assert np.abs(narrow.path(theta, 1)[1]).max() <= 0.5 + 1e-12


def test_points_and_bounds_may_differ_by_axis() -> None:
    problem = double_well(0.5)
    solution = grid_solution(problem, points=(401, 101), bounds=((-2, 2), (-1, 1)))
    x, y = (part.value.grid.axes[0] for part in solution.parts)
    assert (len(x), x[0], x[-1], len(y), y[0], y[-1]) == (401, -2, 2, 101, -1, 1)


# ---- the estimate of the error ------------------------------------------------------------------


@pytest.mark.parametrize("refined", [True, False])
@pytest.mark.parametrize("gamma", [0.1, 1.0, 5.0])
def test_the_error_estimate_covers_the_error_on_a_line(gamma: float, refined: bool) -> None:
    problem = double_well(gamma)
    solution = grid_solution(problem, points=201, refined=refined)
    nodes = np.linspace(-2, 2, 201)
    theta = np.stack([nodes, nodes], axis=1)
    truth = grid_solution(problem, points=3201, estimate=False).value(theta)
    error = np.abs(solution.value(theta) - truth).max()
    assert error < solution.error
    assert error > solution.error / 20  # nor is it far too large


def test_the_error_estimate_covers_the_error_in_the_plane() -> None:
    problem = quadratic(
        landscape={"kind": "quadratic", "dim": 2, "curvature": DENSE}, default_dynamics="decay"
    )
    solution = grid_solution(problem, instance(problem), points=61, refined=False)
    theta = solution.parts[0].value.grid.nodes
    truth = np.einsum("bi,ij,bj->b", theta, value_matrix(problem, DENSE), theta)
    error = np.abs(solution.value(theta) - truth).max()
    assert solution.error / 20 < error < solution.error
