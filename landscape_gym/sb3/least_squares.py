"""`FitCritic`: a quadratic critic solved for, instead of trained by gradient steps."""

from __future__ import annotations

from typing import Any, cast

import torch
from stable_baselines3.common.callbacks import BaseCallback

from landscape_gym.sb3.policies import HIDDEN, SEEN, QuadraticCritic


class FitCritic(BaseCallback):
    """Fit a policy's `QuadraticCritic` to the returns of each rollout by least squares.

    Give the algorithm ``vf_coef=0``, so that it leaves the critic alone.

    Raises:
        TypeError: when training starts, for a policy with another critic.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from landscape_gym.sb3 import LandscapeNavVecEnv, LinearPolicy
        >>> env = LandscapeNavVecEnv(4, "long-horizon")
        >>> agent = PPO(LinearPolicy, env, gamma=env.discount, n_steps=8, batch_size=32, vf_coef=0)
        >>> agent.learn(32, callback=FitCritic()).num_timesteps
        32
    """

    def _on_training_start(self) -> None:
        if not isinstance(self._critic, QuadraticCritic):
            raise TypeError(
                f"only a quadratic critic can be solved for, not {type(self._critic).__name__}: "
                "use NavigationPolicy with critic='quadratic'."
            )

    def _on_step(self) -> bool:
        return True

    @property
    def _critic(self) -> Any:
        return getattr(getattr(self.model.policy, "mlp_extractor", None), "critic", None)

    def _on_rollout_end(self) -> None:
        buffer = cast(Any, self.model).rollout_buffer
        observed = buffer.observations
        if not isinstance(observed, dict):
            observed = {SEEN: observed, HIDDEN: observed[..., :0]}
        seen, hidden = (torch.as_tensor(observed[part]).flatten(0, 1) for part in (SEEN, HIDDEN))
        self._critic.fit(seen, torch.as_tensor(buffer.returns).flatten(), hidden)
