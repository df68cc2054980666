"""A gated actor in the frame of gradients as a torch module of observations, to be differentiated.

Axes and invariants are taken as they come: gradients with respect to a rule's weights go through
its vectors alone. How an eigenvector turns with its matrix is not bounded where eigenvalues are
alike, and coefficients that depend on logarithms of what they bring about make products of
Jacobians explode within dozens of steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.trainable import Memory
from landscape_gym.arrays import Array
from landscape_gym.frame import Axes, Frame, FrameState
from landscape_gym.learned import LearnedRule
from landscape_gym.registration import Regime
from landscape_gym.sb3 import GatedActor, framed_rule


class StillFrame(Frame):
    """The frame of gradients, for torch tensors: no gradient goes through axes and invariants."""

    @torch.no_grad()
    def _axes(self, state: FrameState, x: Array, y: Array) -> Axes:
        return super()._axes(state, x, y)

    @torch.no_grad()
    def _invariants(self, state: FrameState, squares: Array) -> list[Array]:
        return super()._invariants(state, squares)


class FramedRule(nn.Module):
    """`landscape_gym.sb3.GatedActor` behind its frame, lengths in units of the first gradient.

    Args:
        regime: Whose channels are seen, and whose actions, velocities, are taken.
        layers: Widths of the hidden layers that coefficients come from.

    Raises:
        Refusal: for channels that a frame has not.
        ValueError: for other actions.
    """

    def __init__(self, regime: Regime, layers: tuple[int, ...] = (32, 32)) -> None:
        super().__init__()
        self._action = regime.action
        self._frame = StillFrame(regime.observation, relative=True)
        self.actor = GatedActor(self._frame, getattr(regime.action, "scale", 1.0), layers)
        self.learned()  # refuses what could not be a rule

    def begin(self, observation: Tensor) -> FrameState:
        """What is remembered of episodes that begin."""
        return self._frame.begin(observation)

    @torch.no_grad()
    def standardise(self, seen: Sequence[Tensor]) -> None:
        """Take mean and spread of invariants from whole episodes' observations, step by step."""
        state, invariants = self.begin(seen[0]), []
        for observation in seen:
            framed, state = self._frame.see(observation, state)
            invariants.append(framed.invariants.cpu().numpy())
        self.actor.standardise(np.stack(invariants))

    def forward(self, observation: Tensor, memory: Memory = None) -> tuple[Tensor, FrameState]:
        """Actions (B, d) for observations (B, size), and what is remembered."""
        state = memory if isinstance(memory, FrameState) else self.begin(observation)
        framed, state = self._frame.see(observation, state)
        moves = self.actor.moves(framed.vectors, framed.invariants)
        return self._frame.out_of(moves, state) / self.actor.scale, state

    def learned(self, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """The rule as it is, as plain data."""
        return framed_rule(self.actor, self._action, about)
