"""Whole trainings as episodes: what an action and a reward are, and that agents learn there."""

from dataclasses import replace

import numpy as np
import pytest
from stable_baselines3 import PPO

from agents.algorithms import PPO as Settings
from agents.algorithms import TRPO
from agents.evolution import score
from agents.presets import PRESETS
from agents.training import train
from landscape_gym import registration
from landscape_gym.landscapes import SmallNetworks
from landscape_gym.learned import LinearRules
from landscape_gym.problem import MinibatchNoise
from landscape_gym.sb3 import LinearPolicy, WeightsVecEnv, weights_of

NETWORKS = registration.regime("small-networks")
SHORT = {
    "landscape": SmallNetworks(inputs=3, hidden=(4,), classes=2, data=12),
    "noise": MinibatchNoise(5, exact_loss=False),
    "episode_steps": 30,
}


def episode(env: WeightsVecEnv, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rewards of an episode by constant weights, (holds, rows), and what was seen last."""
    rewards, infos = [], []
    for _ in range(env.holds):
        _, reward, dones, infos = env.step(weights)
        rewards.append(reward)
    assert dones.all()
    return np.array(rewards), np.array([info["terminal_observation"] for info in infos])


def test_the_return_is_how_much_lower_the_log_loss_is_than_the_groups(monkeypatch):
    monkeypatch.setattr("landscape_gym.sb3.weights_vec_env.LARGEST", np.inf)
    env = WeightsVecEnv(4, copies=2, hold=10, **SHORT)
    weights = np.random.default_rng(0).normal(size=(4, env.rules.size)).astype(np.float32)
    env.seed(7)
    env.reset()
    rewards, last = episode(env, weights)
    scores = score(env.rules, weights, np.array([7, 7, 8, 8]))
    own = scores - scores.reshape(2, 2).mean(axis=1).repeat(2)
    np.testing.assert_allclose(rewards.sum(axis=0), -own, rtol=1e-4, atol=1e-5)
    assert np.abs(own).max() > 0.1
    np.testing.assert_allclose(last[:, 2].reshape(2, 2).sum(axis=1), 0, atol=1e-6)
    assert (last[:, 0] == 1).all()


def test_copies_train_the_same_network_and_every_episode_has_new_ones():
    env = WeightsVecEnv(4, copies=2, hold=10, **SHORT)
    same = np.zeros((4, env.rules.size), np.float32)
    env.seed(7)
    first = env.reset()
    assert first[0, 1] == first[1, 1]
    assert first[0, 1] != first[2, 1]
    rewards, _ = episode(env, same)
    np.testing.assert_array_equal(rewards, 0)
    second = env.reset()
    assert not np.isin(second[:, 1], first[:, 1]).any()
    env.seed(7)
    np.testing.assert_array_equal(env.reset(), first)


def test_a_rule_that_spoils_its_network_counts_as_a_bad_one():
    env = WeightsVecEnv(2, copies=2, hold=10, **SHORT)
    weights = np.zeros((2, env.rules.size), np.float32)
    weights[0] = 10.0
    env.seed(0)
    env.reset()
    rewards, _ = episode(env, weights)
    assert np.abs(rewards).max() == 1.0


def test_what_does_not_divide_or_cannot_be_split_is_refused():
    for changes in ({"num_envs": 3, "copies": 2}, {"hold": 7}, {"hold": 0}):
        with pytest.raises(ValueError, match=r"multiple of|at least"):
            WeightsVecEnv(**{"num_envs": 4, "copies": 2, "hold": 10, **changes}, **SHORT)
    with pytest.raises(ValueError, match="cannot be split"):
        WeightsVecEnv(4, copies=2, hold=10, **SHORT, action="global_step_size")
    env = WeightsVecEnv(2, copies=2, hold=15, **SHORT)
    agent = PPO(LinearPolicy, env, n_steps=2, batch_size=4)
    with pytest.raises(TypeError, match="WeightsPolicy"):
        weights_of(agent.policy)


@pytest.mark.parametrize("settings", [Settings(hold=10, batch_size=8), TRPO(hold=10, batch_size=8)])
def test_agents_set_weights_and_leave_a_rule_for_coordinates(settings):
    small = replace(settings, num_envs=8, n_steps=3, timesteps=48, learning_rate=3e-3)
    trainer = train(small.trainer(NETWORKS.configured(**SHORT), 1))
    rule = trainer.rule({"from": "here"})
    assert rule.per_coordinate
    assert rule.about == {"from": "here"}
    weights = weights_of(trainer.agent.policy)
    assert np.abs(weights).max() > 0
    layer = rule.network.layers[0]
    found = np.concatenate([layer.weight.T.ravel(), layer.bias])
    np.testing.assert_allclose(found, weights, rtol=1e-6)


@pytest.mark.slow
def test_an_agent_learns_to_train_networks():
    few = replace(PRESETS["weights"], timesteps=12 * 384)
    weights = weights_of(train(few.trainer(NETWORKS, 0)).agent.policy)
    rules, seeds = LinearRules(NETWORKS), np.arange(10**7, 10**7 + 64)
    after, before = (
        score(rules, np.tile(each, (64, 1)), seeds).mean() for each in (weights, 0 * weights)
    )
    assert after < before - 0.5
