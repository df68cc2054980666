"""What a policy costs on held-out episodes, the same for every policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

import landscape_gym  # noqa: F401  (registers the ids)

ID = "LandscapeNav/LongHorizon-v0"
EPISODES = 64
FIRST_SEED = 1_000_000


def cost(act: Callable[[np.ndarray], np.ndarray], **changes: Any) -> float:
    """The mean discounted cost of an episode.

    Args:
        act: From observations, (episodes, size), to actions, without exploration.
        **changes: Arguments of the environment.
    """
    envs = gym.make_vec(
        ID, num_envs=EPISODES, vectorization_mode="vector_entry_point", **changes
    ).unwrapped
    observation, _ = envs.reset(seed=FIRST_SEED)
    total, weight = np.zeros(EPISODES), np.ones(EPISODES)
    while weight.any():
        observation, reward, terminated, truncated, _ = envs.step(act(observation))
        total -= weight * reward
        weight *= envs.discount * ~(terminated | truncated)
    return float(total.mean())


def report(untrained: float, trained: float, **changes: Any) -> None:
    """Say what was learned, and fail if it is little."""
    size = gym.make(ID).action_space.shape
    nothing = cost(lambda observation: np.zeros((len(observation), *size)), **changes)
    said = f"cost {untrained:.2f} untrained, {trained:.2f} trained; {nothing:.2f} of doing nothing"
    assert trained < 0.5 * min(untrained, nothing), said
    print(said)
