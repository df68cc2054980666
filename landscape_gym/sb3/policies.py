"""Stable-Baselines3 policies whose optimum is known to be within reach."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn


class QuadraticFeatures(nn.Module):
    """The observation for the actor; for the critic, it and all products of two of its entries.

    The value of a linear-quadratic problem is quadratic, so a linear layer on these can hold it.
    """

    def __init__(self, size: int) -> None:
        """For observations of `size` numbers."""
        super().__init__()
        self.latent_dim_pi = size
        self.latent_dim_vf = size + size * (size + 1) // 2
        rows, columns = torch.triu_indices(size, size)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features of actor and critic, from (batch, size)."""
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        """The observation itself."""
        return features

    def forward_critic(self, features: Tensor) -> Tensor:
        """The observation and its products."""
        products = features[:, self.rows] * features[:, self.columns]  # type: ignore[index]
        return torch.cat([features, products], dim=1)


class LinearPolicy(ActorCriticPolicy):
    """A linear actor without hidden layer, and a critic that is quadratic in the observation.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from landscape_gym.sb3 import LandscapeNavVecEnv
        >>> env = LandscapeNavVecEnv(4, "long-horizon")
        >>> agent = PPO(LinearPolicy, env, gamma=env.discount, n_steps=8, batch_size=32)
        >>> agent.policy.action_net.weight.shape, agent.policy.value_net.weight.shape
        (torch.Size([2, 2]), torch.Size([1, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As `ActorCriticPolicy`, but without hidden layers."""
        super().__init__(*args, **{**kwargs, "net_arch": []})

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = QuadraticFeatures(self.features_dim)  # type: ignore[assignment]
