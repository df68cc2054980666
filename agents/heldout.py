"""How good a rule is while it trains: its cost on held-out episodes, on the scale of the optimum.

A training's own returns are those of short episodes and noisy actions. Here the rule as it would be
kept acts for whole episodes, the same ones each time; the final table has others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agents.trainer import HELD_OUT
from baselines import LineUp
from landscape_gym.evaluation import DO_NOTHING, rollout, with_nothing
from landscape_gym.files import write_whole
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem

EPISODES = 16
"""Few: they are to cost little beside the training."""
FIRST_SEED = HELD_OUT + 500_000
"""Of these episodes; those of the final table begin at `HELD_OUT`."""
INTERVALS = 10
"""A training is evaluated when it begins, after each of so many parts of it, and when it ends."""
HELD_OUT_FILE = "heldout.json"
COST = "heldout/cost"
"""Column of ``progress.csv``."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out episodes, and what doing nothing, rules and the optimum cost in them."""

    problem: NavigationProblem
    references: Mapping[str, float]
    """Mean costs by name: of doing nothing; of the best derived rule, if one helps; of
    the optimum, last, if it is known."""
    optimum: str | None = None
    """The name of the optimum among them."""

    @classmethod
    def of(cls, problem: NavigationProblem, lineup: LineUp) -> HeldOut:
        """Measure what a learned rule is compared with.

        Args:
            problem: What is navigated.
            lineup: The problem's policies.
        """
        rules = {
            name: _cost(problem, policy)
            for name, policy in with_nothing(problem, lineup.rules).items()
        }
        references = {DO_NOTHING: rules.pop(DO_NOTHING)}
        best = min(rules, key=rules.__getitem__, default=None)
        if best is not None and rules[best] < references[DO_NOTHING]:
            references[best] = rules[best]
        if lineup.reference is not None and lineup.optimum is not None:
            references[lineup.reference] = _cost(problem, lineup.optimum.policy)
        return cls(problem, references, lineup.reference)

    def cost(self, policy: Policy) -> float:
        """Mean discounted cost of a policy in these episodes."""
        return _cost(self.problem, policy)

    @property
    def least(self) -> float | None:
        """The optimum's mean cost J*, if it is known."""
        return None if self.optimum is None else self.references[self.optimum]

    def save(self, folder: Path) -> None:
        """Write what a report needs beside ``progress.csv``."""
        about = {"episodes": EPISODES, "seed": FIRST_SEED, "costs": dict(self.references)}
        write_whole(folder / HELD_OUT_FILE, json.dumps(about, indent=2))


def _cost(problem: NavigationProblem, policy: Policy) -> float:
    return float(rollout(problem, policy, episodes=EPISODES, seed=FIRST_SEED).cost.mean())
