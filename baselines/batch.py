"""Several policies at once: one batch of rows for all of them, a block of rows each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from landscape_gym.evaluation import rollout
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy, knows_more
from landscape_gym.problem import NavigationProblem

ROWS = 2048
"""About how many rows are simulated together: more are no faster, and take memory."""


class Blocks:
    """Policies side by side: each acts in its own block of rows, all as long."""

    name = "blocks"

    def __init__(self, policies: Sequence[Policy]) -> None:
        """Put `policies` that read the same channels and act alike side by side."""
        self.policies = policies
        self.observation = policies[0].observation
        self.action = policies[0].action
        self.privileged = any(map(knows_more, policies))

    def predict(
        self,
        observation: Array,
        state: Any = None,
        episode_start: Array | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """Each policy's actions for its own rows."""
        n = len(self.policies)
        states = [None] * n if state is None else state
        starts = [None] * n if episode_start is None else np.split(episode_start, n)
        acted = [
            policy.predict(seen, memory, start, deterministic=deterministic)
            for policy, seen, memory, start in zip(
                self.policies, np.split(observation, n), states, starts, strict=True
            )
        ]
        return np.concatenate([action for action, _ in acted]), [state for _, state in acted]


class Outcomes(NamedTuple):
    """How each policy did, (policies,) each."""

    cost: Array
    """Mean discounted cost."""
    diverged: Array
    """How many episodes diverged."""
    lasted: Array
    """Mean of the steps until an episode diverged; inf if one did not."""


def outcomes(
    problem: NavigationProblem, policies: Sequence[Policy], *, episodes: int, seed: int
) -> Outcomes:
    """How each policy does in the same episodes.

    Args:
        problem: What is navigated.
        policies: Policies that read the same channels and act alike, as those of one rule do.
        episodes: Number of episodes of each policy.
        seed: Of the first episode; the next one's is one more.
    """
    together = max(ROWS // episodes, 1)
    seeds = seed + np.arange(episodes)
    parts = []
    for first in range(0, len(policies), together):
        block = policies[first : first + together]
        run = rollout(
            problem,
            Blocks(block),
            episodes=episodes * len(block),
            seed=np.tile(seeds, len(block)),
        )
        assert run.lasted is not None  # `rollout` notes it
        cost, lasted = (x.reshape(len(block), episodes) for x in (run.cost, run.lasted))
        diverged = np.isfinite(lasted).sum(axis=1)
        parts.append(Outcomes(cost.mean(axis=1), diverged, lasted.mean(axis=1)))
    return Outcomes(*map(np.concatenate, zip(*parts, strict=True)))
