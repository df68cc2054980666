"""Grid policies: what they cost, on every landscape, and what they refuse."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from landscape_gym.control.grid.policy import GridPolicy, solve_grid
from landscape_gym.control.grid.solution import grid_solution
from landscape_gym.dynamics import initial
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import LANDSCAPES
from landscape_gym.problem import NavigationProblem, NormalStart, UniformStart
from tests.contracts.instances import draws
from tests.golden.test_grid import (
    DENSE,
    double_well,
    instance,
    points_in_box,
    quadratic,
    value_matrix,
)

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
