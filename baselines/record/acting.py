"""Let a policy act, and say what was done in the terms of a learner's environment.

A policy reads channels of its own, and a rule sets controls that no box bounds. A data set shows
what a learner would have seen and done instead. So the policy acts first, in the comparison's own
`rollout`; a transcript then is an environment with a learner's channels and actions, driven by what
the policy did. Noise and tasks depend on a row's seed alone, so both are the same episodes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from baselines.record.transcript import Transcript, rows_of
from landscape_gym.actions import Velocity
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import UNBOUNDED, Policy, knows_more
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime, regime


def record(
    name: str,
    setup: Regime,
    policy: Policy,
    *,
    episodes: int,
    seed: int,
    channels: tuple[str, ...] = (),
    scale: float | None = None,
    privileged: bool = False,
) -> Transcript:
    """Let a policy act, and say in which environment that is recorded.

    A policy with actions of its own, as a learned one, is recorded with these and with the channels
    that it reads; one that sets controls, as a rule, with the regime's channels, and with
    velocities as actions.

    Args:
        name: Of the regime.
        setup: The regime, or what was made of it.
        policy: What acts.
        episodes: Number of episodes.
        seed: Episode i is seeded with seed + i.
        channels: What is observed instead.
        scale: Of the velocities; None takes the regime's, doubled until every control fits.
        privileged: Whether infos tell the hidden state.

    Raises:
        ValueError: for an unknown channel, or a scale that a control exceeds, or that is none of
            the policy's business.
    """
    sets_controls = policy.action == UNBOUNDED
    observation = setup.observation if sets_controls else policy.observation
    if channels:
        observation = replace(observation, channels=channels)
    Layout(observation, setup.problem)  # refuses what the landscape does not offer
    if scale is not None and not sets_controls:
        raise ValueError(f"--scale is for controls; this policy's actions are {policy.action}.")
    seeds = seed + np.arange(episodes)
    actions, costs, knows = _acted(setup.problem, policy, seeds)
    own = replace(setup, observation=policy.observation, action=policy.action)
    transcript = Transcript(name, own, seeds, actions, costs, knows, privileged)
    if sets_controls:
        transcript = _in_velocities(transcript, scale)
    return replace(transcript, setup=replace(transcript.setup, observation=observation))


def _in_velocities(transcript: Transcript, scale: float | None) -> Transcript:
    """The same controls as velocities in a box that all of them fit into."""
    blind = replace(transcript.setup, observation=ObservationConfig(("elapsed",)))
    acted = replace(transcript, setup=blind, privileged=False).blocks()
    largest = UNBOUNDED.scale * max(abs(e.actions).max() for block in acted for e in block)
    if scale is None:
        known = regime(transcript.name).action
        scale = known.scale if type(known) is Velocity else 1.0
        while scale < largest:
            scale *= 2.0
    elif scale < largest:
        raise ValueError(f"controls reach {largest:.4g}: --scale {scale:g} would clip them.")
    return replace(
        transcript,
        setup=replace(transcript.setup, action=Velocity(scale)),
        actions=UNBOUNDED.scale * transcript.actions / scale,
    )


class _Listener:
    """A policy that keeps what it did."""

    name = "listener"

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.observation, self.action = policy.observation, policy.action
        self.privileged = knows_more(policy)
        self.actions: list[Array] = []

    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        action, state = self.policy.predict(observation, state, episode_start, deterministic)
        self.actions.append(action)
        return action, state


def _acted(problem: NavigationProblem, policy: Policy, seeds: Array) -> tuple[Array, Array, bool]:
    """Actions, (steps, episodes, size), costs, (episodes,), and whether the policy knew more."""
    actions = np.zeros((problem.steps, len(seeds), policy.action.size(problem)))
    costs, knows = np.zeros(len(seeds)), False
    rows = rows_of(problem, policy.observation)
    for first in range(0, len(seeds), rows):
        block = slice(first, first + rows)
        listener = _Listener(policy)
        run = rollout(problem, listener, episodes=len(seeds[block]), seed=seeds[block])
        actions[: len(listener.actions), block] = np.clip(listener.actions, -1.0, 1.0)
        costs[block], knows = run.cost, run.privileged
    return actions, costs, knows
