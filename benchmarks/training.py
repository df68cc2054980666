"""PPO on the environment against the same PPO on an environment that costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from baselines.timing import Row, in_turn, spread
from benchmarks.reference import ARGUMENTS
from landscape_gym.sb3 import LandscapeNavVecEnv

NUM_ENVS, N_STEPS, BATCH_SIZE = 256, 64, 4096


class FreeVecEnv(VecEnv):
    """Constant observations and rewards, for free."""

    def __init__(self, like: VecEnv) -> None:
        super().__init__(like.num_envs, like.observation_space, like.action_space)
        self.observation = np.zeros((self.num_envs, *self.observation_space.shape), np.float32)  # type: ignore[misc]
        self.rewards = np.zeros(self.num_envs, np.float32)
        self.dones = np.zeros(self.num_envs, bool)
        self.infos: list[dict[str, Any]] = [{}] * self.num_envs

    def reset(self) -> np.ndarray:
        return self.observation

    def step_async(self, actions: np.ndarray) -> None:
        pass

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        return self.observation, self.rewards.copy(), self.dones, self.infos

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        pass

    def env_method(self, method_name: str, *args: Any, **kwargs: Any) -> list[Any]:
        return [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


def training_job(env: VecEnv, rollouts: int) -> Callable[[], object]:
    agent = PPO("MlpPolicy", env, n_steps=N_STEPS, batch_size=BATCH_SIZE, seed=0, device="cpu")
    return lambda: agent.learn(rollouts * N_STEPS * NUM_ENVS)


def training_row(rounds: int, rollouts: int) -> Row:
    env = LandscapeNavVecEnv(NUM_ENVS, **ARGUMENTS)
    ours, theirs = in_turn(
        training_job(env, rollouts), training_job(FreeVecEnv(env), rollouts), rounds=rounds
    )
    steps = rollouts * N_STEPS * NUM_ENVS
    figures = f"{steps / np.median(ours):,.0f} against {steps / np.median(theirs):,.0f} steps/s"
    what = "PPO (256, minibatch 4096): time against a free environment"
    return Row(what, spread(ours / theirs), "<= 1.10", figures)
