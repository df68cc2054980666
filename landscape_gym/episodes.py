"""Episodes step by step: the one loop in which something acts in a simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy
from landscape_gym.simulation import Outcome, Simulation

Act = Callable[[int], Array]
"""From the number of steps that were taken to the actions of all rows, (B, action size)."""


class Moment(NamedTuple):
    """Where B rows are in their episodes; what they see and are is in the simulation's state."""

    step: int
    """How many steps were taken."""
    outcome: Outcome | None
    """Of the last step; None as episodes begin."""
    still: Array
    """Rows whose episode was over before that step, so that its outcome says nothing, (B,)."""
    ended: Array
    """Rows whose episode is over now, (B,)."""
    diverged: Array
    """Rows that diverged: which ended early, or, without a horizon, at their last step, (B,)."""


def moments(simulation: Simulation, act: Act, steps: int | None = None) -> Iterator[Moment]:
    """Act in every row until its episode is over, and stop at the start and after each step.

    Args:
        simulation: Whose rows have just begun.
        act: Asked before each step; in rows that are over nothing is done.
        steps: At most so many; None: to the end of all episodes.

    Example:
        >>> from landscape_gym.problem import NavigationProblem
        >>> problem = NavigationProblem(episode_steps=3)
        >>> simulation = Simulation.begun([0, 1], problem=problem)
        >>> [each.step for each in moments(simulation, lambda step: np.zeros((2, 2)))]
        [0, 1, 2, 3]
    """
    problem = simulation.problem
    still = ended = diverged = np.zeros(simulation.num_rows, bool)
    yield Moment(0, None, still, ended, diverged)
    for step in range(problem.steps if steps is None else min(steps, problem.steps)):
        if ended.all():
            return
        still = ended
        outcome = simulation.advance(np.where(still[:, None], 0.0, act(step)), still)
        if problem.horizon is None or step + 1 < problem.steps:
            diverged = diverged | (outcome.terminated & ~still)
        ended = still | outcome.terminated | outcome.truncated
        yield Moment(step + 1, outcome, still, ended, diverged)


def act_by(policy: Policy, simulation: Simulation) -> Act:
    """What a policy does in a simulation with its channels and actions, without exploration."""
    memory: Any = None

    def act(step: int) -> Array:
        nonlocal memory
        seen, start = simulation.observe(simulation.state), np.full(simulation.num_rows, step == 0)
        action, memory = policy.predict(seen, memory, start, deterministic=True)
        return action

    return act
