"""The solvers reproduce values that were computed independently (README.md beside this file)."""

import json
from pathlib import Path

import numpy as np
import pytest

from landscape_gym.control import (
    HiddenCurvature,
    LinearQuadratic,
    best_linear_rule,
    diagonal_gain,
    finite_horizon,
    heavy_ball,
    riccati,
)
from landscape_gym.derivation.diagonal import DiagonalQuadratic, stationary
from landscape_gym.derivation.linear_rule import linear_rule_cost
from landscape_gym.problem import NavigationProblem

OPTIMA = json.loads(Path(__file__).with_name("optima.json").read_text())
MOMENTUM = OPTIMA["momentum"]


def assert_matches(found, expected, relative=1e-9):
    scale = np.abs(np.asarray(expected)).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=relative * scale)


@pytest.mark.parametrize("golden", OPTIMA["diagonal_gain"])
def test_diagonal_gain(golden):
    names = ("metric", "eta", "k", "gamma", "dt")
    found = diagonal_gain(golden["h"], **{name: golden[name] for name in names})
    assert_matches(found.P, golden["P"])
    assert_matches(found.gain, golden["gain"])


@pytest.mark.parametrize("golden", OPTIMA["riccati"])
def test_riccati(golden):
    lq = LinearQuadratic.of(
        **{name: golden[name] for name in ("H", "G", "F", "B", "eta", "k", "gamma", "dt")}
    )
    stationary_solution, three_steps = riccati(lq), finite_horizon(lq, 3)
    assert stationary_solution.converged
    assert stationary_solution.residual < 1e-12
    assert_matches(stationary_solution.value.P, golden["value_matrix"])
    assert_matches(stationary_solution.law.K, golden["gain"])
    assert_matches(three_steps.value.P[0], golden["T3_value_matrix"])
    assert_matches(three_steps.law.K[0], golden["T3_first_gain"])


@pytest.mark.parametrize("golden", OPTIMA["reset_weight"])
def test_weight_on_the_prior_when_tasks_switch(golden):
    constants = {name: golden[name] for name in ("eta", "k", "gamma", "dt", "hazard")}
    matrices = riccati(LinearQuadratic.of([[golden["h"]]], **constants)).law
    scalars = stationary(DiagonalQuadratic(np.array([golden["h"]]), **constants))
    for law in (matrices, scalars):
        # u = -K (theta - (1 - w) z - w m)
        assert_matches(-law.K_m / law.K, golden["weight_on_prior"])
        assert_matches(-law.K_z / law.K, 1 - golden["weight_on_prior"])


@pytest.mark.parametrize("golden", MOMENTUM["by_horizon"] + MOMENTUM["by_discount"])
def test_best_linear_rule_under_hidden_curvature(golden):
    curvatures = np.array(MOMENTUM["curvatures"])
    problem = HiddenCurvature(
        curvatures,
        np.full(len(curvatures), 1 / len(curvatures)),
        eta=golden["eta"],
        k=MOMENTUM["k"],
        gamma=golden["gamma"],
        dt=MOMENTUM["dt"],
        horizon=golden["T"],
    )
    b = golden["b"] or 0.0
    assert_matches(linear_rule_cost(problem, golden["a"], b), golden["J"], 1e-13)
    best = best_linear_rule(problem)
    # The cost is flat at its minimum: a cost to 1e-15 determines a and b to about 3e-8.
    assert_matches(best.cost, golden["J"], 1e-13)
    assert best.a == pytest.approx(golden["a"], rel=3e-7)
    assert best.b == pytest.approx(b, abs=3e-7)
    plain = best_linear_rule(problem, momentum=False)
    assert_matches(plain.cost, golden["J_gd"], 1e-13)
    assert plain.a == pytest.approx(golden["a_gd"], rel=3e-7)
    assert plain.b == 0


@pytest.mark.parametrize("golden", OPTIMA["heavy_ball_lqg"])
def test_heavy_ball_is_the_lqg_controller(golden):
    h, dt, walk = golden["h"], golden["dt"], golden["drift_variance_per_step"]
    costs = {"eta": golden["eta"], "k": golden["k"], "dt": dt}
    problem = NavigationProblem(
        landscape={"kind": "quadratic", "dim": 1, "curvature": (h,)},
        noise={"kind": "isotropic", "std": golden["noise_variance"] ** 0.5},
        drift=walk / dt,
        gamma=golden["gamma"],
        **costs,
    )
    found = heavy_ball(problem)
    assert_matches(found.gain, golden["kappa"])
    assert_matches(found.kalman_gain, golden["kalman_gain"])
    assert_matches(found.a, golden["a"])
    assert_matches(found.b, golden["b"])
    # Without discount it has the least stationary cost of all linear rules.
    undiscounted = heavy_ball(problem.replace(gamma=0.0))
    best = best_linear_rule(
        HiddenCurvature(
            np.array([h]), np.ones(1), **costs, noise=golden["noise_variance"], drift=walk
        )
    )
    assert best.a == pytest.approx(undiscounted.a[0], rel=1e-6)
    assert best.b == pytest.approx(undiscounted.b[0], abs=1e-6)
