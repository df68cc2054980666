"""Optimised paths against LQR, value iteration, finite differences and one another."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_gym.control import LinearQuadratic, diagonal_gain, finite_horizon, riccati
from landscape_gym.control.paths.direct import direct
from landscape_gym.control.paths.ilqr import ilqr
from landscape_gym.control.paths.initial_paths import cheapest_of, descent, still, towards
from landscape_gym.control.paths.trajectory import PathProblem
from landscape_gym.landscapes import DoubleWell, LogisticRegression, Rosenbrock
from landscape_gym.problem import NavigationProblem

GOLDEN = Path(__file__).parents[1] / "golden" / "optima.json"
WELLS = json.loads(GOLDEN.read_text())["double_well"]
TILT = 0.5
LEFT, TOP, RIGHT = np.sort(np.roots([4.0, 0.0, -4.0, -TILT]).real)


def random_quadratic(seed):
    """A problem with everything in it, and the same for the Riccati recursion."""
    rng = np.random.default_rng(seed)
    d, m = rng.integers(2, 6), rng.integers(1, 4)
    m = min(m, d)
    roots = rng.normal(size=(d, d)), rng.normal(size=(m, m))
    H, G = roots[0] @ roots[0].T, roots[1] @ roots[1].T + 0.5 * np.eye(m)
    F, B = 0.5 * rng.normal(size=(d, d)), rng.normal(size=(d, m))
    constants = {"eta": 1.3, "k": 0.7, "gamma": 0.3, "dt": 0.1}
    problem = NavigationProblem(
        landscape={"kind": "quadratic", "dim": int(d), "curvature": H},
        metric=G,
        default_dynamics=F,
        control_matrix=B,
        horizon=30,
        **constants,
    )
    return problem, LinearQuadratic.of(H, G=G, F=F, B=B, **constants), rng.normal(size=(3, d))


@pytest.mark.parametrize("seed", range(8))
def test_one_iteration_solves_a_linear_quadratic_problem(seed):
    problem, lq, start = random_quadratic(seed)
    path, exact = PathProblem.of(problem), finite_horizon(lq, problem.horizon)
    found = ilqr(path, start, still(path, start))
    assert found.converged.all()
    assert (found.iterations == 1).all()
    expected = np.broadcast_to(exact.law.K[:, None], found.gains.shape)
    np.testing.assert_allclose(found.gains, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    P = exact.value.P[0]
    np.testing.assert_allclose(found.cost, np.einsum("bi,ij,bj->b", start, P, start), rtol=1e-10)
    u = -np.einsum("tij,tbj->tbi", exact.law.K, found.x[:-1])
    np.testing.assert_allclose(found.u, u, rtol=0, atol=1e-8 * np.abs(u).max())


@pytest.mark.parametrize("dynamics", [None, "decay"])
def test_a_long_path_has_the_cost_of_the_infinite_horizon(dynamics):
    problem = NavigationProblem(
        landscape={"kind": "quadratic", "curvature": (0.5, 2.0), "optimum": (1.0, -1.0)},
        default_dynamics=dynamics,
        gamma=0.3,
    )
    path, start = PathProblem.of(problem, steps=150), np.array([[2.0, 1.0], [-1.0, 0.5]])
    found = ilqr(path, start, still(path, start))
    F = problem.dynamics_matrix
    lq = LinearQuadratic.of(np.diag([0.5, 2.0]), F=F, gamma=0.3, dt=0.1)
    law = riccati(lq).law
    u = -(start @ law.K.T + np.array([1.0, -1.0]) @ law.K_z.T)
    np.testing.assert_allclose(found.u[0], u, atol=1e-8)
    # Short of that the end cost bounds it from above, and more steps bring it down.
    short = [PathProblem.of(problem, steps) for steps in (5, 20, 50)]
    costs = [ilqr(p, start, still(p, start)).cost for p in short] + [found.cost]
    assert (np.diff(costs, axis=0) < 0).all()


def curl(theta):
    return np.stack([-0.2 * theta[:, 0] ** 3 + theta[:, 1], -np.sin(theta[:, 0])], axis=1)


PARTS = [
    {},
    {"horizon": 12},
    {"default_dynamics": "rotation", "metric": (0.5, 2.0)},
    {"default_dynamics": ((0.1, 1.0), (0.0, -0.5)), "horizon": 12},
    {"default_dynamics": curl, "metric": ((2.0, 0.3), (0.3, 1.0))},
    {"control_matrix": ((1.0,), (0.5,)), "metric": (3.0,)},
    {"default_dynamics": "decay", "control_matrix": ((1.0, 0, 1), (0, 2.0, 1)), "gamma": 0.0},
]


@pytest.mark.parametrize("parts", PARTS)
def test_gradient_is_that_of_the_cost(parts):
    path = PathProblem.of(NavigationProblem(landscape="double_well", **parts), steps=12)
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 2))
    u, direction = rng.normal(size=(2, path.T, 3, path.m))
    cost, grad = path.cost_and_grad(start, u)
    np.testing.assert_array_equal(cost, path.cost(path.rollout(start, u), u))
    ahead, behind = (path.cost_and_grad(start, u + sign * 1e-5 * direction)[0] for sign in (1, -1))
    slope = (grad * direction).sum(axis=(0, 2))
    np.testing.assert_allclose((ahead - behind) / 2e-5, slope, rtol=1e-7)


@pytest.mark.parametrize("parts", PARTS)
def test_both_solvers_find_one_path_and_its_neighbours_cost_more(parts):
    problem = NavigationProblem(landscape="double_well", **{"gamma": 0.5, **parts})
    path, start = PathProblem.of(problem, steps=12), np.array([[0.6, 0.5], [1.5, -1.0]])
    u = still(path, start)
    newton, quasi = ilqr(path, start, u), direct(path, start, u, tolerance=1e-12)
    assert newton.converged.all()
    assert quasi.converged.all()
    np.testing.assert_allclose(newton.cost, quasi.cost, rtol=1e-10)
    np.testing.assert_allclose(newton.x, quasi.x, atol=1e-4)
    rng = np.random.default_rng(1)
    for _ in range(5):
        other = newton.u + 0.05 * rng.normal(size=newton.u.shape)
        assert (path.cost(path.rollout(start, other), other) > newton.cost).all()


@pytest.mark.parametrize("golden", WELLS)
def test_double_well_costs_what_value_iteration_says(golden):
    problem = NavigationProblem(landscape="double_well", gamma=golden["gamma"])
    path, start = PathProblem.of(problem), np.array([[-0.6, 0.0], [-0.6, 0.55]])
    guesses = (still, towards(np.array([RIGHT, 0.0])))
    found = [ilqr(path, start, guess(path, start)) for guess in guesses]
    best = np.min([paths.cost for paths in found], axis=0)
    # Value iteration moves on a grid only, so it costs a little more.
    assert best[0] == pytest.approx(golden["value_at_minus_0_6"], abs=1e-4)
    assert best[0] < golden["value_at_minus_0_6"]
    y = diagonal_gain(2.0, **{name: golden[name] for name in ("eta", "k", "gamma", "dt")})
    # The end of the path is held still rather than moved on.
    assert best[1] - best[0] == pytest.approx(0.5 * float(y.P) * 0.55**2, abs=1e-8)
    crosses = found[1].cost[0] < found[0].cost[0] - 1e-6
    assert crosses == (golden["gamma"] <= 0.5)


def test_guesses_lead_to_their_own_wells():
    path = PathProblem.of(NavigationProblem(landscape="double_well", gamma=0.5))
    start = np.array([[-0.6, 0.55], [1.5, 0.55]])
    ends = [
        ilqr(path, start, guess(path, start)).x[60, :, 0]
        for guess in (still, descent, towards(np.array([RIGHT, 0.0])))
    ]
    np.testing.assert_allclose(ends, [[LEFT, RIGHT], [LEFT, RIGHT], [RIGHT, RIGHT]], atol=1e-3)


def test_a_saddle_point_of_the_cost_is_not_taken_for_an_optimum():
    path = PathProblem.of(NavigationProblem(landscape="double_well", gamma=0.1))
    start = np.array([[TOP, 0.0]])
    balanced = ilqr(path, start, still(path, start))
    assert balanced.residual < 1e-12
    assert not balanced.converged
    moved = ilqr(path, start, towards(np.array([RIGHT, 0.0]))(path, start))
    assert moved.converged
    assert moved.cost < balanced.cost


@pytest.mark.parametrize(
    ("landscape", "start"),
    [
        (Rosenbrock(), [-1.2, 1.0]),
        (Rosenbrock(dim=4), [0.5, 0.0, 0.5, 1.5]),
        (LogisticRegression(), np.zeros(31)),
    ],
)
def test_both_solvers_agree_on_harder_landscapes(landscape, start):
    path = PathProblem.of(NavigationProblem(landscape=landscape, gamma=0.5, horizon=40))
    start = np.array([start], float)
    u = cheapest_of([still, descent, towards(landscape.location())])(path, start)
    newton, quasi = ilqr(path, start, u), direct(path, start, u, tolerance=1e-9)
    assert newton.converged.all()
    assert quasi.converged.all()
    assert newton.cost[0] == pytest.approx(quasi.cost[0], rel=1e-7)
    assert newton.cost[0] < 0.99 * path.cost(path.rollout(start, u), u)[0]


class Gradients(DoubleWell):
    """Without a Hessian."""

    def hessian(self, instances: Any, theta: Any) -> Any:
        return None


def test_gradients_stand_in_for_a_hessian():
    paths = []
    for landscape in (DoubleWell(), Gradients()):
        path, start = PathProblem.of(NavigationProblem(landscape)), np.array([[-0.6, 0.55]])
        paths.append(ilqr(path, start, descent(path, start)))
    exact, differences = paths
    assert differences.converged
    np.testing.assert_allclose(differences.cost, exact.cost, rtol=1e-12)
    np.testing.assert_allclose(differences.gains, exact.gains, atol=1e-6)


def test_rows_do_not_meet():
    path = PathProblem.of(NavigationProblem(landscape="rosenbrock", gamma=1.0), steps=40)
    start = np.random.default_rng(3).uniform(-2, 2, size=(5, 2))
    together = ilqr(path, start, descent(path, start))
    assert len(set(together.iterations)) > 1  # rows finish at different times
    for row in range(5):
        alone = ilqr(path, start[[row]], descent(path, start[[row]]))
        np.testing.assert_allclose(together.cost[row], alone.cost[0], rtol=1e-12)
        np.testing.assert_allclose(together.x[:, row], alone.x[:, 0], atol=1e-8)


def test_standing_still_for_ever_is_what_the_end_costs():
    problem = NavigationProblem(landscape="double_well", gamma=0.5, k=2.0)
    path, start = PathProblem.of(problem, steps=7), np.array([[0.3, -1.0]])
    excess = path.slopes(start[None])[0][0, 0]
    for_ever = problem.dt * problem.k * excess / (1 - problem.discount)
    u = still(path, start)
    assert path.cost(path.rollout(start, u), u)[0] == pytest.approx(for_ever, rel=1e-14)
    # Where parameters turn by themselves, holding them costs control.
    turning = problem.replace(default_dynamics="rotation", horizon=20)
    short, full = PathProblem.of(turning, steps=7), PathProblem.of(turning)
    u = np.random.default_rng(0).normal(size=(7, 1, 2))
    x = short.rollout(start, u)
    held = np.concatenate([u, np.tile(-x[-1] @ np.array([[0, 1], [-1, 0]]), (13, 1, 1))])
    y = full.rollout(start, held)
    np.testing.assert_allclose(y[-1], x[-1], atol=1e-12)
    np.testing.assert_allclose(short.cost(x, u), full.cost(y, held), rtol=1e-12)


@pytest.mark.parametrize("solver", [ilqr, direct])
def test_too_few_iterations_are_reported(solver):
    path = PathProblem.of(NavigationProblem(landscape="rosenbrock", horizon=40))
    start = np.array([[-1.2, 1.0]])
    found = solver(path, start, still(path, start), max_iterations=1)
    full = solver(path, start, still(path, start))
    assert not found.converged
    assert found.iterations == 1
    assert found.residual > 1e-3
    assert full.converged
    assert full.cost < found.cost


def test_a_guess_that_overflows_is_left_alone():
    path = PathProblem.of(NavigationProblem(landscape="double_well", horizon=10))
    start = np.array([[0.5, 0.0], [0.5, 0.0]])
    u = still(path, start)
    u[:, 0] = 1e200
    found = ilqr(path, start, u)
    assert found.converged.tolist() == [False, True]
    assert found.cost[0] == np.inf
