"""`GatedPolicy`: moves as sums of vectors whose coefficients depend on invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_gym.belief_frame import frame_of
from landscape_gym.frame import Frame
from landscape_gym.landscapes.base import Array
from landscape_gym.learned import LearnedRule
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.sb3.policies import NavigationPolicy, dense

CLIP = 4.0
"""Where standardised invariants are clipped."""
SMALL = 0.05
"""By what the last layer's weights are multiplied at the start, after an orthogonal start."""


class GatedActor(nn.Module):
    """``u = sum_k c_k(invariants) v_k`` on each axis of a frame, c a network shared by all axes.

    Turning an axis over turns its vectors over, and so the move: the actor is right whichever sign
    and order eigenvectors come in, and serves any dimension. It begins with the coefficients that
    the frame says are worth starting from.

    Args:
        frame: In which it acts.
        scale: Of the velocity that an action of 1 is.
        layers: Widths of the network's hidden layers, which have tanh between them.
    """

    def __init__(self, frame: Frame, scale: float, layers: tuple[int, ...] = (32, 32)) -> None:
        super().__init__()
        self.frame, self.scale = frame, scale
        self.vectors, self.invariants = len(frame.vectors), len(frame.invariants)
        self.net = dense((self.invariants, *layers, self.vectors), "tanh")
        last: Any = self.net[-1]
        with torch.no_grad():
            nn.init.orthogonal_(last.weight, SMALL)
            for name, coefficient in frame.start.items():
                last.bias[frame.vectors.index(name)] = coefficient
        self.register_buffer("mean", torch.zeros(self.invariants))
        self.register_buffer("std", torch.ones(self.invariants))
        self.mean: Tensor
        self.std: Tensor

    def standardise(self, invariants: Array) -> None:
        """Take mean and deviation of invariants, (.., invariants), once, before training."""
        rows = np.asarray(invariants, np.float64).reshape(-1, self.invariants)
        self.standardise_by(rows.mean(axis=0), rows.std(axis=0))

    def standardise_by(self, mean: Array, std: Array) -> None:
        """Take them as mean and deviation of the invariants, (invariants,) each."""
        self.mean.copy_(torch.as_tensor(mean))
        self.std.copy_(torch.as_tensor(std + 1e-3))

    def begin_as(self, rule: LearnedRule) -> None:
        """Take the weights of a rule that was learned in the same frame.

        Raises:
            ValueError: for a rule of another frame, or a network of other widths.
        """
        mine = [layer for layer in self.net if isinstance(layer, nn.Linear)]
        shapes = [tuple(layer.weight.shape) for layer in mine]
        theirs = [layer.weight.shape for layer in rule.network.layers]
        same = rule.observation == self.frame.config and rule.relative == self.frame.relative
        same = same and _believes_as(rule, self.frame)
        if not rule.framed or not same or shapes != theirs:
            raise ValueError(
                "a rule to begin with acts in the same frame, of the same channels, by layers of "
                f"the same widths {shapes}; this one has {theirs}, and reads "
                f"{', '.join(rule.observation.channels)}."
            )
        with torch.no_grad():
            for layer, (weight, bias) in zip(mine, rule.network.layers, strict=True):
                layer.weight.copy_(torch.as_tensor(weight))
                layer.bias.copy_(torch.as_tensor(bias))
            self.mean.copy_(torch.as_tensor(rule.mean))
            self.std.copy_(torch.as_tensor(rule.std))

    def coefficients(self, invariants: Tensor) -> Tensor:
        """Of each vector, (.., vectors), from invariants, (.., invariants)."""
        return self.net(((invariants - self.mean) / self.std).clamp(-CLIP, CLIP))

    def moves(self, vectors: Tensor, invariants: Tensor) -> Tensor:
        """Velocities along axes, (..), from vectors (.., vectors) and invariants."""
        return (self.coefficients(invariants) * vectors).sum(dim=-1)

    def forward(self, seen: Tensor) -> Tensor:
        """Actions (batch, d) for observations of `FrameVecEnv`, (batch, d rows)."""
        rows = seen.unflatten(1, (-1, self.vectors + self.invariants))
        vectors, invariants = rows.split([self.vectors, self.invariants], dim=2)
        return self.moves(vectors, invariants) / self.scale


def _believes_as(rule: LearnedRule, frame: Frame) -> bool:
    """Whether both believe in one problem, of however long episodes."""
    if rule.believes is None or frame.believes is None:
        return rule.believes is frame.believes
    return rule.believes.replace(episode_steps=frame.believes.episode_steps) == frame.believes


class GatedPolicy(NavigationPolicy):
    """A `GatedActor` and a critic, for agents in a `FrameVecEnv`.

    Args:
        *args: As `ActorCriticPolicy`.
        channels: The channels that the frame reads.
        scale: Of the velocity that an action of 1 is.
        believes: The problem whose belief the frame is of (`BeliefFrame`); None is the frame of
            gradients.
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
        believes: NavigationProblem | None = None,
        standard: tuple[Array, Array] | None = None,
        layers: tuple[int, ...] = (32, 32),
        critic: str = "mlp",
        **kwargs: Any,
    ) -> None:
        self.frame_channels, self.scale = channels, scale
        self.believes, self.standard = believes, standard
        super().__init__(*args, layers=layers, critic=critic, **kwargs)

    def _actor(self, seen: int) -> nn.Module:
        frame = frame_of(self.frame_channels, self.believes)
        actor = GatedActor(frame, self.scale, self.layers)
        if self.standard is not None:
            actor.standardise_by(*self.standard)
        return actor

    def _get_constructor_parameters(self) -> dict[str, Any]:
        made = {
            "channels": self.frame_channels,
            "scale": self.scale,
            "believes": self.believes,
            "standard": self.standard,
        }
        return {**super()._get_constructor_parameters(), **made}
