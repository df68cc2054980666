"""The learned rules that come with the library act in the regimes that they are named after."""

import numpy as np
import pytest

import landscape_gym
from landscape_gym import REGIMES
from landscape_gym.artifact import shipped_rules
from landscape_gym.control import optimum
from landscape_gym.evaluation import compare

SHIPPED = (
    "double-well",
    "geometry",
    "hidden-curvature",
    "hidden-task-switching",
    "long-horizon",
    "noisy-gradient",
    "partial-control",
    "short-horizon",
    "task-switching",
)
FOR_NETWORKS = ("networks",)
"""Not of a regime: tests/agents/test_network_rules.py has theirs."""
LEARNERS = ("noisy-gradient", "hidden-task-switching")
"""Where the target is hidden, the optimum of what can be known is the reference."""


def test_these_rules_are_shipped():
    assert shipped_rules() == tuple(sorted((*SHIPPED, *FOR_NETWORKS)))


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


def test_the_rule_of_hidden_curvature_serves_other_dimensions():
    rule = landscape_gym.load_rule("hidden-curvature")
    problem = REGIMES["hidden-curvature"].problem.replace(landscape={"dim": 50})
    policies = {"learned": rule, "optimum": optimum(problem).policy}
    result = compare(problem, policies, episodes=32, optimum="optimum")["learned"]
    assert result.ratio is not None
    assert np.isfinite(result.cost)
    assert result.ratio.value < 1.1
