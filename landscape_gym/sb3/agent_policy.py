"""A trained Stable-Baselines3 agent as a `landscape_gym.policy.Policy`."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from stable_baselines3.common.vec_env import VecNormalize

from landscape_gym.actions import Action
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig


class Predicts(Protocol):
    """What all Stable-Baselines3 algorithms have."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Any, Any]:
        """Actions and next state."""
        ...


class AgentPolicy:
    """An agent with the channels it reads, the actions it takes and its observation normaliser."""

    name = "agent"
    privileged = False

    def __init__(
        self,
        agent: Predicts,
        observation: ObservationConfig,
        action: Action,
        normalizer: VecNormalize | None = None,
    ) -> None:
        """Wrap `agent`, trained on observations that `normalizer` scaled."""
        self.agent = agent
        self.observation = observation
        self.action = action
        self.normalizer = normalizer

    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """The agent's actions for observations as the environment gives them."""
        observation = observation.astype(np.float32)
        if self.normalizer is not None:
            observation = self.normalizer.normalize_obs(observation)  # type: ignore[assignment]
        return self.agent.predict(observation, state, episode_start, deterministic)
