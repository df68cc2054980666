"""`GatedPolicy`: moves as sums of vectors whose coefficients depend on invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_gym.frame import INVARIANTS, Frame
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.sb3.policies import NavigationPolicy, dense

CLIP = 4.0
"""Where standardised invariants are clipped."""
SMALL = 0.05
"""By what the last layer's weights are multiplied at the start, after an orthogonal start."""
DESCENT = -0.35
"""Coefficient of the gradient at the start: gradient descent that is stable in `landscape-nav`."""


class GatedActor(nn.Module):
    """``u = sum_k c_k(invariants) v_k`` on each axis of a frame, c a network shared by all axes.

    Turning an axis over turns its vectors over, and so the move: the actor is right whichever sign
    and order eigenvectors come in, and serves any dimension.

    Args:
        channels: What the frame reads.
        scale: Of the velocity that an action of 1 is.
        layers: Widths of the network's hidden layers, which have tanh between them.
    """

    def __init__(
        self, channels: ObservationConfig, scale: float, layers: tuple[int, ...] = (32, 32)
    ) -> None:
        super().__init__()
        self.channels, self.scale = channels, scale
        names = Frame(channels).vectors
        self.vectors = len(names)
        self.net = dense((len(INVARIANTS), *layers, len(names)), "tanh")
        last: Any = self.net[-1]
        with torch.no_grad():
            nn.init.orthogonal_(last.weight, SMALL)
            last.bias[names.index("gradient")] = DESCENT
        self.register_buffer("mean", torch.zeros(len(INVARIANTS)))
        self.register_buffer("std", torch.ones(len(INVARIANTS)))
        self.mean: Tensor
        self.std: Tensor

    def standardise(self, invariants: Array) -> None:
        """Take mean and deviation of invariants, (.., invariants), once, before training."""
        rows = np.asarray(invariants, np.float64).reshape(-1, len(INVARIANTS))
        self.standardise_by(rows.mean(axis=0), rows.std(axis=0))

    def standardise_by(self, mean: Array, std: Array) -> None:
        """Take them as mean and deviation of the invariants, (invariants,) each."""
        self.mean.copy_(torch.as_tensor(mean))
        self.std.copy_(torch.as_tensor(std + 1e-3))

    def coefficients(self, invariants: Tensor) -> Tensor:
        """Of each vector, (.., vectors), from invariants, (.., invariants)."""
        return self.net(((invariants - self.mean) / self.std).clamp(-CLIP, CLIP))

    def moves(self, vectors: Tensor, invariants: Tensor) -> Tensor:
        """Velocities along axes, (..), from vectors (.., vectors) and invariants."""
        return (self.coefficients(invariants) * vectors).sum(dim=-1)

    def forward(self, seen: Tensor) -> Tensor:
        """Actions (batch, d) for observations of `FrameVecEnv`, (batch, d rows)."""
        rows = seen.unflatten(1, (-1, self.vectors + len(INVARIANTS)))
        vectors, invariants = rows.split([self.vectors, len(INVARIANTS)], dim=2)
        return self.moves(vectors, invariants) / self.scale


class GatedPolicy(NavigationPolicy):
    """A `GatedActor` and a critic, for agents in a `FrameVecEnv`.

    Args:
        *args: As `ActorCriticPolicy`.
        channels: The channels that the frame reads.
        scale: Of the velocity that an action of 1 is.
        standard: Mean and standard deviation of each invariant, which `FrameVecEnv.policy_kwargs`
            finds out; None takes them as they are, until `GatedActor.standardise`.
        layers: Widths of the hidden layers of actor and critic.
        critic: As of `NavigationPolicy`.
        **kwargs: As `NavigationPolicy`.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from landscape_gym.sb3 import FrameVecEnv
        >>> env = FrameVecEnv(4, "landscape-nav")
        >>> agent = PPO(GatedPolicy, env, policy_kwargs=env.policy_kwargs, n_steps=8, batch_size=32)
        >>> agent.learn(32).num_timesteps
        32
    """

    def __init__(
        self,
        *args: Any,
        channels: ObservationConfig,
        scale: float,
        standard: tuple[Array, Array] | None = None,
        layers: tuple[int, ...] = (32, 32),
        critic: str = "mlp",
        **kwargs: Any,
    ) -> None:
        self.frame_channels, self.scale, self.standard = channels, scale, standard
        super().__init__(*args, layers=layers, critic=critic, **kwargs)

    def _actor(self, seen: int) -> nn.Module:
        actor = GatedActor(self.frame_channels, self.scale, self.layers)
        if self.standard is not None:
            actor.standardise_by(*self.standard)
        return actor

    def _get_constructor_parameters(self) -> dict[str, Any]:
        made = {"channels": self.frame_channels, "scale": self.scale, "standard": self.standard}
        return {**super()._get_constructor_parameters(), **made}
