"""Episodes of one policy, with everything that its controls may depend on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from landscape_gym.channels import CHANNELS
from landscape_gym.episodes import act_by, moments
from landscape_gym.landscapes.base import Array
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
        steps: Steps of each, fewer if episodes are shorter or all of them have diverged.
        seed: Of the first row.
    """
    simulation = Simulation.begun(
        seed + np.arange(episodes),
        problem=problem,
        observation=policy.observation,
        action=policy.action,
    )
    kept: dict[str, list[Array]] = {name: [] for name in hidden}
    theta, gradient, control, counted = [], [], [], []
    for moment in moments(simulation, act_by(policy, simulation), steps):
        state = simulation.state
        theta.append(state.theta.copy())
        gradient.append(state.learner.gradient.copy())
        for name, seen in kept.items():
            values = CHANNELS[name].of(state, problem)
            seen.append(np.broadcast_to(values, (episodes, values.shape[1])).copy())
        if moment.outcome is not None:
            control.append(state.learner.previous_update.copy())
            counted.append(~moment.diverged)
    return Walk(
        theta=np.stack(theta[:-1]),
        gradient=np.stack(gradient[:-1]),
        hidden={name: np.stack(seen[:-1]) for name, seen in kept.items()},
        control=np.stack(control),
        end=theta[-1],
        counted=np.stack(counted),
    )
