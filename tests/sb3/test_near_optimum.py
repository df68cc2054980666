"""The assertion for libraries that train: it passes what is near the optimum, and nothing else."""

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from landscape_gym import REGIMES
from landscape_gym.control import LQGPolicy, optimum
from landscape_gym.refusal import Refusal
from landscape_gym.rules import GradientDescent, Momentum
from landscape_gym.sb3 import FrameVecEnv, GatedPolicy, LandscapeNavVecEnv, LinearPolicy
from landscape_gym.testing import assert_near_optimum

LONG = REGIMES["long-horizon"]
FEW: Any = {"episodes": 32}


def agent(factor: float = 1.0, *, normalised: bool = False) -> PPO:
    """An agent whose gain is the optimum's, times a factor."""
    env: Any = LandscapeNavVecEnv(2, "long-horizon")
    if normalised:
        env = VecNormalize(env)
        env.obs_rms.var[:] = 4.0
        env.training = False
    learner = PPO(LinearPolicy, env, n_steps=8, batch_size=16)
    h, K = np.array([1 / 9, 1.0]), np.array([0.2838, 0.9093])  # docs of LinearQuadraticPolicy
    gain = factor * K / h / LONG.action.scale * (2.0 if normalised else 1.0)
    layer = learner.policy.mlp_extractor.actor[0]
    with torch.no_grad():
        layer.weight.copy_(torch.diag(torch.tensor(-gain)))
        layer.bias.zero_()
    return learner


def test_the_optimum_is_near_itself():
    found = assert_near_optimum(optimum(LONG.problem).policy, "long-horizon", ratio=1.0, **FEW)
    assert found.ratio.value == 1.0


@pytest.mark.parametrize("normalised", [False, True])
def test_an_agent_with_the_right_gain_passes_and_with_half_of_it_does_not(normalised: bool):
    assert assert_near_optimum(
        agent(normalised=normalised), "long-horizon", ratio=1.003, **FEW
    ).ratio.value == pytest.approx(1.0, abs=0.003)
    with pytest.raises(AssertionError, match=r"PPO costs 1\.\d+ .*more than 1.003, in 32 episodes"):
        assert_near_optimum(agent(0.5, normalised=normalised), "long-horizon", ratio=1.003, **FEW)


def test_a_plain_agent_that_has_learned_nothing_does_not_pass():
    learner = PPO("MlpPolicy", LandscapeNavVecEnv(2, "long-horizon"), n_steps=8, batch_size=16)
    with pytest.raises(AssertionError, match="times the optimum of full information"):
        assert_near_optimum(learner, "long-horizon", ratio=2.0, **FEW)


def test_an_agent_in_a_frame_is_judged_outside_of_it():
    seen = REGIMES["landscape-nav"].configured(
        observation=("gradient", "previous_update", "displacement"), action={"scale": 10.0}
    )
    env = FrameVecEnv(2, observation=seen.observation, action=seen.action)
    given = {"channels": seen.observation, "scale": 10.0}
    learner = PPO(GatedPolicy, env, n_steps=8, batch_size=16, seed=0, policy_kwargs=given)
    found = assert_near_optimum(learner, seen, ratio=3.0, **FEW)  # it begins as gradient descent
    assert found.ratio.value > 1.2


def test_rules_and_policies_are_judged_by_what_a_learner_can_know_if_that_is_asked_for():
    noisy = REGIMES["noisy-gradient"]
    best = LQGPolicy(noisy.problem)
    assert_near_optimum(best, "noisy-gradient", ratio=1.02, reference="own channels", **FEW)
    with pytest.raises(AssertionError):
        assert_near_optimum(best, "noisy-gradient", ratio=1.02, **FEW)
    with pytest.raises(AssertionError, match="Momentum costs"):
        assert_near_optimum(Momentum.derive(LONG.problem), "long-horizon", ratio=1.01, **FEW)


def test_what_diverges_fails():
    with pytest.raises(AssertionError, match="32 diverged"):
        assert_near_optimum(GradientDescent(lr=1e3), "long-horizon", ratio=2.0, **FEW)


@pytest.mark.parametrize(
    ("regime", "changes", "error", "said"),
    [
        ("long-horizon", {"ratio": 0.9}, ValueError, "ratio"),
        ("long-horizon", {"episodes": 0}, ValueError, "episodes"),
        ("long-horizn", {}, ValueError, "Did you mean 'long-horizon'"),
        ("long-horizon", {"reference": "channels"}, ValueError, "own channels"),
        ("landscape-nav", {"reference": "own channels"}, Refusal, "does not see the hessian"),
        ("small-networks", {}, Refusal, "no optimum"),
    ],
)
def test_what_cannot_be_judged_is_refused(regime, changes, error, said):
    rule = GradientDescent(lr=0.1)
    with pytest.raises(error, match=said):
        assert_near_optimum(rule, regime, **{"ratio": 2.0, **FEW, **changes})


def test_agents_of_other_channels_or_actions_and_what_is_no_agent_are_refused():
    learner = PPO("MlpPolicy", LandscapeNavVecEnv(2, "long-horizon"), n_steps=8, batch_size=16)
    with pytest.raises(ValueError, match=r"sees numbers of shape \(2,\).*shape \(31,\)"):
        assert_near_optimum(learner, "landscape-nav", ratio=2.0)
    with pytest.raises(ValueError, match=r"acts by numbers of shape \(2,\).*shape \(4,\)"):
        assert_near_optimum(learner, LONG.configured(action="step_size"), ratio=2.0)
    with pytest.raises(TypeError, match="got object; give a trained agent"):
        assert_near_optimum(object(), "long-horizon", ratio=2.0)
