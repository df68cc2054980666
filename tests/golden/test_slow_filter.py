"""Adam where it is the optimum: behind a slow filter, for any curvature (theory section 11)."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from landscape_gym.control import LQGPolicy, Refusal, price_of_form
from landscape_gym.derivation.linear_rule import (
    HiddenCurvature,
    best_linear_rule,
    linear_rule_cost,
)
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.derivation.slow_filter import slow_filter
from landscape_gym.derivation.whitening import best_whitening
from landscape_gym.evaluation import rollout
from landscape_gym.policy import RulePolicy
from landscape_gym.registration import REGIMES
from landscape_gym.rules import Adam, GradientDescent, Momentum, RMSprop

PROBLEM = REGIMES["drifting-target"].problem
EPISODES = 48


@cache
def cost(problem, rule=None):
    """Costs of a rule, or of LQG, told the curvature, (episodes,)."""
    policy = LQGPolicy(problem) if rule is None else RulePolicy(rule)
    return rollout(problem, policy, episodes=EPISODES, seed=1_000_000).cost


def ratio(problem, rule):
    return cost(problem, rule).mean() / cost(problem).mean()


def best_power(problem, power):
    """The best rule that divides gradients by that power of the curvature, which it knows."""
    setting = replace(linear_setting(problem), horizon=problem.steps)
    return best_linear_rule(setting, momentum=False, power=power)


@pytest.mark.parametrize("h", [0.05, 0.7, 5.0])
def test_the_filters_weight_is_the_drift_over_the_noises_deviation(h):
    # l = P h / (P h^2 + r) with P from a Riccati solver; l y = q^(1/2) y / r^(1/2) for small eps.
    q, sigma = 1e-6, 1.0
    cells = [np.array([[x]]) for x in (1.0, h, q, sigma**2 * h)]
    P = solve_discrete_are(*cells)[0, 0]
    weight = P * h / (P * h**2 + sigma**2 * h)
    assert weight * sigma * h**0.5 == pytest.approx(q**0.5, rel=2 * (q * h) ** 0.5)


def test_constants_are_the_drift_in_a_step():
    assert PROBLEM.dt * RMSprop.derive(PROBLEM).lr == pytest.approx(math.sqrt(0.03 * 0.1))
    assert RMSprop.derive(PROBLEM).lr == Adam.derive(PROBLEM).lr
    four_times = PROBLEM.replace(drift=0.12, landscape={"optimum_std": 0.35})
    assert RMSprop.derive(four_times).lr == pytest.approx(2 * RMSprop.derive(PROBLEM).lr)
    # They do not depend on the noise's size, nor on curvatures.
    other = PROBLEM.replace(
        noise={"std": 1.3}, landscape={"curvature": {"kind": "log_uniform", "low": 0.2}}
    )
    assert RMSprop.derive(other).lr == RMSprop.derive(PROBLEM).lr


def test_rmsprop_and_adam_are_near_what_is_best_for_who_is_told_the_curvature():
    assert ratio(PROBLEM, RMSprop.derive(PROBLEM)) <= 1.01
    assert ratio(PROBLEM, Adam.derive(PROBLEM)) <= 1.04
    wrong = replace(RMSprop.derive(PROBLEM), lr=1.4 * RMSprop.derive(PROBLEM).lr)
    assert ratio(PROBLEM, wrong) > 1.03


def test_what_treats_all_curvatures_alike_pays_more():
    momentum = ratio(PROBLEM, Momentum.derive(PROBLEM))
    assert momentum > 1.08
    assert ratio(PROBLEM, GradientDescent(best_power(PROBLEM, 0.0).a)) > momentum
    told = LQGPolicy(PROBLEM).expected_cost(PROBLEM.steps)
    natural = PROBLEM.dim * best_power(PROBLEM, 1.0).cost / told
    assert natural > momentum


def test_where_control_takes_time_adam_has_a_memory():
    dear = PROBLEM.replace(eta=10.0)
    adam = Adam.derive(dear)
    assert 0.6 < adam.b1 < 0.75
    assert ratio(dear, adam) <= 1.04
    assert ratio(dear, Momentum.derive(dear)) > 1.08
    assert ratio(dear, RMSprop.derive(dear)) > 1.15


def test_control_of_one_speed_makes_adam_the_optimum():
    h = (0.1, 0.3, 1.0, 3.0)
    even = PROBLEM.replace(
        landscape={"dim": 4, "curvature": h}, metric=h, eta=30.0, drift=0.003, gamma=0.005
    ).replace(landscape={"optimum_std": 0.15})
    adam = Adam.derive(even)
    # x^2 / (1 - x) = eta k dt^2 for x = dt kappa without discount, the same for all curvatures.
    x = 1 - adam.b1
    assert x**2 / (1 - x) == pytest.approx(0.3, rel=1e-2)
    assert ratio(even, adam) <= 1.02
    assert ratio(even, replace(adam, b1=0.0)) > 1.05
    with pytest.raises(Refusal, match="one step size"):
        Momentum.derive(even)


@pytest.mark.parametrize(
    "changes",
    {
        "resting target": {"drift": 0.0},
        "fast filter": {"drift": 3.0, "landscape": {"optimum_std": 0.8}},
        "speeds differ": {"eta": 10.0},
        "far start": {"landscape": {"optimum_std": 1.0}},
        "short": {"gamma": 1.0},
        "rotated": {"landscape": {"rotated": True}},
        "ending": {"horizon": 1000},
    }.values(),
)
def test_elsewhere_constants_are_the_best_of_the_form(changes):
    elsewhere = PROBLEM.replace(**changes)
    assert slow_filter(elsewhere) is None
    assert Adam.derive(elsewhere).lr == best_whitening(elsewhere, "Adam").alpha


def test_the_price_of_the_form_is_an_eighth_of_epsilon_squared():
    # eps = (q h)^(1/2) / sigma; one curvature, without end: the cost per step.
    q, h = 4e-4, 1.0
    setting = HiddenCurvature(np.array([h]), np.ones(1), eta=1e9, dt=1.0, noise=h, drift=q)
    best = best_linear_rule(setting)  # for one curvature it is LQG (theory 4(d))
    found = linear_rule_cost(setting, math.sqrt(q), 0.0, power=0.5)
    assert (float(found) / best.cost - 1) / (q * h / 8) == pytest.approx(1.0, rel=2 * q**0.5)


def test_the_price_of_the_form_is_what_is_simulated():
    # v is estimated and holds the gradient's own square: half a per cent more.
    assert price_of_form(PROBLEM, RMSprop.derive(PROBLEM).lr) == pytest.approx(
        ratio(PROBLEM, RMSprop.derive(PROBLEM)), abs=0.01
    )
    with pytest.raises(Refusal, match="rotated"):
        price_of_form(PROBLEM.replace(landscape={"rotated": True}), 1.0)
