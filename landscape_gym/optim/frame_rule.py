"""A `LearnedRule` that acts in a frame, as a rule for torch tensors of a moderate size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape_gym.channels import CHANNELS
from landscape_gym.frame import PLACES, FrameState
from landscape_gym.learned import LearnedRule
from landscape_gym.learner import Learner
from landscape_gym.memory import weights

MOST = 1000
"""Coordinates of a vector: a frame has d^2 numbers several times over, and takes d^3 operations."""


class FrameRuleState(NamedTuple):
    """What is remembered of d coordinates and R rates; None where no channel asks."""

    elapsed: Tensor
    """Gradients seen, (1,)."""
    update: Tensor
    """The last u, (d,)."""
    gradient: Tensor
    """The last g, (d,)."""
    averages: Tensor | None
    """Of g, (R, d)."""
    place_averages: Tensor | None
    """Of where the learner is, (R, d)."""
    frame: Tensor
    """All numbers of the frame's state, one after another, in float64."""


class FrameRule:
    """A learned rule in a frame (`landscape_gym.policy.Rule`); it is computed by NumPy.

    For the gradients g_t of an episode it gives the updates u_t that ``LearnedRule.predict`` and
    the rule's action give in the environment.

    Args:
        learned: The rule.
    """

    def __init__(self, learned: LearnedRule) -> None:
        assert learned.frame is not None
        self.learned, self._frame = learned, learned.frame
        self._place = next(name for name in PLACES if name in learned.observation.channels)
        self.channels = ("gradient", self._place)

    def init(self, gradient: Tensor, **others: Any) -> FrameRuleState:
        """No gradient seen.

        Raises:
            ValueError: for more coordinates than a frame is for.
        """
        d = len(gradient)
        if d > MOST:
            raise ValueError(
                f"a rule in a frame takes the eigenvectors of a matrix of all coordinates at once, "
                f"at most {MOST} of them, and is given {d}: use a rule that acts per coordinate, "
                "such as 'networks', or landscape_gym.optim.SelfScaledSOAP."
            )
        zeros, kept = torch.zeros_like(gradient), self.learned.observation.memory
        many = gradient.new_zeros(len(self.learned.observation.rates), d)
        return FrameRuleState(
            gradient.new_zeros(1),
            zeros,
            zeros,
            many if "averages" in kept else None,
            many if "parameter_averages" in kept else None,
            _packed(self._begun(d), gradient),
        )

    def update(
        self, gradient: Tensor, state: FrameRuleState, **others: Any
    ) -> tuple[Tensor, FrameRuleState]:
        """The velocity (d,) and the next state.

        Args:
            gradient: g, (d,).
            state: What is remembered.
            **others: Parameters or displacement, (d,).
        """
        place = others[self._place]
        weight = weights(self.learned.observation.rates, state.elapsed)[0, :, None]
        weight = weight.to(gradient.dtype)
        state = state._replace(
            averages=_averaged(state.averages, gradient, weight),
            place_averages=_averaged(state.place_averages, place, weight),
        )
        observation = self._observed(gradient, place, state).double().numpy(force=True)
        before = _unpacked(self._begun(len(gradient)), state.frame.numpy(force=True))
        framed, after = self._frame.see(observation, before)
        moves = (framed.vectors * self.learned.coefficients(framed)).sum(axis=2)
        u = torch.from_numpy(self._frame.out_of(moves, after)[0]).to(gradient)
        box = self.learned.action.scale  # type: ignore[attr-defined]
        u = u.clamp(-box, box)
        return u, state._replace(
            elapsed=state.elapsed + 1,
            update=u,
            gradient=gradient.clone(),
            frame=_packed(after, gradient),
        )

    def _begun(self, d: int) -> FrameState:
        """A frame's state before anything is seen."""
        size = 1 + int(self._frame.coordinates.index(d).max())
        return self._frame.begin(np.zeros((1, size)))

    def _observed(self, gradient: Tensor, place: Tensor, state: FrameRuleState) -> Tensor:
        """What the environment would show, (1, size)."""
        theta = place[None]  # where only the displacement is read, from zero
        learner = Learner(
            gradient=gradient[None],
            elapsed=state.elapsed,
            theta=theta,
            start=torch.zeros_like(theta),
            loss=None,
            previous_update=state.update[None],
            previous_gradient=state.gradient[None],
            moved=state.update[None],
            mean_square=state.elapsed,
            averages=None if state.averages is None else state.averages[None],
            squared_averages=None,
            parameter_averages=None if state.place_averages is None else state.place_averages[None],
            start_size=None,
            tensors=None,
        )
        channels = [CHANNELS[name] for name in self.learned.observation.channels]
        return torch.cat(
            [each.shown(each.read(learner), None, *each.bounds) for each in channels], dim=1
        )


def _averaged(averages: Tensor | None, value: Tensor, weight: Tensor) -> Tensor | None:
    return None if averages is None else averages.lerp(value.expand_as(averages), weight)


def _leaves(state: Any) -> Iterator[np.ndarray]:
    """The arrays of a state, in order."""
    if isinstance(state, tuple):
        for part in state:
            yield from _leaves(part)
    elif state is not None:
        yield state


def _packed(state: FrameState, like: Tensor) -> Tensor:
    """A frame's state as one vector of float64."""
    numbers = np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in _leaves(state)])
    return torch.from_numpy(numbers).to(like.device)


def _unpacked(like: Any, numbers: np.ndarray) -> Any:
    """A state of the form of another from its numbers."""
    ends = np.cumsum([leaf.size for leaf in _leaves(like)])
    pieces = iter(np.split(numbers, ends[:-1]))

    def filled(part: Any) -> Any:
        if part is None:
            return None
        if isinstance(part, tuple):
            return type(part)(*map(filled, part))
        return next(pieces).reshape(part.shape).astype(part.dtype)

    return filled(like)
