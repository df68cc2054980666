"""The single face: both libraries' checkers, seeds, endings, and what is refused."""

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from landscape_gym import LandscapeNavEnv
from landscape_gym.simulation import Simulation
from tests.contracts.environments import (
    EVERYTHING,
    OFFERED,
    assert_close,
    each_action,
    each_channel,
    each_id,
    random_actions,
)


def assert_both_checkers_pass(env: LandscapeNavEnv) -> None:
    """Warnings are errors (pyproject.toml), so that they pass without any."""
    check_env(env, skip_render_check=True)
    check_for_sb3 = pytest.importorskip("stable_baselines3.common.env_checker").check_env
    check_for_sb3(env, warn=True, skip_render_check=True)


@each_id
def test_every_id_passes_both_checkers(id: str):
    assert_both_checkers_pass(gym.make(id).unwrapped)


@each_channel
def test_every_channel_passes_both_checkers(channel: str):
    assert_both_checkers_pass(LandscapeNavEnv(problem=EVERYTHING, observation=channel))


@pytest.mark.parametrize("dtype", Simulation.dtypes)
def test_every_dtype_passes_gymnasiums_checker(dtype: str):
    env = LandscapeNavEnv(problem=EVERYTHING, observation=OFFERED, dtype=dtype)
    check_env(env, skip_render_check=True)  # Stable-Baselines3 recommends float32
    assert env.reset()[0].dtype == dtype


@each_action
def test_every_action_passes_both_checkers(action: str):
    assert_both_checkers_pass(LandscapeNavEnv(problem=EVERYTHING, action=action, privileged=True))


def episode(env: gym.Env, seed: int | None) -> list[Any]:
    returned: list[Any] = [env.reset(seed=seed)]
    return returned + [env.step(action) for action in random_actions(env, 8)]


@each_id
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(id: str):
    env = gym.make(id).unwrapped
    first = episode(env, 5)
    episode(env, 6)
    assert_close(episode(env, 5), first)
    assert_close(episode(gym.make(id).unwrapped, 5), first)
    assert not np.array_equal(env.reset(seed=6)[0], first[0][0])


@each_id
def test_reset_without_seed_goes_on_with_the_stream(id: str):
    env, again = gym.make(id).unwrapped, gym.make(id).unwrapped
    first = episode(env, 5)
    second = episode(env, None)
    assert not np.array_equal(first[0][0], second[0][0])
    episode(again, 5)
    assert_close(episode(again, None), second)


def test_environments_without_seed_differ():
    a, b = (LandscapeNavEnv().reset()[0] for _ in range(2))
    assert not np.array_equal(a, b)


@each_id
def test_the_rewards_of_one_face_are_python_numbers_and_info_tells_their_parts(id: str):
    env = gym.make(id).unwrapped
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(random_actions(env, 1)[0])
    assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
    assert set(info) == {"loss", "excess_loss", "control_cost"}
    problem = env.problem
    cost = info["control_cost"] + problem.dt * problem.k * info["excess_loss"]
    assert reward == pytest.approx(-cost, rel=1e-6)


def test_the_discount_is_that_of_theory_section_1():
    assert LandscapeNavEnv(gamma=2.0, dt=0.05).discount == pytest.approx(math.exp(-0.1), rel=1e-15)


def ending(env: gym.Env) -> tuple[int, bool, bool]:
    """After how many steps an episode of standing still ends, and how."""
    env.reset(seed=0)
    for step in range(1, 1000):
        _, _, terminated, truncated, _ = env.step(np.zeros(env.action_space.shape))
        if terminated or truncated:
            return step, terminated, truncated
    raise AssertionError("the episode does not end")


def test_a_horizon_terminates_and_its_absence_truncates():
    assert ending(LandscapeNavEnv(horizon=7, episode_steps=3)) == (7, True, False)
    assert ending(LandscapeNavEnv(episode_steps=9)) == (9, False, True)
    assert ending(LandscapeNavEnv()) == (200, False, True)


def test_stepping_before_reset_or_after_the_end_asks_for_a_reset():
    env = LandscapeNavEnv(episode_steps=2)
    still = np.zeros(10)
    with pytest.raises(ResetNeeded, match=r"call reset\(\)"):
        env.step(still)
    ending(env)
    with pytest.raises(ResetNeeded, match=r"call reset\(\)"):
        env.step(still)
    env.reset()
    env.step(still)


def test_observations_are_not_views_of_one_buffer():
    env = LandscapeNavEnv(observation=["parameters", "gradient"])
    first, _ = env.reset(seed=0)
    kept = first.copy()
    second = env.step(np.ones(10))[0]
    env.step(np.ones(10))
    np.testing.assert_array_equal(first, kept)
    assert not np.array_equal(first, second)


def test_the_hidden_state_shows_only_when_asked_for():
    assert "hidden" not in LandscapeNavEnv().reset()[1]
    observation, info = LandscapeNavEnv(
        problem=EVERYTHING, privileged=True, observation=["target", "curvature"]
    ).reset(seed=0)
    np.testing.assert_array_equal(observation[:3], info["hidden"]["target"])
    np.testing.assert_array_equal(observation[3:], info["hidden"]["curvature"])
