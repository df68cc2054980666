"""The learned rules that come with the library act in the regimes that they are named after."""

import numpy as np
import pytest

import landscape_gym
from baselines import line_up
from landscape_gym import REGIMES
from landscape_gym.artifact import shipped_rules
from landscape_gym.control import NearestOnPath, optimum
from landscape_gym.evaluation import compare, rollout
from landscape_gym.policy import DoNothing, RulePolicy
from landscape_gym.readout import read_exponent
from landscape_gym.rules import Adam, Momentum

SHIPPED = (
    "double-well",
    "drifting-target",
    "geometry",
    "hidden-curvature",
    "hidden-task-switching",
    "learning-speed",
    "long-horizon",
    "noisy-gradient",
    "partial-control",
    "short-horizon",
    "task-switching",
)
FOR_NETWORKS = ("networks", "networks-ppo")
"""Not of a regime: tests/agents/test_network_rules.py has theirs."""
OF_DATA = ("logistic-regression",)
IN_A_FRAME = ("landscape-nav", "landscape-nav-parameters", "hidden-curvature-frame")
LEARNERS = ("noisy-gradient", "drifting-target", "hidden-task-switching", "learning-speed")
"""Where the target is hidden, the optimum of what can be known is the reference."""


def test_these_rules_are_shipped():
    assert shipped_rules() == tuple(sorted((*SHIPPED, *FOR_NETWORKS, *IN_A_FRAME, *OF_DATA)))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_rule_is_near_the_optimum_of_its_regime(name: str):
    rule = landscape_gym.load_rule(name)
    regime = REGIMES[name]
    best = optimum(regime.problem, regime.observation if name in LEARNERS else None)
    policies = {"learned": rule, "optimum": best.policy}
    result = compare(regime.problem, policies, episodes=64, optimum="optimum")["learned"]
    assert result.ratio is not None
    assert result.ratio.value < 1.1
    assert result.diverged == 0
    assert rule.about["regime"] == name


def test_the_rule_of_learning_speed_is_within_a_hundredth_of_dynamic_programming():
    regime = REGIMES["learning-speed"]
    policies = {
        "learned": landscape_gym.load_rule("learning-speed"),
        "optimum": optimum(regime.problem, regime.observation).policy,
    }
    result = compare(regime.problem, policies, episodes=512, seed=2_000_000, optimum="optimum")
    ratio = result["learned"].ratio
    assert ratio is not None
    assert ratio.value < 1.01


def test_the_rule_of_a_drifting_target_has_found_the_root():
    """Of curvature, as RMSprop has it; trained in one dimension, it acts in ten."""
    regime, learned = REGIMES["drifting-target"], landscape_gym.load_rule("drifting-target")
    policies = {
        "learned": learned,
        "optimum": optimum(regime.problem, regime.observation).policy,
    }
    result = compare(regime.problem, policies, episodes=128, seed=2_000_000, optimum="optimum")
    ratio = result["learned"].ratio
    assert ratio is not None
    assert ratio.value < 1.01
    found = read_exponent(regime.problem, learned, episodes=16, seed=2_000_000)
    assert found.value == pytest.approx(0.5, abs=0.05)
    assert learned.observation == regime.observation


def test_the_rule_of_hidden_curvature_serves_other_dimensions():
    rule = landscape_gym.load_rule("hidden-curvature")
    problem = REGIMES["hidden-curvature"].problem.replace(landscape={"dim": 50})
    policies = {"learned": rule, "optimum": optimum(problem).policy}
    result = compare(problem, policies, episodes=32, optimum="optimum")["learned"]
    assert result.ratio is not None
    assert np.isfinite(result.cost)
    assert result.ratio.value < 1.1


def test_the_rule_of_logistic_regression_is_within_a_twentieth_of_who_knows_the_landscape():
    """`NearestOnPath` pays 1.0001 of what planning each path does."""
    problem = REGIMES["logistic-regression"].problem
    learned = landscape_gym.load_rule("logistic-regression")
    ours, best = (
        rollout(problem, policy, episodes=64, seed=2_000_000).cost
        for policy in (learned, NearestOnPath(problem))
    )
    assert ours.mean() < 1.03 * best.mean()
    assert np.max(ours / best) < 1.1
    assert learned.observation.channels == ("gradient", "previous_update", "averages")
    assert not any(layer.bias.any() for layer in learned.network.layers)


