"""`PrivilegedVecEnv`: observations with a hidden part, for critics that see more than actors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnvWrapper

from landscape_gym.channels import CHANNELS
from landscape_gym.control import optimum
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout
from landscape_gym.registration import regime as named
from landscape_gym.sb3.policies import HIDDEN, SEEN
from landscape_gym.sb3.vec_env import LandscapeNavVecEnv


class PrivilegedVecEnv(VecEnvWrapper):
    """Dict observations: ``seen``, the regime's, and ``hidden``, the cost under full information.

    That cost is what one who sees everything would still have to pay, (batch, 1), in units of its
    mean over episodes. Normalise observations with ``norm_obs_keys=["seen"]``.

    Args:
        num_envs: Number of environments.
        regime: Name of the regime in `landscape_gym.registration.REGIMES`.
        **changes: What to change of it, as of `Regime.configured`.

    Raises:
        ValueError: where the optimum's value is not known.

    Example:
        >>> env = PrivilegedVecEnv(4, "hidden-curvature")
        >>> {name: part.shape for name, part in env.reset().items()}
        {'seen': (4, 30), 'hidden': (4, 1)}
    """

    def __init__(self, num_envs: int = 1, regime: str = "landscape-nav", **changes: Any) -> None:
        setup = named(regime).configured(**changes)
        best = optimum(setup.problem)
        if best.value is None or best.cost is None:
            raise ValueError(
                f"the value of the optimum is not known here ({best.status}): train without a "
                "privileged critic."
            )
        self._value = best.value
        self.unit = best.cost
        """What costs are divided by: their mean over episodes."""
        public, wanted = setup.observation.channels, best.policy.observation.channels
        if setup.observation.scaled and any(CHANNELS[name].power for name in wanted):
            raise ValueError("the optimum reads gradients as they are: observe them unscaled.")
        added = tuple(name for name in wanted if name not in public)
        observation = replace(setup.observation, channels=public + added)
        setup = replace(setup, observation=observation)
        env = LandscapeNavVecEnv(
            num_envs, problem=setup.problem, observation=observation, action=setup.action
        )
        layout = Layout(observation, setup.problem)
        self._wanted = np.concatenate(
            [np.arange(layout.size)[layout.slices[name]] for name in wanted]
        )
        self._seen = layout.slices[public[-1]].stop
        hidden = spaces.Box(0.0, np.inf, (1,), np.float32)
        space = env.envs.single_observation_space
        low, high = (bound[: self._seen] for bound in (space.low, space.high))  # type: ignore[attr-defined]
        seen = spaces.Box(low, high, dtype=np.float32)
        super().__init__(env, observation_space=spaces.Dict({SEEN: seen, HIDDEN: hidden}))
        self.discount = env.discount

    def reset(self) -> Any:
        """Begin new episodes."""
        return self._parts(self.venv.reset())  # type: ignore[arg-type]

    def step_wait(self) -> Any:
        """Step, as `LandscapeNavVecEnv`."""
        observation, reward, dones, infos = self.venv.step_wait()
        if dones.any():
            ended = np.flatnonzero(dones)
            last = self._parts(np.stack([infos[row]["terminal_observation"] for row in ended]))
            for i, row in enumerate(ended):
                infos[row]["terminal_observation"] = {name: last[name][i] for name in last}
        return self._parts(observation), reward, dones, infos  # type: ignore[arg-type]

    def _parts(self, observation: Array) -> dict[str, Array]:
        cost = self._value(observation[:, self._wanted].astype(np.float64)) / self.unit
        return {SEEN: observation[:, : self._seen], HIDDEN: cost[:, None].astype(np.float32)}
