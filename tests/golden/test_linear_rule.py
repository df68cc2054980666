"""The best linear rule under hidden curvature: its cost is that of simulated loops, its b grows."""

import math

import numpy as np
import pytest

from landscape_gym.control import HiddenCurvature, best_linear_rule, diagonal_gain
from landscape_gym.derivation.linear_rule import linear_rule_cost

CURVATURES = np.geomspace(0.05, 5.0, 21)
WEIGHTS = np.linspace(1.0, 2.0, 21) / 31.5


def hidden(**fields):
    return HiddenCurvature(CURVATURES, WEIGHTS, **{"dt": 0.2, **fields})


def test_without_noise_the_cost_is_that_of_the_simulated_loop():
    a, b, total = 0.7, 0.3, 0.0
    problem = hidden(eta=2.0, k=0.5, gamma=0.3, horizon=9, metric=1.5, second_moment=4.0)
    for h, weight in zip(CURVATURES, WEIGHTS, strict=True):
        e, u = 2.0, 0.0
        for t in range(9):
            u = -a * h * e + b * u
            e += 0.2 * u
            step = 0.2 * (1.5 * u**2 / 4.0 + 0.5 * h * e**2 / 2)
            total += weight * math.exp(-0.06 * t) * step
    assert linear_rule_cost(problem, a, b) == pytest.approx(total, rel=1e-13)


def test_with_noise_and_drift_the_cost_is_that_of_the_exact_distribution():
    # All noises two-valued, so the expectation is a sum over 2^6 equally likely histories.
    h, r, w, a, b, gamma = 1.3, 0.5, 0.2, 0.7, 0.3, 0.3
    problem = HiddenCurvature(
        np.array([h]), np.ones(1), gamma=gamma, dt=0.2, horizon=3, noise=r, drift=w
    )
    total = 0.0
    for history in range(64):
        signs = [1 - 2 * (history >> bit & 1) for bit in range(6)]
        e, u = 1.0, 0.0
        for t in range(3):
            u = -a * (h * e + math.sqrt(r) * signs[t]) + b * u
            e += 0.2 * u
            total += math.exp(-gamma * 0.2 * t) * 0.2 * (u**2 + h * e**2) / 2 / 64
            e -= math.sqrt(w) * signs[3 + t]
    assert linear_rule_cost(problem, a, b) == pytest.approx(total, rel=1e-13)


@pytest.mark.parametrize("noise", [0.0, 0.3 * CURVATURES])
def test_the_endless_cost_is_the_limit_of_finite_ones(noise):
    endless = linear_rule_cost(hidden(gamma=0.3, noise=noise), 0.7, 0.3)
    long = linear_rule_cost(hidden(gamma=0.3, noise=noise, horizon=2000), 0.7, 0.3)
    assert endless == pytest.approx(long, rel=1e-12)


def test_without_discount_noise_is_charged_per_step():
    noise = {"noise": 0.3, "drift": 0.01}
    per_step = linear_rule_cost(hidden(**noise), 0.7, 0.3)
    finite = [linear_rule_cost(hidden(**noise, horizon=T), 0.7, 0.3) for T in (3000, 3001)]
    assert per_step == pytest.approx(finite[1] - finite[0], rel=1e-9)


def test_unstable_rules_cost_infinitely_much():
    # Gradient descent past 2 / (dt h); and a momentum of 1.
    problem = hidden()
    limit = 2 / (0.2 * 5.0)
    costs = linear_rule_cost(problem, [0.99 * limit, 1.01 * limit, 0.1], [0.0, 0.0, 1.0])
    assert np.isfinite(costs).tolist() == [True, False, False]
    assert linear_rule_cost(hidden(horizon=10_000), 2 * limit, 0.0) == np.inf


def test_the_best_rule_is_better_than_its_neighbours():
    problem = hidden(eta=100.0, gamma=0.2, noise=0.1 * CURVATURES, drift=0.01)
    best = best_linear_rule(problem)
    assert best.cost == pytest.approx(linear_rule_cost(problem, best.a, best.b), rel=1e-12)
    for da, db in ((0.05, 0), (-0.05, 0), (0, 0.05), (0, -0.05)):
        assert linear_rule_cost(problem, best.a * (1 + da), best.b + db) > best.cost


def test_momentum_is_what_a_longer_horizon_buys():
    # Theory 4(c): where control is cheap b* grows with the horizon T, and with 1 / gamma.
    by_horizon = [best_linear_rule(hidden(eta=100.0, horizon=T)) for T in (1, 2, 4, 8, 16, 64)]
    by_discount = [best_linear_rule(hidden(eta=100.0, gamma=g)) for g in (10.0, 3.0, 1.0, 0.3, 0.0)]
    for rules in (by_horizon, by_discount):
        assert (np.diff([rule.b for rule in rules]) > 0).all()
    assert by_horizon[0].b == 0
    plain = best_linear_rule(hidden(eta=100.0), momentum=False)
    assert plain.cost > 1.1 * by_discount[-1].cost


def test_curvature_that_is_known_needs_no_momentum_and_gives_the_optimal_gain():
    problem = HiddenCurvature(np.full(3, 1.7), np.full(3, 1 / 3), eta=2.0, gamma=0.3, dt=0.1)
    best = best_linear_rule(problem)
    optimal = diagonal_gain(1.7, eta=2.0, k=1.0, gamma=0.3, dt=0.1)
    assert best.cost == pytest.approx(optimal.P / 2, rel=1e-12)
    assert best.a == pytest.approx(optimal.gain / 1.7, rel=1e-6)
    assert best.b == pytest.approx(0.0, abs=1e-6)


def test_flat_landscapes_need_no_rule():
    assert best_linear_rule(HiddenCurvature(np.zeros(2), np.full(2, 0.5))) == (0.0, 0.0, 0.0)
    some_flat = HiddenCurvature(np.array([0.0, 1.0]), np.full(2, 0.5))
    one = HiddenCurvature(np.ones(1), np.ones(1))
    assert linear_rule_cost(some_flat, 0.5, 0.1) == linear_rule_cost(one, 0.5, 0.1) / 2


def test_on_the_boundary_of_stability_the_cost_is_infinite():
    h = np.geomspace(0.05, 5, 7)
    for curvature in h:  # for some of them rounding would put the rule inside
        known = HiddenCurvature(np.array([curvature]), np.ones(1), gamma=0.0, dt=0.1)
        assert linear_rule_cost(known, 2 / (0.1 * curvature), 0.0) == np.inf
        assert linear_rule_cost(known, 0.5, 1.0) == np.inf