def test_the_rule_of_logistic_regression_is_cheaper_than_derived_rules_and_a_tuned_adam():
    problem = REGIMES["logistic-regression"].problem
    rules = line_up(problem, tune_one=False).rules
    assert {"nesterov", "adam", "centred adam"} <= set(rules)
    tuned = Adam(lr=0.2388, b1=0.837, b2=0.9989)  # baselines/README.md
    rules["adam, tuned"] = RulePolicy(tuned, problem)
    learned = landscape_gym.load_rule("logistic-regression")
    ours, *theirs = (
        rollout(problem, policy, episodes=32, seed=2_000_000).cost.mean()
        for policy in (learned, *rules.values())
    )
    assert ours < 0.98 * min(theirs)
    assert learned.about["regime"] == "logistic-regression"


def test_in_a_frame_hidden_curvature_costs_less_than_with_a_rule_for_each_coordinate():
    """No learner can come below 1.0155."""
    problem = REGIMES["hidden-curvature"].problem
    names = ("hidden-curvature", "hidden-curvature-frame")
    policies = {name: landscape_gym.load_rule(name) for name in names}
    policies["optimum"] = optimum(problem).policy
    result = compare(problem, policies, episodes=256, seed=2_000_000, optimum="optimum")
    coordinates, framed = (result[name].ratio for name in names)
    assert framed.value < 1.03
    assert framed.value - 1 < 0.7 * (coordinates.value - 1)
    assert not policies[names[1]].observation.privileged


@pytest.mark.parametrize(("dim", "episodes"), [(2, 256), (30, 16)])
def test_the_rule_of_hidden_curvature_in_a_frame_serves_other_dimensions(dim: int, episodes: int):
    problem = REGIMES["hidden-curvature"].problem.replace(landscape={"dim": dim})
    learned, best = (
        rollout(problem, policy, episodes=episodes, seed=2_000_000).cost
        for policy in (landscape_gym.load_rule("hidden-curvature-frame"), optimum(problem).policy)
    )
    assert np.mean(learned / best) < 1.035
    assert np.max(learned / best) < 1.15


@pytest.mark.parametrize(("name", "most"), [("landscape-nav", 1.11), (IN_A_FRAME[1], 1.095)])
def test_the_rules_of_landscape_nav_are_far_better_than_momentum(name: str, most: float):
    """No learner can come below 1.024, and the best linear rule costs 1.27."""
    problem = REGIMES["landscape-nav"].problem
    policies = {
        "momentum": RulePolicy(Momentum.derive(problem)),
        "learned": landscape_gym.load_rule(name),
        "optimum": optimum(problem).policy,
    }
    result = compare(problem, policies, episodes=256, seed=2_000_000, optimum="optimum")
    learned, momentum = (result[name].ratio for name in ("learned", "momentum"))
    assert learned is not None
    assert momentum is not None
    assert learned.value < most
    assert learned.value - 1 < 0.5 * (momentum.value - 1)
    assert not policies["learned"].observation.privileged


@pytest.mark.parametrize("dim", [2, 30])
def test_the_rule_of_landscape_nav_serves_other_dimensions(dim: int):
    problem = REGIMES["landscape-nav"].problem.replace(landscape={"dim": dim})
    learned = landscape_gym.load_rule("landscape-nav")
    momentum, cost = (
        rollout(problem, policy, episodes=64, seed=2_000_000).cost
        for policy in (RulePolicy(Momentum.derive(problem)), learned)
    )
    assert cost.mean() < momentum.mean()


def test_out_of_its_problem_the_rule_of_landscape_nav_is_slow_and_does_not_diverge():
    """Curvatures are 30 times those that it believes in: bounded moves, where others overflow."""
    problem = REGIMES["landscape-nav"].problem.replace(
        landscape={"curvature": {"kind": "log_uniform", "low": 1.5, "high": 150.0}}
    )
    learned, nothing = landscape_gym.load_rule("landscape-nav"), DoNothing(problem.control_dim)
    wild, staying = (
        rollout(problem, policy, episodes=64, seed=3_000_000) for policy in (learned, nothing)
    )
    assert wild.diverged == 0
    assert (wild.cost < 100 * staying.cost).all()


def test_no_episode_under_the_rule_of_landscape_nav_is_worse_than_staying_where_it_begins():
    problem = REGIMES["landscape-nav"].problem
    learned, nothing = landscape_gym.load_rule("landscape-nav"), DoNothing(problem.control_dim)
    cost, staying = (
        rollout(problem, policy, episodes=512, seed=3_000_000).cost for policy in (learned, nothing)
    )
    assert (cost < staying).all()
