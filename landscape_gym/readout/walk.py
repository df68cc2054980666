"""Episodes of one policy, with everything that its controls may depend on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.observation import CHANNELS
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.simulation import Simulation


class Walk(NamedTuple):
    """What there was before each step, and the control that the policy made of it."""

    theta: Array
    """(steps, episodes, d)"""
    gradient: Array
    """As it was observed, (steps, episodes, d)."""
    hidden: dict[str, Array]
    """Channels that a learner need not see, (steps, episodes, size)."""
    control: Array
    """As it was executed, (steps, episodes, m)."""
    end: Array
    """Parameters after the last step, (episodes, d)."""
    counted: Array
    """Whether the control is the policy's, (steps, episodes); not from a divergence on."""


def walk(
    problem: NavigationProblem,
    policy: Policy,
    hidden: Iterable[str],
    *,
    episodes: int,
    steps: int,
    seed: int,
) -> Walk:
    """Let a policy act without exploration.

    Args:
        problem: What is navigated.
        policy: What acts.
        hidden: Names of channels without memory to keep too, which the landscape offers.
        episodes: Number of episodes, one per row; row i is seeded with seed + i.
        steps: Steps of each, fewer if episodes are shorter.
        seed: Of the first row.
    """
    simulation = Simulation.begun(
        seed + np.arange(episodes),
        problem=problem,
        observation=policy.observation,
        action=policy.action,
    )
    ended = np.zeros(episodes, bool)
    kept: dict[str, list[Array]] = {name: [] for name in hidden}
    memory: Any = None
    theta, gradient, control, counted = [], [], [], []
    for step in range(min(steps, problem.steps)):
        state = simulation.state
        theta.append(state.theta.copy())
        gradient.append(state.learner.gradient.copy())
        for name, seen in kept.items():
            values = CHANNELS[name].of(state, problem)
            seen.append(np.broadcast_to(values, (episodes, values.shape[1])).copy())
        action, memory = policy.predict(
            simulation.observe(state), memory, np.full(episodes, step == 0), deterministic=True
        )
        outcome = simulation.advance(np.where(ended[:, None], 0.0, action), ended)
        # Before the last step a row terminates only by divergence.
        ended = ended | (outcome.terminated & (step + 1 < problem.steps))
        control.append(simulation.state.learner.previous_update.copy())
        counted.append(~ended)
    return Walk(
        theta=np.stack(theta),
        gradient=np.stack(gradient),
        hidden={name: np.stack(seen) for name, seen in kept.items()},
        control=np.stack(control),
        end=simulation.state.theta.copy(),
        counted=np.stack(counted),
    )
