"""The cells of a sweep over policies: one policy in one regime on one block of episodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from baselines.lineup import BEST_BELIEF, OPTIMUM, rule_name
from baselines.names import NOTHING, TUNED, policy_names
from baselines.tuning import MOST_TRAINING_EPISODES, TRAINING_SEED, tune
from landscape_gym.artifact import load_rule, shipped_rules
from landscape_gym.configuration import count, number, one_of, vector
from landscape_gym.control import optimum
from landscape_gym.evaluation import DO_NOTHING, rollout
from landscape_gym.learned import LearnedRule
from landscape_gym.observation import Layout
from landscape_gym.policy import DoNothing, Policy, RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.registration import REGIMES, Regime
from landscape_gym.rules import RULES


@dataclass(frozen=True)
class Cell:
    """What is evaluated; with the same values, the same result, wherever."""

    regime: str
    """Name of a regime."""
    policy: str
    """A name in `policy_names`."""
    block: int
    """Number of the block of episodes: its first episode is seeded with first_seed + block *
    episodes."""
    episodes: int = 64
    """Episodes of a block."""
    first_seed: int = 1_000_000
    """Of the first block; training episodes have smaller ones."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for a name that is not known, or numbers that are too small.
        """
        one_of("regime", self.regime, REGIMES)
        one_of("policy", self.policy, policy_names())
        count("episodes", self.episodes)
        if self.first_seed < TRAINING_SEED + MOST_TRAINING_EPISODES or self.block < 0:
            raise ValueError(
                f"seeds below {TRAINING_SEED + MOST_TRAINING_EPISODES} are those of training "
                f"episodes; got first_seed {self.first_seed} and block {self.block}."
            )

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.regime}.{self.policy}.{self.block:04d}"


def title(policy: str) -> str:
    """What a policy is called in tables."""
    if policy.startswith(TUNED):
        return f"{rule_name(policy.removeprefix(TUNED))}, tuned"
    if policy in shipped_rules():
        return f"learned: {policy}"
    return {NOTHING: DO_NOTHING, "optimum": OPTIMUM, "lqg": BEST_BELIEF}.get(
        policy, rule_name(policy)
    )


def cells(
    regimes: Iterable[str], policies: Iterable[str], blocks: int, **common: int
) -> dict[str, Cell]:
    """The product, by name; what ratios and regrets are measured by is always among them."""
    count("blocks", blocks)
    named = [name for name in policy_names() if name in {NOTHING, "optimum", *policies}]
    made = (
        Cell(regime, policy, block, **common)
        for regime in regimes
        for policy in named
        for block in range(blocks)
    )
    return {cell.name: cell for cell in made}


def run_one(cell: Cell) -> dict[str, Any]:
    """The costs of a policy's episodes, or why there is no such policy in the regime.

    Returns:
        In JSON's types; ``refused`` alone, beside the cell's fields, where the policy's assumptions
        fail. ``excess`` is the mean loss above the minimum after each step.
    """
    regime = REGIMES[cell.regime]
    about = {"regime": cell.regime, "policy": cell.policy, "block": cell.block}
    try:
        policy = _policy(cell.regime, cell.policy)
    except Refusal as refusal:
        return {**about, "refused": str(refusal)}
    seed = cell.first_seed + cell.block * cell.episodes
    run = rollout(regime.problem, policy, episodes=cell.episodes, seed=seed)
    excess = run.excess.mean(1)
    missing = regime.problem.steps + 1 - len(excess)  # where all episodes have diverged
    return {
        **about,
        "cost": run.cost.tolist(),
        "final_excess": run.excess[-1].tolist(),
        "excess": np.pad(excess, (0, missing), "edge").tolist(),
        "diverged": run.diverged,
        "minimum_loss": run.minimum_loss,
        "privileged": run.privileged,
    }


def check_result(name: str, result: Any, episodes: int | None = None) -> None:
    """See that a cell's file holds what `run_one` gives of it, as far as shapes and names tell.

    Args:
        name: Of the cell.
        result: In JSON's types.
        episodes: Of a block, if they are known.

    Raises:
        ValueError: saying what is wrong.

    Example:
        >>> cell = Cell("geometry", "nothing", block=0, episodes=2)
        >>> check_result(cell.name, run_one(cell), episodes=2)
    """
    if not isinstance(result, dict):
        raise ValueError(f"it holds no mapping, but {result!r:.40}")
    if missing := {"regime", "policy", "block"} - result.keys():
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    regime = REGIMES[one_of("regime", str(result["regime"]), REGIMES)]
    one_of("policy", str(result["policy"]), policy_names())
    block = count("block", result["block"], low=0)
    whose = f"{result['regime']}.{result['policy']}.{block:04d}"
    if whose != name:
        raise ValueError(f"it is of {whose}")
    if "refused" in result:
        if not isinstance(result["refused"], str):
            raise ValueError(f"refused is no sentence, but {result['refused']!r:.40}")
        return
    size = episodes or len(_listed(result, "cost"))
    shapes = {"cost": size, "final_excess": size, "excess": regime.problem.steps + 1}
    for field, length in shapes.items():
        vector(field, _listed(result, field), length)
    number("minimum_loss", result.get("minimum_loss"))
    if count("diverged", result.get("diverged"), low=0) > size:
        raise ValueError(f"diverged is more than {size}")
    if not isinstance(result.get("privileged"), bool):
        raise ValueError("privileged is neither true nor false")


def _listed(result: dict[str, Any], field: str) -> list[Any]:
    found = result.get(field)
    if not isinstance(found, list):
        raise ValueError(f"{field} is no list of numbers")
    return found


@lru_cache(maxsize=4)
def _policy(regime: str, policy: str) -> Policy:
    """The policy; kept, as blocks of the same cell follow each other.

    Raises:
        Refusal: if its assumptions fail in the regime.
    """
    return made(REGIMES[regime], policy)


def made(regime: Regime, policy: str) -> Policy:
    """A policy by its name in `policy_names`.

    Raises:
        Refusal: if its assumptions fail in the regime.
    """
    problem = regime.problem
    if policy == NOTHING:
        return DoNothing(problem.control_dim)
    if policy in RULES:
        return RulePolicy(RULES[policy].derive(problem), problem)
    if policy.startswith(TUNED):
        return tune(problem, policy.removeprefix(TUNED)).policy
    if policy in shipped_rules():
        return fitting(problem, policy)
    best = optimum(problem, regime.observation if policy == "lqg" else None, plan_paths=False)
    if policy == "optimum" and best.bound != "exact":
        raise Refusal(f"the optimum is not known exactly here: {best.status}")
    return best.policy


def fitting(problem: NavigationProblem, name: str) -> LearnedRule:
    """A learned rule, shipped or in a file, that can act in the problem.

    Raises:
        Refusal: if it was made for observations that the problem does not give.
    """
    rule = load_rule(name)
    rule.predict(np.zeros((1, Layout(rule.observation, problem).size), np.float32))
    return rule
