"""`CoordinateVecEnv`: every coordinate of every environment is a row of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from landscape_gym.coordinates import Coordinates
from landscape_gym.landscapes.base import Array
from landscape_gym.sb3.one_batch import OneBatch
from landscape_gym.sb3.vec_env import LandscapeNavVecEnv


class CoordinateVecEnv(OneBatch):
    """B environments in d dimensions as B d rows, for agents that act on one coordinate.

    Row i * d + j is coordinate j of environment i; its reward is that environment's. Any SB3 agent
    becomes a rule that is shared by all coordinates.

    Args:
        num_envs: Number of environments B; the agent is told B d.
        regime: Name of the regime in `landscape_gym.registration.REGIMES`.
        **changes: What to change of it, as of `LandscapeNavVectorEnv`.

    Raises:
        ValueError: for channels or actions that cannot be split.

    Example:
        >>> from stable_baselines3 import PPO
        >>> env = CoordinateVecEnv(4, "hidden-curvature", action="step_size")
        >>> env.num_envs, env.reset().shape, env.action_space.shape
        (24, (24, 5), (2,))
        >>> PPO("MlpPolicy", env, n_steps=8, batch_size=64).learn(192).num_timesteps
        192
    """

    def __init__(self, num_envs: int = 1, regime: str = "landscape-nav", **changes: Any) -> None:
        self.batch = LandscapeNavVecEnv(num_envs, regime, **changes)
        simulation = self.batch.envs.simulation
        self._coordinates = Coordinates(simulation.layout.config)
        self.dim = simulation.problem.dim
        per, rest = divmod(simulation.action_size, self.dim)
        if rest or not per:
            raise ValueError(
                f"actions of {simulation.action_size} numbers cannot be split among {self.dim} "
                "coordinates: take 'velocity', 'normalized' or 'step_size'."
            )
        space = self.batch.observation_space
        low, high = (self._coordinates.rows(b[None])[0] for b in (space.low, space.high))  # type: ignore[attr-defined]
        self.render_mode = self.batch.render_mode
        super().__init__(
            num_envs * self.dim,
            spaces.Box(low, high, dtype=np.float32),
            spaces.Box(-1.0, 1.0, (per,), np.float32),
        )
        self.discount = self.batch.discount

    def reset(self) -> Array:
        """Begin new episodes, environment i with the seed that `seed` gave row i."""
        self.batch._seeds = self._seeds[: self.batch.num_envs]
        self._reset_seeds()
        return self._coordinates.rows(self.batch.reset())

    def step_async(self, actions: Array) -> None:
        """Keep the actions, (B d, a), for `step_wait`."""
        self.batch.step_async(self._coordinates.joined(actions, self.dim))

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Step, as `LandscapeNavVecEnv`; rewards, dones and infos are the environment's."""
        observation, reward, dones, infos = self.batch.step_wait()
        split = [info for info in infos for _ in range(self.dim)]
        for row in np.flatnonzero(dones):
            last = self._coordinates.rows(infos[row]["terminal_observation"][None])
            for j in range(self.dim):
                split[row * self.dim + j] = {**infos[row], "terminal_observation": last[j]}
        rows = self._coordinates.rows(observation)
        return rows, reward.repeat(self.dim), dones.repeat(self.dim), split

    def close(self) -> None:
        """Close what rendering opened."""
        self.batch.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute, the same for every row asked for."""
        return self.batch.get_attr(attr_name, 0) * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused, as by `LandscapeNavVecEnv`."""
        self.batch.set_attr(attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list:
        """Refused, as by `LandscapeNavVecEnv`."""
        return self.batch.env_method(method_name, *args, **kwargs)
