"""Who is imitated: the privileged optimum, in the episodes that the learner itself brings about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from agents.trainer import training_seed
from landscape_gym.control import LinearQuadraticPolicy, NearestOnPath
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import UNBOUNDED
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.registration import Regime
from landscape_gym.simulation import Simulation

Teacher = LinearQuadraticPolicy | NearestOnPath


def teacher_of(problem: NavigationProblem) -> Teacher:
    """Who acts best: by gains where they are optimal everywhere, else from a path.

    Raises:
        Refusal: where every direction is not controlled, there is a horizon, or nobody acts best
            whom it would be cheap to ask.
    """
    if problem.control_matrix is not None or problem.horizon is not None:
        raise Refusal("moves are regressed on where every direction is controlled, forever.")
    try:
        return LinearQuadraticPolicy(problem)
    except Refusal:
        if not problem.landscape.convex:
            raise
        return NearestOnPath(problem)


class Lesson:
    """Episodes in which learner and teacher see each their own channels.

    Args:
        regime: As the learner meets it.
        problem: What is navigated: the regime's, or one in another dimension.
        teacher: Who acts best there.
        first: The seed of the first episode, before `training_seed`.
        episodes: How many.
    """

    def __init__(
        self,
        regime: Regime,
        problem: NavigationProblem,
        teacher: Teacher,
        first: int,
        episodes: int,
    ) -> None:
        seen, wanted = regime.observation, teacher.observation.channels
        hidden = tuple(name for name in wanted if name not in seen.channels)
        both = replace(seen, channels=seen.channels + hidden)
        self._teacher, self._memory = teacher, None
        self._simulation = Simulation(
            episodes, problem=problem, observation=both, action=regime.action
        )
        rows = np.arange(episodes)
        self._simulation.streams.seed(rows, (training_seed(first, episodes) + rows).tolist())
        self._simulation.begin(rows)
        self._own, self._theirs = self._where(seen.channels), self._where(wanted)

    def _where(self, names: tuple[str, ...]) -> Array:
        """Where channels lie in what is observed."""
        layout = self._simulation.layout
        return np.concatenate([np.arange(layout.size)[layout.slices[name]] for name in names])

    def seen(self) -> tuple[Array, Array]:
        """What the learner sees now, and the teacher, (episodes, size) each."""
        observation = self._simulation.observe(self._simulation.state)
        return observation[:, self._own], observation[:, self._theirs]

    def told(self, theirs: Array) -> Array:
        """The control that is best there, (episodes, d).

        Args:
            theirs: What the teacher sees.
        """
        action, self._memory = self._teacher.predict(theirs, self._memory)
        return action * UNBOUNDED.scale

    def advance(self, actions: Any) -> None:
        """Move as the learner does, in units of the regime's box."""
        self._simulation.advance(actions)
