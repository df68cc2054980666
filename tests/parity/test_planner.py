"""Plans and the policies that follow them: what they predict is what the environment charges."""

import numpy as np
import pytest
import torch

from landscape_gym.control import LinearQuadraticPolicy
from landscape_gym.control.paths import planner
from landscape_gym.control.paths.initial_paths import descent, still
from landscape_gym.control.paths.planner import PlanOptions, plan
from landscape_gym.control.paths.policies import PlannedPath, RecedingHorizon
from landscape_gym.control.paths.solve_path import known_start, solve_path
from landscape_gym.control.paths.trajectory import PathProblem
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import LANDSCAPES, Quadratic
from landscape_gym.landscapes.torch_landscape import TorchLandscape
from landscape_gym.problem import NavigationProblem

AT = {"kind": "normal", "mean": (-0.6, 0.55), "std": 0.0}
PLANE = {"kind": "quadratic", "curvature": ((1.0, 0.5), (0.5, 2.0)), "optimum": (1.0, -1.0)}


def wells(**fields):
    return NavigationProblem(**{"landscape": "double_well", "start": AT, "gamma": 0.5, **fields})


def network():
    """161 parameters; a regression in float64."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)
    ).double()
    x = torch.randn(64, 8, dtype=torch.float64)
    y = torch.sin(x[:, :1] * x[:, 1:2])
    return TorchLandscape.from_module(net, lambda model: torch.nn.functional.mse_loss(model(x), y))


def seen(theta, elapsed=0.0):
    """What the policies read."""
    theta = np.atleast_2d(theta)
    return np.column_stack([theta, np.broadcast_to(elapsed, len(theta))])


@pytest.mark.parametrize(
    "problem",
    [
        wells(horizon=40),
        wells(horizon=25, default_dynamics="rotation", metric=(0.5, 2.0)),
        wells(horizon=25, control_matrix=((1.0,), (0.5,)), default_dynamics="decay"),
        wells(horizon=25, default_dynamics=lambda x: -0.3 * x**3),
        NavigationProblem(landscape=network(), eta=5.0, horizon=20),
    ],
)
def test_the_environment_charges_what_was_predicted(problem):
    solution = solve_path(problem)
    assert solution.converged
    run = rollout(problem, solution.policy, episodes=2, seed=0)
    np.testing.assert_allclose(run.cost, solution.cost, rtol=1e-9)
    start = known_start(problem)
    assert solution.value(seen(start))[0] == pytest.approx(solution.cost, rel=1e-12)

    class Weaker(PlannedPath):
        def predict(self, *args, **kwargs):
            action, state = super().predict(*args, **kwargs)
            return 0.95 * action, state

    worse = rollout(problem, Weaker(problem), episodes=1, seed=0)
    assert worse.cost[0] > solution.cost * (1 + 1e-6)


@pytest.mark.parametrize("horizon", [None, 60])
@pytest.mark.parametrize("metric", [None, (0.3, 2.0)])
def test_plans_and_receding_horizons_do_what_lqr_does(horizon, metric):
    problem = NavigationProblem(
        landscape=PLANE, horizon=horizon, gamma=0.5, episode_steps=60, metric=metric
    )
    best = rollout(problem, LinearQuadraticPolicy(problem), episodes=4, seed=0)
    # After 100 steps no more than exp(-5) of a tiny loss is at stake.
    for policy in (PlannedPath(problem, steps=100), RecedingHorizon(problem, 100, every=20)):
        run = rollout(problem, policy, episodes=4, seed=0)
        np.testing.assert_allclose(run.cost, best.cost, rtol=1e-8)
    near_sighted = rollout(problem, RecedingHorizon(problem, 2), episodes=4, seed=0)
    assert (near_sighted.cost > 1.0001 * best.cost).all()


def test_a_network_is_trained_better_than_by_gradient_descent():
    problem = NavigationProblem(landscape=network(), eta=5.0, gamma=0.1, episode_steps=40)
    found = plan(problem, known_start(problem))
    assert found.best.gains is None  # 161 x 161 numbers a step
    assert found.best.converged.all()
    path, start = found.path, known_start(problem)
    u = descent(path, start)
    by_descent = path.cost(path.rollout(start, u), u)[0]
    u = still(path, start)
    nothing = path.cost(path.rollout(start, u), u)[0]
    assert found.best.cost[0] < 0.9 * by_descent < 0.9 * nothing


def test_gains_make_up_for_disturbances():
    problem = wells(horizon=40)
    policy, path = PlannedPath(problem), PathProblem.of(problem)
    rng = np.random.default_rng(0)
    kicks = 0.02 * rng.normal(size=(40, 64, 2))

    def cost(with_gains):
        x, state, total = np.tile(known_start(problem), (64, 1)), None, np.zeros(64)
        for t in range(40):
            action, state = policy.predict(seen(x, t / 40), state)
            if not with_gains:
                state = state._replace(gains=None)
                action = state.u[t] / policy.action.scale
            u = action * policy.action.scale
            total += problem.discount**t * path.R * np.vecdot(u, u)
            x = path.move(x, u) + kicks[t]
            total += problem.discount**t * path.q * path.slopes(x[None])[0][0]
        return total.mean()

    assert cost(True) < cost(False)


def test_rows_begin_when_they_begin():
    problem = wells(horizon=30)
    policy = PlannedPath(problem)
    first, second = np.array([[-0.6, 0.5]]), np.array([[0.2, 1.0]])
    _, state = policy.predict(seen(np.vstack([first, first])))
    both = np.vstack([state.x[1, :1], second])
    at = np.array([1 / 30, 0.0])
    action, later = policy.predict(seen(both, at), state, np.array([False, True]))
    alone, _ = policy.predict(seen(second))
    np.testing.assert_allclose(action[1], alone[0], rtol=1e-9)
    np.testing.assert_allclose(action[0] * policy.action.scale, state.u[1, 0], atol=1e-9)
    assert later is not state
    np.testing.assert_array_equal(later.x[:, 0], state.x[:, 0])
    assert state.begun.tolist() == [0, 0]
    # From the middle of an episode only the rest of it is planned.
    middle = policy.value(seen(np.vstack([first, first]), np.array([0.0, 0.8])))
    rest = problem.replace(horizon=6)
    np.testing.assert_allclose(middle[1], PlannedPath(rest).value(seen(first))[0], rtol=1e-12)
    assert middle[1] < middle[0]


def test_beyond_the_plan_parameters_are_held():
    problem = wells(default_dynamics="rotation", episode_steps=60)
    policy = PlannedPath(problem, steps=20)
    run = rollout(problem, policy, episodes=1, seed=0, keep_paths=1)
    np.testing.assert_allclose(run.path[21:], run.path[20:-1], atol=1e-9)
    assert np.abs(run.path[20] - run.path[19]).max() > 1e-6
    predicted = policy.value(seen(known_start(problem)))[0]
    u = np.array([[0.0, 1.0], [-1.0, 0.0]]) @ run.path[20, 0]
    step = problem.dt * (u @ u / 2 + run.excess[-1, 0])
    after = problem.discount**60 / (1 - problem.discount) * step
    assert run.cost[0] + after == pytest.approx(predicted, rel=1e-9)


def test_receding_horizon_keeps_to_its_plan():
    problem = wells(horizon=60)
    predicted = solve_path(problem).cost
    for every in (1, 7):
        policy = RecedingHorizon(problem, 40, every=every)
        run = rollout(problem, policy, episodes=1, seed=0, keep_paths=1)
        assert run.path[-1, 0, 0] > 1.0  # over the hill
        assert predicted * (1 - 1e-9) < run.cost[0] < 1.001 * predicted


@pytest.mark.parametrize("landscape", [PLANE, "logistic_regression"])
def test_a_convex_loss_is_solved_exactly(landscape):
    problem = NavigationProblem(landscape=landscape, gamma=0.5, episode_steps=100)
    solution = solve_path(problem)
    assert solution.bound == "exact"
    assert solution.cost is None  # starts are random
    assert "global" in solution.status
    start = known_start(problem.replace(start={"kind": "normal", "std": 0.0}))
    others = {
        "still": still,
        "noise": lambda path, x: (
            0.5 * np.sin(np.arange(path.T * path.m)).reshape(path.T, 1, path.m)
        ),
    }
    found = plan(problem, start, options=PlanOptions(guesses=others))
    np.testing.assert_allclose(
        [paths.cost[0] for paths in found.local.values()],
        solution.value(seen(start))[0],
        rtol=1e-10,
    )


def test_what_a_solution_says_of_itself():
    local = solve_path(wells())
    assert local.bound == "upper"
    assert local.converged
    assert "local: " in local.status
    assert "landscape_gym.control.solve_grid" in local.status
    stopped = solve_path(wells(), options=PlanOptions(max_iterations=1))
    assert not stopped.converged
    assert stopped.residual > local.residual
    assert "not converged from 1 of them" in stopped.status
    assert solve_path(wells(), starts=[[0.0, 0.0], [1.0, 1.0]]).cost is None
    # Convex, but cut short: bound and residual say so.
    convex = NavigationProblem(landscape=PLANE, gamma=0.1)
    short = solve_path(convex, steps=5)
    assert short.bound == "upper"
    assert short.residual > 0.01
    endless = solve_path(convex.replace(gamma=0.0))
    assert endless.bound == "upper"
    assert "leaves out what comes after" in endless.status


@pytest.mark.parametrize(("gamma", "boundary"), [(1.0, -0.378), (2.0, -0.192)])
def test_the_hill_is_crossed_from_where_value_iteration_says(gamma, boundary):
    # tests/golden/optima.json, on a grid of 0.002
    found = plan(wells(gamma=gamma), [[boundary - 0.004, 0.0], [boundary + 0.004, 0.0]])
    assert (found.best.x[100, :, 0] > 1).tolist() == [False, True]


def test_rows_may_be_optimised_a_few_at_a_time(monkeypatch):
    starts = np.random.default_rng(0).uniform(-2, 2, size=(5, 2))
    whole = plan(wells(), starts, steps=30)
    monkeypatch.setattr(planner, "CHUNK_NUMBERS", 2 * 30 * 2**2)
    chunks = plan(wells(), starts, steps=30)
    np.testing.assert_allclose(chunks.best.x, whole.best.x, atol=1e-9)
    np.testing.assert_allclose(chunks.best.gains, whole.best.gains, atol=1e-9)
    np.testing.assert_allclose(chunks.best.cost, whole.best.cost, rtol=1e-12)


def test_every_local_path_is_kept_and_the_best_is_the_cheapest():
    found = plan(wells(), [[-0.6, 0.55], [1.5, 0.0]])
    costs = {name: paths.cost for name, paths in found.local.items()}
    assert set(costs) == {"do nothing", "to the minimum", "gradient descent"}
    assert found.origin[0] == "to the minimum"
    np.testing.assert_array_equal(found.best.cost, np.min(list(costs.values()), axis=0))
    assert costs["do nothing"][0] > 1.1 * found.best.cost[0]
    np.testing.assert_allclose(costs["do nothing"][1], found.best.cost[1], rtol=1e-12)


REFUSED = [
    ({"hazard": 0.1}, "hazard > 0.*set hazard to 0"),
    ({"drift": 0.1}, "drift > 0.*control.optimum"),
    ({"landscape": "logistic_regression", "metric": "fisher"}, "'fisher' depends on theta"),
    ({"metric": "max"}, "'max' is a norm and no quadratic form.*sign descent"),
    ({"landscape": Quadratic(optimum_std=1.0)}, "Quadratic are random.*control.optimum"),
    (
        {
            "landscape": TorchLandscape(
                lambda x, a: a * x.sum(), 2, draw_instances=lambda draw: (draw.normal(),)
            )
        },
        "TorchLandscape are random.*leave out what draws",
    ),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_an_unknown_future_is_refused(fields, message):
    problem = NavigationProblem(**{"landscape": "double_well", **fields})
    for solve in (solve_path, PlannedPath, lambda p: RecedingHorizon(p, 5)):
        with pytest.raises(ValueError, match=message):
            solve(problem)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="steps"):
        PlannedPath(wells(), steps=0)
    with pytest.raises(ValueError, match=r"finite parameters \(rows, 2\)"):
        plan(wells(), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="finite parameters"):
        plan(wells(), [np.nan, 0.0])
    with pytest.raises(ValueError, match="every"):
        RecedingHorizon(wells(), 5, every=6)
    with pytest.raises(ValueError, match="direct"):
        PlanOptions(method="newton")
    with pytest.raises(ValueError, match="at least one"):
        PlanOptions(guesses={})
    many = NavigationProblem(landscape=network(), default_dynamics=lambda x: -x)
    with pytest.raises(ValueError, match=r"161 parameters.*give the matrix F"):
        plan(many, np.zeros(161), steps=3)


def test_convex_landscapes_are_convex():
    convex = {kind for kind, family in LANDSCAPES.items() if family.convex}
    assert convex == {"quadratic", "matrix_quadratic", "logistic_regression"}
    assert not TorchLandscape.convex
    for kind in convex:
        landscape = LANDSCAPES[kind]()
        path = PathProblem.of(
            NavigationProblem(landscape=PLANE if kind == "quadratic" else landscape)
        )
        theta = np.random.default_rng(0).normal(size=(1, 16, path.d))
        assert np.linalg.eigvalsh(path.hessians(theta)).min() > 0
