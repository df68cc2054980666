"""The bracket of the least cost under hidden curvature: attained where it can be."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from landscape_gym.control import diagonal_gain
from landscape_gym.control.hidden_curvature.bracket import (
    bracket,
    price_of_the_first_move,
)
from landscape_gym.control.hidden_curvature.self_tuning import SelfTuningPolicy
from landscape_gym.control.hidden_target.lqg import LQGPolicy
from landscape_gym.derivation.coordinate_prior import curvature_prior
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import LogUniform, Quadratic
from landscape_gym.problem import CurvatureNoise, NavigationProblem, NormalStart
from landscape_gym.registration import REGIMES

LANDSCAPE = Quadratic(dim=10, curvature=LogUniform(0.05, 5.0), optimum_std=1.0)
TABLE = NavigationProblem(landscape=LANDSCAPE, start=NormalStart(0.0, 0.0))


def simulator(problem, episodes=400):
    return lambda policy: rollout(problem, policy, episodes=episodes, seed=0).cost


def bounds(problem, episodes=400, **options):
    return bracket(problem, simulator(problem, episodes), **options)


@pytest.mark.parametrize("eta", [1.0, 30.0])
def test_by_exact_gradients_the_least_cost_is_known_and_attained(eta):
    found = bounds(TABLE.replace(eta=eta), 1000)
    low, high = found.interval
    assert low - 5e-4 * found.lower < found.lower < high + 5e-4 * found.lower
    assert found.lower > found.known


def test_a_worse_first_move_does_not_attain_it():
    # The negative twin, where control is cheap.
    problem = TABLE.replace(eta=100.0)
    run, episode = simulator(problem, 1000), problem.replace(horizon=problem.steps)
    more = run(SelfTuningPolicy(episode, acting="mean")) - run(LQGPolicy(episode))
    found = bounds(problem, 1000)
    half = 2 * more.std() / math.sqrt(1000)
    assert found.known + more.mean() - half > found.lower
    assert found.interval[0] < found.lower * (1 + 1e-3)


@pytest.mark.parametrize(("sigma", "known", "gap"), [(0.3, 1.042, 0.03), (3.0, 2.66, 0.012)])
def test_theorys_table_is_bracketed(sigma, known, gap):
    # Theory 7(e): LQG with known curvature, relative to full information.
    episode = TABLE.replace(noise=CurvatureNoise(sigma))
    full = LQGPolicy(TABLE.replace(horizon=TABLE.steps)).expected_cost()
    found = bounds(episode)
    assert found.known / full == pytest.approx(known, rel=2e-3)
    assert found.known < found.lower < found.interval[0] < found.upper < found.linear
    assert 0 < found.gap < gap
    assert f"{found.gap:.2%}" in found.status
    assert not found.policy.observation.privileged


@pytest.mark.parametrize(
    ("rotated", "place", "gap"), [(False, "parameters", 0.008), (True, "displacement", 0.033)]
)
def test_a_regime_is_bracketed(rotated, place, gap):
    problem = REGIMES["hidden-curvature"].problem.replace(landscape={"rotated": rotated})
    found = bounds(problem, 200, place=place)
    assert found.known < found.lower < found.upper < found.linear
    assert 0 < found.gap < gap


def test_a_rotated_landscape_with_noise_is_bracketed():
    problem = REGIMES["landscape-nav"].problem.replace(landscape={"dim": 3}, episode_steps=60)
    found = bounds(problem, 200)
    axes = bounds(problem.replace(landscape={"rotated": False}), 200)
    assert found.lower == pytest.approx(axes.lower, rel=1e-9)
    assert found.lower < axes.upper < found.upper < found.linear


def test_where_only_the_linear_rule_is_left_its_cost_is_exact():
    problem = REGIMES["landscape-nav"].problem.replace(drift=0.1, landscape={"dim": 3})
    found = bounds(problem, 10)
    assert found.upper == found.linear
    assert found.interval == (found.linear, found.linear)
    costs = simulator(problem, 1000)(found.policy)
    assert abs(costs.mean() - found.linear) < 4 * costs.std() / math.sqrt(1000)


def test_known_curvature_leaves_only_the_simulations_error():
    landscape = {"kind": "quadratic", "curvature": (0.2, 2.0), "optimum_std": 1.0}
    found = bounds(NavigationProblem(landscape=landscape, noise="curvature"), 50)
    assert found.lower == found.known
    assert found.upper == pytest.approx(found.lower, rel=1e-9)


def test_the_price_of_the_first_move_is_that_of_brute_force():
    # Gradients and moves on a grid: E min_v E Q_h(v) - E min_v Q_h(v).
    problem = NavigationProblem(
        landscape=Quadratic(dim=1, curvature=LogUniform(0.1, 4.0), optimum=0.6, optimum_std=0.8),
        start=NormalStart(0.2, 0.0),
        noise=CurvatureNoise(0.5),
        eta=20.0,
    )
    h = curvature_prior(problem.landscape, 48)[0]
    g = 0.1 * diagonal_gain(h, eta=20.0, k=1.0, gamma=0.1, dt=0.1).gain
    c = 1 / 2.0
    S, V = c * g / (1 - g), 0.64 * h**2 + 0.25 * h
    y = np.linspace(-15, 15, 1001)[:, None]
    density = norm.pdf(y, -0.4 * h, np.sqrt(V)) / 48
    m = -0.4 + 0.64 * h / V * (y + 0.4 * h)
    v = np.linspace(-4, 4, 4001)[:, None]
    weight, pull = density @ (c + S), np.sum(density * S * m, axis=1)
    still = np.sum(density * S * m**2, axis=1)
    q = weight / 2 * v**2 + pull * v + still / 2  # E Q_h(v), (moves, gradients)
    known = np.sum(density * (c * S / (c + S) / 2 * m**2), axis=1)
    expected = (np.min(q, axis=0) - known).sum() * (y[1, 0] - y[0, 0])
    found = price_of_the_first_move(problem)
    assert found == pytest.approx(expected, rel=3e-3)


@pytest.mark.parametrize(
    ("changes", "priced"),
    [
        ({}, True),
        ({"landscape": {"rotated": True}}, True),
        ({"landscape": {"rotated": True, "optimum": 1.0}}, False),
        ({"landscape": {"rotated": True}, "start": {"kind": "uniform"}}, False),
        ({"start": {"kind": "uniform"}}, True),
        ({"landscape": {"rotated": True, "curvature": "power_law"}}, False),
        ({"landscape": {"curvature": (1.0, 2.0)}}, False),
    ],
)
def test_a_first_move_has_a_price_only_where_it_is_sure(changes, priced):
    price = price_of_the_first_move(TABLE.replace(landscape={"dim": 2}).replace(**changes))
    assert (price > 0) == priced


def test_what_has_no_bracket_is_refused():
    run = simulator(TABLE, 4)
    with pytest.raises(ValueError, match="hazard > 0"):
        bracket(TABLE.replace(hazard=0.1), run)
    with pytest.raises(ValueError, match="multiple of the identity"):
        bracket(TABLE.replace(metric=range(1, 11)), run)
