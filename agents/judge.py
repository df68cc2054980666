"""Judge learned rules: ``python -m agents judge RULE ... --regime landscape-nav``.

A rule is the name of a shipped one, a file, a run's folder, or a folder of several seeds. Each acts
in the same fresh episodes as what it is to be measured by: derived momentum, the best derived
learner for what can be seen, and full information; or, with ``--learner``, the optimum for the
regime's own channels.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from agents.run import RULE_FILE, TRAINING_FILE
from baselines.pages import markdown
from landscape_gym.artifact import load_rule
from landscape_gym.command_line import named
from landscape_gym.configuration import count, one_of
from landscape_gym.control import best_learner, optimum
from landscape_gym.evaluation import DO_NOTHING, rollout
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import DoNothing, Policy, RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.readout import read_exponent
from landscape_gym.refusal import Refusal
from landscape_gym.registration import ALL, regime
from landscape_gym.rules import Momentum

CHUNK = 2048
"""Episodes that are run at a time, at the most: memory stays bounded."""
NORMAL = 1.96
"""Half width of a 95 % interval in standard errors."""
OPTIMUM = "full information *"
OF_LEARNERS = "optimum for these channels"
HEAD = ("policy", "cost J", "J / J*", "J / J_null", "worst", "diverged", "us a step", "trained, s")


@dataclass(frozen=True)
class Options:
    """Judge learned rules on fresh episodes, beside what is derived."""

    rules: tyro.conf.Positional[Annotated[tuple[str, ...], tyro.conf.arg(metavar="RULE ...")]]
    """Names of shipped rules, files, folders of runs, or of several seeds."""
    regime: Annotated[str, named(ALL)] = "landscape-nav"
    """In which they act."""
    dim: int | None = None
    """In how many coordinates, where that is not the regime's own number."""
    episodes: int = 1024
    """How many."""
    first_seed: int = 8_000_000
    """Of the first episode; nothing was trained or chosen from 8,000,000 on."""
    references: bool = True
    """Whether to judge derived momentum and the best derived learner, too."""
    learner: bool = False
    """Whether J* is that of the optimum for the regime's own channels, or of what bounds it, and
    not that of full information."""
    exponent: bool = False
    """Whether to read with which power of the curvature a rule's steps shrink."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for a name that is not known, too few episodes, or no rule.
        """
        one_of("regime", self.regime, ALL)
        count("episodes", self.episodes, low=2)
        count("first_seed", self.first_seed, low=0)
        if self.dim is not None:
            count("dim", self.dim)
        if not self.rules:
            raise ValueError("name a rule: a shipped one, a file, or the folder of a run.")


@dataclass(frozen=True)
class Episodes:
    """What a policy paid in some episodes."""

    cost: Array
    """Of each, (episodes,)."""
    diverged: int
    """How many diverged."""
    seconds: float
    """Of processor time, for all of it."""


@dataclass(frozen=True)
class Verdict:
    """A policy beside full information and doing nothing, in the same episodes."""

    name: str
    cost: float
    """Mean J."""
    ratio: tuple[float, float] | None
    """J / J*, and half the width of its 95 % interval; None where J* is not known."""
    of_nothing: float
    """J over that of doing nothing."""
    worst: float
    """The same of the episode in which it is largest."""
    diverged: int
    microseconds: float
    """Of processor time a step of one episode, the environment's included."""
    single: tuple[float, float] | None = None
    """Mean and largest J / J* of single episodes; None where J* is not known."""
    trained: float | None = None
    """Seconds of processor time that training took, if that is known."""

    @property
    def row(self) -> tuple[str, ...]:
        """Below `HEAD`."""
        ratio = "" if self.ratio is None else f"{self.ratio[0]:.4f} +- {self.ratio[1]:.4f}"
        return (
            self.name,
            f"{self.cost:.5g}",
            ratio,
            f"{self.of_nothing:.4f}",
            f"{self.worst:.3f}",
            str(self.diverged or ""),
            f"{self.microseconds:.0f}",
            "" if self.trained is None else f"{self.trained:.0f}",
        )


def main(options: Options) -> None:
    """Print a line for each policy, and the worst of several rules."""
    of, where = regime(options.regime), options.regime
    problem = of.problem
    if options.dim is not None:
        problem = problem.replace(landscape={"dim": options.dim})
        where = f"{where} in {options.dim} dimensions"
    given = rules_of(options.rules)
    verdicts = judged(
        problem,
        {**(derived(problem) if options.references else {}), **given},
        episodes=options.episodes,
        first_seed=options.first_seed,
        seen=of.observation if options.learner else None,
    )
    trained = trained_seconds(options.rules)
    verdicts = [replace(verdict, trained=trained.get(verdict.name)) for verdict in verdicts]
    print(f"{where}: {options.episodes} episodes from seed {options.first_seed}.")
    print(markdown(HEAD, [verdict.row for verdict in verdicts]))
    print("* sees what a learner cannot see. worst: the episode that is worst over doing nothing.")
    for verdict in verdicts:
        if verdict.name in given and verdict.single is not None:
            mean, most = verdict.single
            print(f"Of single episodes' J / J*: {verdict.name}, mean {mean:.4f}, worst {most:.3f}.")
    for name, rule in given.items() if options.exponent else ():
        value, half = read_exponent(problem, rule, seed=options.first_seed)
        print(f"Exponent of the curvature: {name}, {value:.3f} +- {half:.3f}.")
    if len(given) > 1:
        print(_worst([verdict for verdict in verdicts if verdict.name in given]))


