"""The best linear rule with more memory: exact cost and gradient, and memory never costs more."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from landscape_gym.derivation.linear_rule import (
    HiddenCurvature,
    best_linear_rule,
    linear_rule_cost,
)
from landscape_gym.derivation.memory_rule import best_memory_rule, memory_rule_cost
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.evaluation import rollout
from landscape_gym.policy import RulePolicy
from landscape_gym.registration import REGIMES

MOMENTUM = json.loads(Path(__file__).with_name("optima.json").read_text())["momentum"]
CURVATURES = np.geomspace(0.05, 5.0, 21)
WEIGHTS = np.linspace(1.0, 2.0, 21) / 31.5
A, B = (0.7, -0.2, 0.1), (0.4, 0.1)
SETTINGS = {
    "finite": {"horizon": 9},
    "finite with noise": {"horizon": 30, "gamma": 0.2, "noise": 0.3 * CURVATURES, "drift": 0.01},
    "discounted": {"gamma": 0.2, "eta": 5.0, "metric": 1.5},
    "discounted with noise": {"gamma": 0.2, "noise": 0.3, "drift": 0.01},
    "total": {"gamma": 0.0},
    "average": {"gamma": 0.0, "noise": 0.1 * CURVATURES, "drift": 0.1},
}


def hidden(**fields):
    return HiddenCurvature(CURVATURES, WEIGHTS, **{"dt": 0.2, **fields})


@pytest.mark.parametrize("name", SETTINGS)
def test_with_little_memory_the_cost_is_that_of_momentum_and_of_gradient_descent(name):
    problem = hidden(**SETTINGS[name])
    momentum = memory_rule_cost(problem, (0.7, 0.0), (0.3,)).cost
    assert momentum == pytest.approx(linear_rule_cost(problem, 0.7, 0.3), rel=1e-12)
    descent = memory_rule_cost(problem, (0.7,)).cost
    assert descent == pytest.approx(linear_rule_cost(problem, 0.7, 0.0), rel=1e-12)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_gradient_is_that_of_differences(name):
    problem = hidden(**SETTINGS[name])
    rule, small = np.array([*A, *B]), 1e-6
    found = memory_rule_cost(problem, A, B)
    for i, slope in enumerate([*found.a, *found.b]):
        step = small * np.eye(5)[i]
        up, down = (
            memory_rule_cost(problem, r[:3], r[3:]).cost for r in (rule + step, rule - step)
        )
        assert slope == pytest.approx((up - down) / (2 * small), rel=1e-5, abs=1e-7)


def test_the_cost_is_that_of_the_exact_distribution():
    # All noises two-valued, so the expectation is a sum over 2^8 equally likely histories.
    h, r, w, gamma, dt = 1.3, 0.5, 0.2, 0.3, 0.2
    problem = HiddenCurvature(
        np.array([h]), np.ones(1), gamma=gamma, dt=dt, horizon=4, noise=r, drift=w
    )
    total = 0.0
    for history in range(256):
        signs = [1 - 2 * (history >> bit & 1) for bit in range(8)]
        e, y, u = 1.0, [0.0, 0.0, 0.0], [0.0, 0.0]
        for t in range(4):
            y = [h * e + math.sqrt(r) * signs[t], *y[:2]]
            u = [np.dot(B, u) - np.dot(A, y), u[0]]
            e += dt * u[0]
            total += math.exp(-gamma * dt * t) * dt * (u[0] ** 2 + h * e**2) / 2 / 256
            e -= math.sqrt(w) * signs[4 + t]
    assert memory_rule_cost(problem, A, B).cost == pytest.approx(total, rel=1e-12)


def test_the_environment_charges_what_the_recursion_says():
    problem = REGIMES["landscape-nav"].problem.replace(horizon=60, landscape={"rotated": False})
    rule = best_memory_rule(linear_setting(problem), 1)
    costs = rollout(problem, RulePolicy(rule), episodes=4000, seed=1).cost / problem.dim
    assert abs(costs.mean() - rule.cost) < 4 * costs.std() / math.sqrt(4000)


@pytest.mark.parametrize("golden", MOMENTUM["by_horizon"][:4] + MOMENTUM["by_discount"][-1:])
def test_more_memory_never_costs_more(golden):
    curvatures = np.array(MOMENTUM["curvatures"])
    problem = HiddenCurvature(
        curvatures,
        np.full(len(curvatures), 1 / len(curvatures)),
        eta=golden["eta"],
        gamma=golden["gamma"],
        dt=MOMENTUM["dt"],
        horizon=golden["T"] if golden["T"] <= 20 else None,
    )
    rules = [best_memory_rule(problem, k) for k in range(4)]
    costs = [rule.cost for rule in rules]
    assert costs[0] == pytest.approx(best_linear_rule(problem, momentum=False).cost, rel=1e-12)
    assert costs[1] <= best_linear_rule(problem).cost * (1 + 1e-13)
    assert all(more <= less * (1 + 1e-13) for less, more in itertools.pairwise(costs))
    for rule in rules:
        assert memory_rule_cost(problem, rule.a, rule.b).cost == pytest.approx(rule.cost, rel=1e-12)
        assert rule.converged, rule.status
    if golden["T"] > 2:  # the previous gradient is worth more than momentum alone
        assert costs[1] < 0.995 * best_linear_rule(problem).cost


def test_the_best_rule_is_better_than_its_neighbours():
    problem = hidden(eta=100.0, gamma=0.2, noise=0.1 * CURVATURES, drift=0.01)
    best = best_memory_rule(problem, 1)
    rule = np.array([*best.a, *best.b])
    for step in 0.03 * np.vstack([np.eye(3), -np.eye(3)]):
        a, b = (rule + step)[:2], (rule + step)[2:]
        assert memory_rule_cost(problem, a, b).cost > best.cost


def test_unstable_rules_cost_infinitely_much():
    found = memory_rule_cost(hidden(), (2.1 / (0.2 * 5.0),))
    assert found.cost == math.inf
    assert (found.a == 0).all()
    assert memory_rule_cost(hidden(), (0.1, 0.0), (1.0,)).cost == math.inf


def test_known_curvature_needs_no_memory():
    known = HiddenCurvature(np.full(3, 1.7), np.full(3, 1 / 3), eta=2.0, gamma=0.3)
    costs = [best_memory_rule(known, k).cost for k in (0, 2)]
    assert costs[1] == pytest.approx(costs[0], rel=1e-9)


def test_flat_landscapes_need_no_rule():
    best = best_memory_rule(HiddenCurvature(np.zeros(2), np.full(2, 0.5)), 2)
    assert best.a == (0.0, 0.0, 0.0)
    assert best.cost == 0
    assert best.converged


def test_what_is_no_rule_is_refused():
    with pytest.raises(ValueError, match=r"k \+ 1 weights a and k weights b; got shapes"):
        memory_rule_cost(hidden(), (0.1, 0.2), (0.1, 0.2))
    with pytest.raises(ValueError, match="previous gradients, >= 0; got -1"):
        best_memory_rule(hidden(), -1)
