"""What the simulation says to a setting: rules derived, the optimum solved, episodes run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from landscape_gym.artifact import load_rule, shipped_rules
from landscape_gym.control import optimum
from landscape_gym.control.grid.policy import solve_grid
from landscape_gym.evaluation import DO_NOTHING, Comparison, Rollout, judge, rollout
from landscape_gym.explorer.setting import LEARNED, Setting
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import DoNothing, Policy, RulePolicy
from landscape_gym.refusal import Refusal
from landscape_gym.report.scene import Scene
from landscape_gym.rules import RULES

EPISODES = 16
SEED = 1_000_000
"""Of the first episode, whose paths are drawn."""
OPTIMUM = "optimum"
GRID = 251
"""Points a coordinate where the optimum is found by dynamic programming; more take too long."""
POINTS = 61
"""Of the picture of a landscape, a side."""
KEPT = 512
"""Rollouts that are remembered."""


@dataclass(frozen=True)
class Answer:
    """How rules did in one setting."""

    setting: Setting
    comparison: Comparison
    scene: Scene
    paid: dict[str, Array]
    """By policy, mean discounted cost up to each step, (steps + 1,)."""
    refusals: dict[str, str]
    """By rule, or for the optimum, why it cannot be had."""
    left: tuple[str, ...]
    """Rules for which there was no time."""


def answer(setting: Setting, rules: Iterable[str], seconds: float = float("inf")) -> Answer:
    """Compare rules in a setting, on the same episodes.

    Args:
        setting: Regime and sliders.
        rules: Kinds of derived rules, or `LEARNED`.
        seconds: Of computing, after which rules that are not yet begun are left; the optimum
            never is.

    Example:
        >>> found = answer(Setting.of("short-horizon"), ["gradient_descent"])
        >>> found.comparison["gradient descent"].ratio.value < 1.001
        True
    """
    begun = time.thread_time()
    runs: dict[str, Rollout] = {}
    refusals: dict[str, str] = {}
    left: list[str] = []
    for kind in (DO_NOTHING, OPTIMUM, *rules):
        if kind not in (DO_NOTHING, OPTIMUM) and time.thread_time() - begun > seconds:
            left.append(kind)
            continue
        try:
            runs[titled(kind)] = _run(setting, kind)
        except Refusal as refusal:
            refusals[titled(kind)] = str(refusal)
    problem = setting.problem
    known = OPTIMUM if OPTIMUM in runs else None
    comparison = judge(problem, runs, optimum=known)
    scene = Scene.of(problem, runs, SEED, points=POINTS)
    paid = {name: run.paid for name, run in runs.items() if run.paid is not None}
    return Answer(setting, comparison, scene, paid, refusals, tuple(left))


def titled(kind: str) -> str:
    """What a rule is called on the page."""
    return kind.replace("_", " ")


@lru_cache(maxsize=KEPT)
def _run(setting: Setting, kind: str) -> Rollout:
    """Episodes of one policy.

    Raises:
        Refusal: where the policy cannot be had.
    """
    policy = _policy(setting, kind)
    return rollout(setting.problem, policy, episodes=EPISODES, seed=SEED, keep_paths=1)


def _policy(setting: Setting, kind: str) -> Policy:
    problem = setting.problem
    if kind == DO_NOTHING:
        return DoNothing(problem.control_dim)
    if kind == LEARNED:
        if setting.regime not in shipped_rules():
            raise Refusal(f"no learned rule comes with the library for {setting.regime}.")
        return load_rule(setting.regime)
    if kind != OPTIMUM:
        return RulePolicy(RULES[kind].derive(problem), problem)
    if setting.regime == "double-well":
        return solve_grid(problem, points=GRID).policy
    best = optimum(problem, plan_paths=False)
    if best.bound != "exact":
        raise Refusal(best.status)
    return best.policy


def forget() -> None:
    """Compute all rollouts anew from here on, as a measurement of time wants it."""
    _run.cache_clear()