def _worst(verdicts: list[Verdict]) -> str:
    worst = max(verdicts, key=lambda verdict: verdict.cost)
    costs = f"J {worst.cost:.5g}"
    if worst.ratio is not None:
        costs = f"J / J* {worst.ratio[0]:.4f}"
    return f"Worst of {len(verdicts)}: {worst.name}, {costs}."


def rules_of(words: tuple[str, ...]) -> dict[str, Policy]:
    """Rules by what they are called in the table.

    Raises:
        ValueError: for a name that is not known, or a file that is no rule.
        FileNotFoundError: for a folder without a rule.
    """
    return {name: load_rule(path) for word in words for name, path in _files(word).items()}


def trained_seconds(words: tuple[str, ...]) -> dict[str, float]:
    """Processor time of trainings by the names of their rules, where their folders tell it."""
    seconds = {}
    for word in words:
        for name, path in _files(word).items():
            about = Path(path).parent / TRAINING_FILE
            if isinstance(path, Path) and about.is_file():
                seconds[name] = json.loads(about.read_text()).get("processor_seconds")
    return {name: value for name, value in seconds.items() if value is not None}


def _files(word: str) -> dict[str, Path | str]:
    """The rules' files that a word names, or the name of a shipped rule."""
    folder = Path(word)
    if not folder.is_dir():
        return {word: word}
    if (folder / RULE_FILE).is_file():
        return {word: folder / RULE_FILE}
    found = sorted(folder.glob(f"*/{RULE_FILE}"))
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no {RULE_FILE}, nor do folders in it: name the folder of a run that "
            "has ended, or of several seeds."
        )
    return {str(path.parent): path for path in found}


def derived(problem: NavigationProblem) -> dict[str, Policy]:
    """Derived momentum, and the best derived learners, as far as the problem has them."""
    policies: dict[str, Policy] = {}
    try:
        policies["momentum, derived"] = RulePolicy(Momentum.derive(problem), problem)
        for place in ("displacement", "parameters"):
            if (best := best_learner(problem, place)) is not None:
                policies[f"{best.name}, {place} seen"] = best
    except Refusal:  # nothing is hidden, or too much
        pass
    return policies


def judged(
    problem: NavigationProblem,
    policies: Mapping[str, Policy],
    *,
    episodes: int,
    first_seed: int,
    seen: ObservationConfig | None = None,
) -> list[Verdict]:
    """Run policies in the same episodes as doing nothing and the optimum, if that is known.

    Args:
        problem: What is navigated.
        policies: By name.
        episodes: How many, >= 2.
        first_seed: Of the first.
        seen: The channels whose optimum is the reference; None: full information.
    """
    contest: dict[str, Policy] = {DO_NOTHING: DoNothing(problem.control_dim), **policies}
    reference = reference_of(problem, seen)
    contest |= {} if reference is None else dict([reference])
    runs = {name: run(problem, each, episodes, first_seed) for name, each in contest.items()}
    least = None if reference is None else runs[reference[0]]
    nothing = runs[DO_NOTHING].cost
    return [
        Verdict(
            name=name,
            cost=float(each.cost.mean()),
            ratio=None if least is None else ratio(each.cost, least.cost),
            of_nothing=float(each.cost.mean() / nothing.mean()),
            worst=float((each.cost / nothing).max()),
            diverged=each.diverged,
            single=None if least is None else _single(each.cost / least.cost),
            microseconds=1e6 * each.seconds / (episodes * problem.steps),
        )
        for name, each in runs.items()
    ]


def reference_of(
    problem: NavigationProblem, seen: ObservationConfig | None
) -> tuple[str, Policy] | None:
    """What policies are measured by, and its name; None where nothing bounds them from below.

    Args:
        problem: What is navigated.
        seen: The channels that learners see; None: everything.
    """
    try:
        best = optimum(problem, seen, plan_paths=False)
    except Refusal:
        return None
    if seen is None:
        return (OPTIMUM, best.policy) if best.bound == "exact" else None
    if best.bound == "upper":
        return None
    return (OF_LEARNERS if best.bound == "exact" else f"{best.policy.name} *"), best.policy


def _single(ratios: Array) -> tuple[float, float]:
    return float(ratios.mean()), float(ratios.max())


def run(problem: NavigationProblem, policy: Policy, episodes: int, first_seed: int) -> Episodes:
    """What a policy pays in episodes from a seed on, a chunk of them at a time."""
    costs, diverged, begun = [], 0, time.process_time()
    for seeds in np.array_split(first_seed + np.arange(episodes), math.ceil(episodes / CHUNK)):
        some = rollout(problem, policy, episodes=len(seeds), seed=seeds)
        costs.append(some.cost)
        diverged += some.diverged
    return Episodes(np.concatenate(costs), diverged, time.process_time() - begun)


def ratio(cost: Array, least: Array) -> tuple[float, float]:
    """The ratio of two means over the same episodes, and half its 95 % interval (delta method).

    Example:
        >>> ratio(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
        (2.0, 0.0)
    """
    value = float(cost.mean() / least.mean())
    error = (cost - value * least).std(ddof=1) / math.sqrt(len(cost)) / least.mean()
    return value, float(NORMAL * error)
