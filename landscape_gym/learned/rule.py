"""`LearnedRule`: what an agent has learned, as plain data and without the agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from landscape_gym.actions import Action, Velocity
from landscape_gym.belief_frame import frame_of
from landscape_gym.control import LQGPolicy
from landscape_gym.coordinates import Coordinates
from landscape_gym.frame import Frame, Framed, FrameState
from landscape_gym.landscapes.base import Array
from landscape_gym.learned.network import CellState, Network
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import StatefulPolicy, restarted
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal


class LearnedState(NamedTuple):
    """What a learned rule remembers between steps, as far as it remembers anything."""

    cell: CellState | None
    belief: Any
    frame: FrameState | None = None


@dataclass(frozen=True)
class LearnedRule(StatefulPolicy):
    """A learned rule: a network from what is seen to actions, as a `landscape_gym.policy.Policy`.

    Actions are ``network(clip((features - mean) / std))``. Features are the observation; or, with
    `per_coordinate`, its rows, one per coordinate, so that the rule serves any dimension; or, with
    `believes`, the parameters' displacement from where a Kalman filter believes the target.

    With `framed` it acts on each axis of a frame alike (`landscape_gym.frame`): features are the
    axis' invariants, and what the network says are coefficients of the axis' vectors, whose sum is
    the control along it. It serves any dimension. With `believes`, too, the frame is that of a
    belief about the problem's Hessian (`landscape_gym.belief_frame`).

    Raises:
        ValueError: if the parts do not fit each other.

    Example:
        >>> from landscape_gym.actions import Velocity
        >>> from landscape_gym.learned.network import Dense
        >>> rule = LearnedRule(
        ...     ObservationConfig(("gradient",)),
        ...     Velocity(),
        ...     Network((Dense(np.array([[-0.1]]), np.zeros(1)),)),
        ...     mean=np.zeros(1),
        ...     std=np.ones(1),
        ...     per_coordinate=True,
        ... )
        >>> rule.predict(np.array([[1.0, 2.0, 3.0]]))[0]
        array([[-0.1, -0.2, -0.3]])
    """

    name = "learned rule"

    observation: ObservationConfig
    """The channels it reads."""
    action: Action = field()  # has no default, whatever the base class has
    """What its actions mean."""
    network: Network
    mean: Array
    """Of each feature, (features,)."""
    std: Array
    """Standard deviation of each feature, (features,), > 0."""
    clip: float = 10.0
    """Where scaled features are clipped."""
    per_coordinate: bool = False
    """Whether the network acts on each coordinate alike."""
    believes: NavigationProblem | None = None
    """The problem whose Kalman filter (`LQGPolicy`) makes the features; it reads the filter's
    channels. Of a rule in a frame, the problem that the frame is of."""
    framed: bool = False
    """Whether the network weighs vectors in a frame: that of the gradients' second moment, or of
    the Hessian that is believed in."""
    relative: bool = False
    """Whether lengths in the frame are in units of an episode's first gradient."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from, in JSON's types: regime, problem, training, versions."""

    def __post_init__(self) -> None:
        """Check that normalisation, network and channels fit."""
        inputs = self.network.inputs
        if self.mean.shape != (inputs,) or self.std.shape != (inputs,):
            raise ValueError(
                f"mean and std have one number for each of the network's {inputs} inputs; got "
                f"shapes {self.mean.shape} and {self.std.shape}."
            )
        if not (self.std > 0).all() or not self.clip > 0:
            raise ValueError("std and clip are above 0.")
        if self._coordinates is not None and self._coordinates.features != inputs:
            raise ValueError(
                f"{', '.join(self.observation.channels)} make {self._coordinates.features} "
                f"features per coordinate, the network takes {inputs}."
            )
        self._check_relative()
        if self.frame is not None:
            self._check_frame(self.frame)
        elif self.believes is not None:
            self._check_belief(self.believes)
        if self._filter is not None and self._filter.observation != self.observation:
            raise ValueError(
                f"the filter reads {', '.join(self._filter.observation.channels)}, not "
                f"{', '.join(self.observation.channels)}."
            )

    def _check_belief(self, problem: NavigationProblem) -> None:
        if self.per_coordinate:
            raise ValueError("a rule acts per coordinate, or on a belief, not both.")
        found = (self.network.inputs, self.network.outputs)
        wanted = (problem.dim, self.action.size(problem))
        if found != wanted:
            raise ValueError(
                f"the network has {found[0]} inputs and {found[1]} outputs; the problem that the "
                f"rule believes in needs {wanted[0]} and {wanted[1]}."
            )

    def _check_relative(self) -> None:
        if self.relative and (not self.framed or self.believes is not None):
            raise ValueError(
                "relative is of a rule in the frame of gradients: without one, there is nothing to "
                "measure lengths by, and a belief is about lengths as they are."
            )

    def _check_frame(self, frame: Frame) -> None:
        if self.per_coordinate or self.network.cell is not None:
            raise ValueError("a rule in a frame has no rows of coordinates, and no LSTM cell.")
        if type(self.action) is not Velocity:
            raise ValueError(
                f"a rule in a frame sets velocities, not {self.action.kind!r} actions."
            )
        found = (self.network.inputs, self.network.outputs)
        if found != (wanted := (len(frame.invariants), len(frame.vectors))):
            raise ValueError(
                f"the network has {found[0]} inputs and {found[1]} outputs; of these channels a "
                f"frame has {wanted[0]} invariants and {wanted[1]} vectors."
            )

    @cached_property
    def frame(self) -> Frame | None:
        """In which it acts, if it does."""
        if not self.framed:
            return None
        return frame_of(self.observation, self.believes, self.relative)

    @cached_property
    def _coordinates(self) -> Coordinates | None:
        return Coordinates(self.observation) if self.per_coordinate else None

    @cached_property
    def _filter(self) -> LQGPolicy | None:
        if self.believes is None or self.framed:
            return None
        unplaced = "displacement" in self.observation.channels
        return LQGPolicy(self.believes, place="displacement" if unplaced else "parameters")

    def begin(self, observation: Array) -> LearnedState:
        """The network's first state, the filter's and the frame's."""
        if self.frame is not None:
            return LearnedState(None, None, self.frame.begin(observation.astype(np.float64)))
        belief = None if self._filter is None else self._filter.begin(observation)
        return LearnedState(self.network.begin(self._rows(observation)), belief)

    def restart(self, observation: Array, state: LearnedState, rows: Array) -> LearnedState:
        """The state in which some rows begin; each coordinate of a row is one of the network's."""
        if self.frame is not None:
            return restarted(state, rows, self.begin(observation))
        cell, belief, _ = state
        fresh = self.network.begin(self._rows(observation))
        if fresh is not None:
            each = np.repeat(rows, self._rows(observation) // len(rows))
            cell = restarted(cell, each, fresh)
        if self._filter is not None:
            belief = self._filter.restart(observation, belief, rows)
        return LearnedState(cell, belief)

    def act(self, observation: Array, state: LearnedState) -> tuple[Array, LearnedState]:
        """Actions for observations as the environment gives them, clipped to [-1, 1].

        Raises:
            Refusal: for observations of another size than the rule was made for.
        """
        if self.frame is not None and state.frame is not None:
            return self._act_in(self.frame, state.frame, observation)
        features, belief = observation, state.belief
        if self._filter is not None:
            features, belief = self._filter.displacement(observation, belief)
        if self._coordinates is not None:
            features = self._coordinates.rows(features)
        if features.shape[1] != self.network.inputs:
            raise Refusal(
                f"this rule takes {self.network.inputs} features, got {features.shape[1]}: it was "
                "made for a problem of another size."
            )
        scaled = np.clip((features - self.mean) / self.std, -self.clip, self.clip)
        action, cell = self.network(scaled, state.cell)
        if self._coordinates is not None:
            action = self._coordinates.joined(action, len(scaled) // len(observation))
        action = action.clip(-1.0, 1.0).astype(observation.dtype, copy=False)
        return action, LearnedState(cell, belief)

    def _act_in(
        self, frame: Frame, state: FrameState, observation: Array
    ) -> tuple[Array, LearnedState]:
        """Actions by coefficients of vectors along the axes of a frame, and the next state."""
        framed, state = frame.see(observation.astype(np.float64), state)
        moves = np.vecdot(framed.vectors, self.coefficients(framed))
        action = self.action_of(frame.out_of(moves, state), observation).clip(-1.0, 1.0)
        return action, LearnedState(None, None, state)

    def coefficients(self, framed: Framed) -> Array:
        """Of a rule in a frame: of each vector, (batch, d, vectors), before moves are bounded."""
        scaled = framed.invariants.astype(self.network.layers[0].weight.dtype, order="C")
        scaled -= self.mean
        scaled /= self.std
        scaled.clip(-self.clip, self.clip, out=scaled)
        weighed, _ = self.network(scaled.reshape(-1, self.network.inputs))
        return weighed.reshape(framed.vectors.shape)

    def _rows(self, observation: Array) -> int:
        """How many rows the network sees."""
        if self._coordinates is None:
            return len(observation)
        return len(self._coordinates.rows(observation))
