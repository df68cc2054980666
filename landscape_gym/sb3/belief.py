"""`BeliefVecEnv`: a Kalman filter between environment and agent."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnvWrapper

from landscape_gym.control import LQGPolicy, optimum
from landscape_gym.landscapes.base import Array
from landscape_gym.refusal import Refusal
from landscape_gym.registration import Regime
from landscape_gym.registration import regime as named
from landscape_gym.sb3.vec_env import LandscapeNavVecEnv


class BeliefVecEnv(VecEnvWrapper):
    """Observations are the parameters minus where a Kalman filter believes the target, (B, dim).

    The belief is all that matters of the past (theory sections 4(d) and 7(d)), so an agent without
    memory can be optimal.

    Args:
        num_envs: Number of environments B.
        regime: Name of the regime in `landscape_gym.registration.REGIMES`.
        **changes: What to change of it, as of `Regime.configured`; the filter sees its own
            channels.

    Raises:
        Refusal: where there is no such filter, naming the assumption that fails.

    Example:
        >>> env = BeliefVecEnv(4, "noisy-gradient")
        >>> env.reset().shape
        (4, 2)
    """

    def __init__(self, num_envs: int = 1, regime: str = "noisy-gradient", **changes: Any) -> None:
        setup = named(regime).configured(**changes)
        self._filter = belief_filter(setup)
        self._belief: Any = None
        env = LandscapeNavVecEnv(
            num_envs,
            problem=setup.problem,
            observation=self._filter.observation,
            action=setup.action,
        )
        space = spaces.Box(-np.inf, np.inf, (setup.problem.dim,), np.float32)
        super().__init__(env, observation_space=space)
        self.discount = env.discount

    def reset(self) -> Array:
        """Begin new episodes."""
        error, self._belief = self._filter.displacement(self.venv.reset())  # type: ignore[arg-type]
        return error

    def step_wait(self) -> Any:
        """Step, as `LandscapeNavVecEnv`."""
        observation, reward, dones, infos = self.venv.step_wait()
        if dones.any():
            last = np.array(observation)
            for row in np.flatnonzero(dones):
                last[row] = infos[row]["terminal_observation"]
            errors, _ = self._filter.displacement(last, self._belief)
            for row in np.flatnonzero(dones):
                infos[row]["terminal_observation"] = errors[row]
        error, self._belief = self._filter.displacement(
            observation,  # type: ignore[arg-type]
            self._belief,
            dones,
        )
        return error, reward, dones, infos


def belief_filter(regime: Regime) -> LQGPolicy:
    """The optimal controller of the regime's channels, whose belief is to be learned from.

    Raises:
        Refusal: where that is no Kalman filter with certainty equivalence.
    """
    best = optimum(regime.problem, regime.observation)
    if not isinstance(best.policy, LQGPolicy) or best.bound != "exact":
        raise Refusal(
            "there is nothing to believe here: from these channels the target is known, or no "
            f"Kalman filter finds it; observe the channels themselves. {best.status}"
        )
    return best.policy
