"""Dynamic programming on a grid: reference values, parity with linear-quadratic control, errors."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from landscape_gym.control.grid.moves import interpolation, locate
from landscape_gym.control.grid.policy import GridPolicy, solve_grid
from landscape_gym.control.grid.solution import grid_solution
from landscape_gym.control.linear_quadratic.policy import LinearQuadraticPolicy
from landscape_gym.derivation import lqr
from landscape_gym.derivation.lqr import LinearQuadratic
from landscape_gym.dynamics import initial
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import LANDSCAPES
from landscape_gym.problem import NavigationProblem, NormalStart, UniformStart
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


# ---- acting -------------------------------------------------------------------------------------

ROLLOUTS = {
    "line": (double_well(1.0, start=NormalStart((-0.3, 0.8), 0.0), episode_steps=300), 801),
    "horizon": (double_well(0.2, start=NormalStart((-0.6, 0.55), 0.0), horizon=25), 401),
    "plane": (
        NavigationProblem(
            landscape="himmelblau",
            gamma=2.0,
            start=NormalStart((0.5, -0.5), 0.0),
            episode_steps=150,
            default_dynamics={"kind": "rotation", "rate": 0.2},
        ),
        101,
    ),
}


@pytest.mark.parametrize(("problem", "points"), ROLLOUTS.values(), ids=ROLLOUTS.keys())
def test_the_policy_costs_what_its_value_says_and_a_wrong_one_more(
    problem: NavigationProblem, points: int
) -> None:
    solution = solve_grid(problem, points=points)
    policy = solution.policy
    assert isinstance(policy, GridPolicy)
    assert solution.converged
    cost = rollout(problem, policy, episodes=1, seed=0).cost[0]
    start = problem.start
    assert isinstance(start, NormalStart)
    observation = np.array([[*np.asarray(start.mean), *[0.0] * (problem.horizon is not None)]])
    tolerance = 1e-3 if problem.landscape.kind == "himmelblau" else 1e-5
    assert solution.value(observation)[0] == pytest.approx(cost, rel=tolerance)
    assert solution.cost == pytest.approx(cost, rel=tolerance)
    for factor in (0.8, 1.2):
        wrong = Scaled(policy, factor)
        assert rollout(problem, wrong, episodes=1, seed=0).cost[0] > cost * (1 + 2 * tolerance)


class Scaled(GridPolicy):
    """A policy whose controls are too large or too small."""

    def __init__(self, policy: GridPolicy, factor: float) -> None:
        super().__init__(policy.solution)
        self.factor = factor

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        action, state = super().predict(*args, **kwargs)
        return self.factor * action, state


def test_rows_at_different_steps_of_a_horizon_do_not_mix() -> None:
    problem = double_well(0.2, horizon=4)
    policy = GridPolicy(grid_solution(problem, points=101))
    observation = np.array([[0.3, 0.5, 0.75], [-0.6, 0.1, 0.0], [0.3, 0.5, 0.0]])
    together = policy.predict(observation)[0]
    alone = [policy.predict(row[None])[0][0] for row in observation]
    np.testing.assert_array_equal(together, alone)
    assert (together[0] != together[2]).any()
    assert policy.value(observation)[0] < policy.value(observation)[2]


def test_the_cost_over_starts_is_their_expected_value() -> None:
    # Standard normal starts: E x' P x = trace P. Uniform ones: E x_i x_j = delta_ij w^2 / 12.
    hessian = np.array(DENSE)
    problem = quadratic(landscape={"kind": "quadratic", "dim": 2, "curvature": DENSE})
    trace = np.trace(value_matrix(problem, hessian))
    wide = partial(solve_grid, points=61, bounds=(-30, 30))
    assert wide(problem, instance(problem)).cost == pytest.approx(trace, rel=1e-8)
    uniform = problem.replace(start=UniformStart(-1.0, 1.0))
    cost = solve_grid(uniform, instance(problem), points=61).cost
    assert cost == pytest.approx(trace / 3, rel=1e-8)
    sampled = double_well(1.0)
    starts = initial(sampled, draws(*range(4000)))[1]
    solution = solve_grid(sampled, points=401)
    values = solution.value(starts)
    assert solution.cost == pytest.approx(values.mean(), abs=4 * values.std() / 4000**0.5)


# ---- every landscape ----------------------------------------------------------------------------


def planar() -> dict[str, Any]:
    kinds = {
        kind: {"kind": kind} for kind, cls in LANDSCAPES.items() if getattr(cls(), "dim", 0) == 2
    }
    return {**kinds, "ackley in one dimension": {"kind": "ackley", "dim": 1}}


@pytest.mark.parametrize("default_dynamics", [None, "rotation"])
@pytest.mark.parametrize("landscape", planar().values(), ids=planar().keys())
def test_every_landscape_is_solved_and_beats_doing_nothing(
    landscape: Any, default_dynamics: Any
) -> None:
    problem = NavigationProblem(landscape=landscape, gamma=0.5, default_dynamics=default_dynamics)
    drawn = instance(problem)
    given = None if drawn == () else drawn
    solution = grid_solution(problem, given, points=41)
    assert solution.converged
    assert np.isfinite(solution.error)
    theta = points_in_box(problem)
    value, control = solution.value(theta), solution.control(theta)
    assert np.isfinite(value).all()
    assert np.isfinite(control).all()
    if default_dynamics is None:
        loss = problem.landscape.loss(drawn, theta)
        minimum = problem.landscape.minimum(drawn)
        excess = loss - (0.0 if minimum is None else minimum.loss)
        nothing = problem.k * problem.dt * excess / (1 - problem.discount)
        assert (value <= nothing + 3 * solution.error).all()
        assert (value < nothing).mean() > 0.9


REFUSED = {
    "control_matrix": (quadratic(control_matrix=((1.0,), (0.0,))), {}, "control_matrix.*optimum"),
    "hazard": (double_well(1.0, hazard=0.1), {}, "hazard.*optimum"),
    "drift": (double_well(1.0, drift=0.1), {}, "drift.*optimum"),
    "fisher": (
        NavigationProblem(landscape="logistic_regression", metric="fisher"),
        {},
        "constant metric.*vector or a matrix",
    ),
    "norm": (double_well(1.0, metric="max"), {}, "constant metric.*rule is sign descent"),
    "undiscounted": (double_well(0.0), {}, "gamma > 0 or a finite horizon"),
    "instances": (quadratic(), {}, "instances.*optimum"),
    "dimensions": (NavigationProblem(landscape={"kind": "ackley", "dim": 3}), {}, "trajectory"),
    "coupled": (
        NavigationProblem(landscape={"kind": "rastrigin", "dim": 4}, default_dynamics="rotation"),
        {},
        "diagonal linear default dynamics",
    ),
    "even": (double_well(1.0), {"points": 100}, "odd"),
    "bounds": (double_well(1.0), {"bounds": (1.0, -1.0)}, "low < high"),
    "infinite": (
        NavigationProblem(landscape="himmelblau", default_dynamics=lambda theta: theta * np.inf),
        {"points": 11},
        "not finite",
    ),
}


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize(("problem", "given", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_covered_is_refused(problem: Any, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grid_solution(problem, **given)


def test_several_instances_are_refused() -> None:
    problem = quadratic()
    with pytest.raises(ValueError, match=r"one instance.*take"):
        grid_solution(problem, problem.landscape.sample(draws(1, 2)))
