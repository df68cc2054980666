"""`LandscapeNavVecEnv`: the batched environment with Stable-Baselines3's interface, no copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from landscape_gym.landscapes.base import Array
from landscape_gym.sb3.one_batch import OneBatch
from landscape_gym.vector_env import LandscapeNavVectorEnv


class LandscapeNavVecEnv(OneBatch):
    """B landscapes as one Stable-Baselines3 `VecEnv`, stepped as one batch.

    Wrap it in `VecMonitor` for episode statistics; give the agent ``gamma=env.discount``.

    Args:
        num_envs: Number of environments B.
        regime: Name of the regime in `landscape_gym.registration.REGIMES`.
        **arguments: As of `LandscapeNavVectorEnv`, but for the autoreset mode.

    Raises:
        ValueError: for ``copy=False``: agents keep an observation beyond the next step.

    Example:
        >>> from stable_baselines3 import PPO
        >>> env = LandscapeNavVecEnv(8, "long-horizon")
        >>> agent = PPO("MlpPolicy", env, gamma=env.discount, n_steps=16, batch_size=64)
        >>> agent.learn(128).num_timesteps
        128
    """

    def __init__(self, num_envs: int = 1, regime: str = "landscape-nav", **arguments: Any) -> None:
        """Make the environment; `reset` draws the first instances."""
        if not arguments.get("copy", True):
            raise ValueError("agents keep observations beyond the next step: leave copy=False out.")
        self.envs = LandscapeNavVectorEnv(
            num_envs, regime, autoreset_mode=AutoresetMode.SAME_STEP, **arguments
        )
        self.render_mode = self.envs.render_mode
        super().__init__(
            num_envs, self.envs.single_observation_space, self.envs.single_action_space
        )
        self.metadata = self.envs.metadata
        self._actions: Array | None = None

    @property
    def discount(self) -> float:
        """The discount factor per step for agents to use, beta = exp(-gamma dt)."""
        return self.envs.discount

    def reset(self) -> Array:
        """Begin new episodes, with the seeds that `seed` gave, if it did."""
        seeds = None if all(s is None for s in self._seeds) else list(self._seeds)
        observation, _ = self.envs.reset(seed=seeds)
        self._reset_seeds()
        self._reset_options()
        return observation

    def step_async(self, actions: Array) -> None:
        """Keep the actions, (B, size), for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Step: observations, rewards (float32), dones and infos.

        Infos of running environments are one shared empty dict. On a done they hold
        ``terminal_observation``, ``TimeLimit.truncated`` and the last step's losses.
        """
        assert self._actions is not None, "step_async comes before step_wait"
        observation, reward, terminated, truncated, info = self.envs.step(self._actions)
        dones = terminated | truncated
        infos: list[dict[str, Any]] = [{}] * self.num_envs
        if dones.any():
            last, final = info["final_obs"], info["final_info"]
            named = [name for name in final if not name.startswith("_") and name != "hidden"]
            for row in np.flatnonzero(dones):
                infos[row] = {
                    "terminal_observation": last[row],
                    "TimeLimit.truncated": bool(truncated[row]),
                    **{name: final[name][row] for name in named},
                }
        return observation, reward.astype(np.float32), dones, infos

    def close(self) -> None:
        """Close what rendering opened."""
        self.envs.close()

    def get_images(self) -> Sequence[Array | None]:
        """One picture per environment."""
        return self.envs.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute, the same for every environment asked for."""
        return [getattr(self.envs, attr_name)] * len(list(self._get_indices(indices)))

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refused: the environments are one batch; call methods of `envs`."""
        raise AttributeError(
            f"cannot call {method_name!r} on single rows of a batch; use `vec_env.envs`."
        )
