"""A transcript: actions and seeds, and the episodes that an environment gives for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec

from landscape_gym.configuration import plain
from landscape_gym.episodes import moments
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime, regime
from landscape_gym.simulation import Simulation

NUMBERS = 2**24
"""About how many observed numbers are in memory at a time."""
MOST_ROWS = 512
"""Episodes that are simulated together, at the most."""


@dataclass(frozen=True)
class Episode:
    """One episode of T steps, as its environment gives it, in float64."""

    seed: int
    """What the environment is reset with."""
    observations: Array
    """(T + 1, size); the last one has no action."""
    actions: Array
    """(T, action size)."""
    rewards: Array
    """(T,)."""
    terminated: bool
    """How it ended: at the horizon or by divergence, or else because its steps were over."""
    infos: dict[str, Any]
    """What ``reset`` and ``step`` tell beside, by name, (T + 1, ...); ``hidden`` is such a dict."""

    def cost(self, discount: float) -> float:
        """Discounted cost of the episode."""
        return -float(np.sum(discount ** np.arange(len(self.rewards)) * self.rewards))


@dataclass(frozen=True)
class Transcript:
    """A policy's actions in some episodes, and the environment that they are actions of."""

    name: str
    """The regime's."""
    setup: Regime
    """The problem, what is seen of it, and what actions mean."""
    seeds: Array
    """Of the episodes, (episodes,)."""
    actions: Array
    """(steps, episodes, action size); of those that end early, the rest does not matter."""
    costs: Array
    """Discounted cost of each episode as `rollout` says it, (episodes,)."""
    policy_is_privileged: bool
    """Whether the policy saw, or knew, what a learner cannot see."""
    privileged: bool = False
    """Whether infos tell the hidden state."""

    @property
    def spec(self) -> EnvSpec:
        """What ``gym.make`` makes the environment of.

        It imports the library by itself; arguments, in JSON's types, are what differs from the
        registered regime.
        """
        known = regime(self.name)
        changed = {
            f.name: plain(getattr(self.setup.problem, f.name))
            for f in fields(NavigationProblem)
            if getattr(self.setup.problem, f.name) != getattr(known.problem, f.name)
        }
        arguments: dict[str, Any] = {"dtype": "float64"}
        if changed:
            arguments["problem"] = changed
        for part in ("observation", "action"):
            if getattr(self.setup, part) != getattr(known, part):
                arguments[part] = plain(getattr(self.setup, part))
        if self.privileged:
            arguments["privileged"] = True
        spec = gym.make(f"landscape_gym:{known.id}", **arguments).spec
        assert spec is not None
        return spec

    def blocks(self) -> Iterator[list[Episode]]:
        """The episodes in their order, some at a time."""
        rows = rows_of(self.setup.problem, self.setup.observation)
        for first in range(0, len(self.seeds), rows):
            block = slice(first, first + rows)
            yield self._episodes(self.seeds[block], self.actions[:, block])

    def _episodes(self, seeds: Array, actions: Array) -> list[Episode]:
        """A block's episodes, with the very bits of environments that run alone.

        Rows are simulated together where that gives the same bits. Matrix products of many rows
        may round differently (`LogisticRegression`); the first and the last row tell.
        """
        together = self._replay(seeds, actions)
        for row in {0, len(seeds) - 1}:
            if not _same(self._alone(seeds, actions, row), together[row]):
                return [self._alone(seeds, actions, row) for row in range(len(seeds))]
        return together

    def _alone(self, seeds: Array, actions: Array, row: int) -> Episode:
        (episode,) = self._replay(seeds[row : row + 1], actions[:, row : row + 1])
        return episode

    def _replay(self, seeds: Array, actions: Array) -> list[Episode]:
        """Episodes driven by actions, (steps, rows, action size), as one batch."""
        setup = self.setup
        simulation = Simulation.begun(
            seeds,
            regime=self.name,
            problem=setup.problem,
            observation=setup.observation,
            action=setup.action,
        )
        fresh = simulation.state
        excess = fresh.loss - fresh.minimum_loss
        seen = [simulation.observe(fresh)]
        told = [self._tell(simulation, fresh.loss, excess, np.zeros_like(excess))]
        rewards = []
        lengths = np.full(len(seeds), len(actions))
        terminated = np.zeros(len(seeds), bool)
        for step, outcome, still, ended, _ in moments(
            simulation, actions.__getitem__, len(actions)
        ):
            if outcome is None:
                continue
            rewards.append(np.negative(outcome.cost, dtype=np.float64))
            seen.append(simulation.observe(simulation.state))
            told.append(self._tell(simulation, outcome.loss, outcome.excess, outcome.charge))
            lengths[ended & ~still] = step
            terminated |= ended & ~still & outcome.terminated
        observations, rewards, infos = np.array(seen), np.array(rewards), _stack(told)
        return [
            Episode(
                seed=int(seeds[row]),
                observations=observations[: steps + 1, row],
                actions=actions[:steps, row],
                rewards=rewards[:steps, row],
                terminated=bool(terminated[row]),
                infos=_take(infos, steps + 1, row),
            )
            for row, steps in enumerate(lengths)
        ]

    def _tell(
        self, simulation: Simulation, loss: Array, excess: Array, charge: Array
    ) -> dict[str, Any]:
        """The infos of all rows, as `LandscapeNavEnv` names them."""
        told: dict[str, Any] = {"loss": loss, "excess_loss": excess, "control_cost": charge}
        if self.privileged:
            hidden = simulation.hidden()
            told["hidden"] = {name: values.copy() for name, values in hidden.items()}
        return told


def rows_of(problem: NavigationProblem, observation: ObservationConfig) -> int:
    """How many episodes are simulated together."""
    numbers = problem.steps * Layout(observation, problem).size
    return min(max(NUMBERS // numbers, 1), MOST_ROWS)


def _stack(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Infos of several steps by name, (steps, rows, ...)."""
    return {
        name: _stack([each[name] for each in told])
        if isinstance(told[0][name], dict)
        else np.array([each[name] for each in told])
        for name in told[0]
    }


def _take(infos: dict[str, Any], steps: int, row: int) -> dict[str, Any]:
    """One row's infos of the first steps."""
    return {
        name: _take(values, steps, row) if isinstance(values, dict) else values[:steps, row]
        for name, values in infos.items()
    }


def _same(one: Episode, other: Episode) -> bool:
    """Whether two episodes are the same to the bit."""
    return _bits(vars(one)) == _bits(vars(other))


def _bits(values: dict[str, Any]) -> list[Any]:
    return [
        _bits(value) if isinstance(value, dict) else np.asarray(value).tobytes()
        for value in values.values()
    ]
