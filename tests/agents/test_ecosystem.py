"""Other libraries' tools on the environment, each tested where it is installed."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.wrappers import vector

ID = "landscape_gym:LandscapeNav-v0"


def batch(mode: str = "next_step", **changes: Any) -> Any:
    return gym.make_vec(
        ID,
        num_envs=3,
        vectorization_mode="vector_entry_point",
        autoreset_mode=mode,
        episode_steps=4,
        **changes,
    )


def test_episode_statistics_of_one_environment_are_its_rewards():
    env = wrappers.RecordEpisodeStatistics(gym.make(ID, episode_steps=4))
    env.reset(seed=0)
    rewards = []
    for _ in range(4):
        _, reward, _, truncated, info = env.step(env.action_space.sample())
        rewards.append(reward)
    assert truncated
    assert info["episode"]["r"] == pytest.approx(sum(rewards))
    assert info["episode"]["l"] == 4


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
def test_episode_statistics_of_a_batch_are_its_rewards(mode: str):
    envs = vector.RecordEpisodeStatistics(batch(mode))
    envs.reset(seed=0)
    total = np.zeros(3)
    for _ in range(4):
        _, reward, _, truncated, info = envs.step(np.full((3, 10), 0.1))
        total += reward
    assert truncated.all()
    if mode == "same_step":
        info = {**info, **info.get("final_info", {})}
    np.testing.assert_allclose(info["episode"]["r"], total, rtol=1e-6)
    np.testing.assert_array_equal(info["episode"]["l"], 4)


def test_normalised_observations_of_one_environment():
    env = wrappers.NormalizeObservation(gym.make(ID, episode_steps=50))
    env.reset(seed=0)
    seen = np.stack([env.step(env.action_space.sample())[0] for _ in range(50)])
    assert np.isfinite(seen).all()
    assert np.abs(seen).max() < 20


def test_normalised_observations_of_a_batch():
    envs = vector.NormalizeObservation(batch("next_step"))
    envs.reset(seed=0)
    seen = np.stack([envs.step(np.full((3, 10), 0.1))[0] for _ in range(12)])
    assert np.isfinite(seen).all()
    assert np.abs(seen).max() < 20


def test_rewards_can_be_clipped_and_time_limited():
    env = wrappers.TimeLimit(wrappers.ClipReward(gym.make(ID), -1.0, 0.0), 3)
    env.reset(seed=0)
    steps = [env.step(np.ones(10)) for _ in range(3)]
    assert [step[3] for step in steps] == [False, False, True]
    assert min(step[1] for step in steps) == -1.0


def test_rewards_of_a_batch_can_be_clipped():
    envs = vector.ClipReward(batch(), -1.0, 0.0)
    envs.reset(seed=0)
    assert envs.step(np.ones((3, 10)))[1].min() == -1.0


def test_processes_of_gymnasium_step_the_environment():
    envs = gym.vector.SyncVectorEnv([lambda: gym.make(ID)] * 2)
    envs.reset(seed=0)
    assert envs.step(np.zeros((2, 10)))[0].shape == (2, 31)


@pytest.mark.slow
def test_torchrl_rolls_the_environment_out():
    libs = pytest.importorskip("torchrl.envs.libs.gym")
    env = libs.GymEnv(ID, episode_steps=5)
    env.set_seed(0)
    rolled = env.rollout(12, break_when_any_done=False)
    assert rolled["next", "reward"].isfinite().all()
    assert rolled["observation"].shape == (12, 31)
    assert rolled["next", "truncated"].sum() == 2
