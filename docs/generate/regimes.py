"""What is optimal in every registered regime, and what it costs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from baselines.pages import markdown
from docs.generate.effort import Effort
from landscape_gym.control import Law, PlannedPath, ensemble, optimum
from landscape_gym.evaluation import rollout
from landscape_gym.policy import DoNothing, Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.registration import REGIMES

SEED = 1_000_000
"""Of the first episode, where costs are simulated."""
HEAD = (
    "regime",
    "steps",
    "all seen: J*",
    "the same, told the end",
    "own channels: J",
    "J is",
    "doing nothing: J_null",
)


@dataclass(frozen=True)
class Cost:
    """Mean discounted cost of an episode."""

    mean: float
    error: float = 0.0
    """Standard error; 0 of an exact figure."""

    def __str__(self) -> str:
        """As in the table."""
        return f"{self.mean:#.4g}" + (f" +- {self.error:.2g}" if self.error else "")


def regimes_table(effort: Effort) -> str:
    """A row for each regime, and how to read it."""
    rows = [regime_row(name, effort) for name in REGIMES]
    return (
        "Costs are those of the regime's own episodes (its steps, discounted), exact, or simulated "
        f"where a standard error follows: {effort.episodes} episodes from seed {SEED}, of "
        f"logistic-regression {effort.planned} (with each path planned by `solve_path`). Policies "
        "are those of an endless horizon, which *exact* refers to, judged over the episode. "
        "*Told the end*: the least cost of exactly these steps, by a law that varies with time, "
        "and how much less that is; where that is a finite sum."
        f"\n\n{markdown(HEAD, rows)}"
    )


def regime_row(name: str, effort: Effort) -> tuple[str, ...]:
    """The regime's costs: of the optimum, of what is best for its channels, and of nothing."""
    regime = REGIMES[name]
    problem = regime.problem
    everything, own = optimum(problem), optimum(problem, regime.observation)
    planned = isinstance(everything.policy, PlannedPath)
    episodes = effort.planned if planned else effort.episodes
    best = cost_of(problem, everything.policy, episodes)
    alike = own.policy.observation == everything.policy.observation
    learned = best if alike else cost_of(problem, own.policy, episodes)
    nothing = cost_of_nothing(problem, episodes)
    bound = {"exact": "exact", "lower": "a lower bound", "upper": "an upper bound"}[own.bound]
    return (
        name,
        str(problem.steps),
        str(best),
        told_the_end(problem),
        str(learned),
        bound,
        str(nothing),
    )


def cost_of(problem: NavigationProblem, policy: Policy, episodes: int) -> Cost:
    """Exact where the policy knows its cost, else simulated."""
    exactly = getattr(policy, "expected_cost", None)
    if exactly is not None:
        with suppress(Refusal):  # of a belief that only simulation can judge
            return Cost(exactly(problem.steps))
    cost = rollout(problem, policy, episodes=episodes, seed=SEED).cost
    return Cost(float(cost.mean()), float(cost.std(ddof=1) / np.sqrt(episodes)))


def cost_of_nothing(problem: NavigationProblem, episodes: int) -> Cost:
    """Of u = 0: exact where the problem is linear-quadratic, as gains of 0."""
    try:
        parts = ensemble(problem)
    except Refusal:
        return cost_of(problem, DoNothing(problem.control_dim), episodes)
    return Cost(parts.expected_cost(problem.steps, Law(*map(np.zeros_like, parts.law))))


def told_the_end(problem: NavigationProblem) -> str:
    """The least cost of an episode's steps, and the part of J* that it saves; "" if not known."""
    try:
        least = ensemble(problem.replace(horizon=problem.steps)).expected_cost()
    except Refusal:
        return ""
    saved = 1 - least / ensemble(problem).expected_cost(problem.steps)
    return f"{least:#.4g} ({-saved:+.2%})"
