"""Judge rules for networks: ``python -m agents networks [RULE ...]``.

A rule is the name of a shipped one, a file, a run's folder, or a folder of several seeds. Each is
run as it is on small networks like those that it was found on, with seeds that no training draws,
and on the networks of docs/networks.md, beside Adam with its rate tuned for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import tyro

from agents.evolution import SMALLEST_LOSS
from agents.judge import rules_of, trained_seconds
from baselines.networks.contestants import ADAM
from baselines.networks.page import interval
from baselines.networks.results import JUDGED_AT, SEEDS, Trainings, log_losses
from baselines.networks.tasks import TASKS, trained
from baselines.pages import ROOT, machine, markdown, source, write_between_markers
from landscape_gym.configuration import count
from landscape_gym.evaluation import rollout
from landscape_gym.learned import LearnedRule
from landscape_gym.optim import RuleOptimizer
from landscape_gym.policy import Policy
from landscape_gym.registration import regime

PAGE = ROOT / "docs" / "networks.md"
NAME = "found"
"""Of the table's markers."""
SHIPPED = ("networks", "networks-ppo")
STEPS = JUDGED_AT[-1]
HEAD = ("rule", "found by", "trained, s", "small networks")
SCORED = 1 / 3
"""Of a training on small networks, after which losses count."""


@dataclass(frozen=True)
class Options:
    """Judge rules for networks on networks and data that they were not found on."""

    rules: tyro.conf.Positional[Annotated[tuple[str, ...], tyro.conf.arg(metavar="RULE ...")]] = ()
    """Names of shipped rules, files, folders of runs, or of several seeds; none takes those that
    are shipped."""
    episodes: int = 256
    """Small networks."""
    first_seed: int = 8_000_000
    """Of the first of them."""
    seeds: int = len(SEEDS)
    """Trainings of each of the other networks."""
    write: bool = False
    """Whether to put the table into docs/networks.md."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for numbers that are too small.
        """
        for name, low in (("episodes", 2), ("first_seed", 0), ("seeds", 2)):
            count(name, getattr(self, name), low=low)


def main(options: Options) -> None:
    """Print a line for each rule, and write it down if that is asked for."""
    if options.write:
        write_between_markers(PAGE, {NAME: ""}, check_only=True)
    torch.set_num_threads(1)
    told = table(options)
    print(told)
    if options.write:
        words = ("python -m agents networks", *options.rules, f"--seeds {options.seeds}", "--write")
        command = " ".join(words)
        write_between_markers(PAGE, {NAME: f"{source(command)}; {machine()}. {told}"})


def table(options: Options) -> str:
    """A row for each rule."""
    words = options.rules or SHIPPED
    seconds, trainings = trained_seconds(words), Trainings()
    rows = []
    for name, rule in rules_of(words).items():
        assert isinstance(rule, LearnedRule)
        took = f"{seconds[name]:.0f}" if name in seconds else ""
        losses = (over_adam(trainings, task, rule, options.seeds) for task in TASKS)
        small = f"{log_loss(rule, options.episodes, options.first_seed):.3f}"
        rows.append((name, rule.about.get("algorithm", ""), took, small, *losses))
    return (
        "Small networks: mean logarithm of the loss after the first third of a training, of "
        f"{options.episodes} from seed {options.first_seed}. The others: training loss over that "
        f"of tuned Adam after {STEPS} steps, seeds 0 to {options.seeds - 1}.\n\n"
        f"{markdown((*HEAD, *TASKS), rows)}"
    )


def log_loss(policy: Policy, episodes: int, first_seed: int) -> float:
    """Mean logarithm of the losses after the first third of trainings of small networks."""
    problem = regime("small-networks").problem
    excess = rollout(problem, policy, episodes=episodes, seed=first_seed).excess
    late = excess[1 + int(SCORED * problem.steps) :]  # the lowest loss counts as 0
    return float(np.log(np.maximum(late, 0) + SMALLEST_LOSS).mean())


def over_adam(trainings: Trainings, task: str, rule: LearnedRule, seeds: int) -> str:
    """The loss that a rule comes to over that of tuned Adam, and its interval."""
    ours = [trained(TASKS[task], lambda p: RuleOptimizer(p, rule), seed) for seed in range(seeds)]
    theirs = trainings.judged(task, ADAM, STEPS, range(seeds))
    return interval(np.subtract(log_losses(ours, STEPS), log_losses(theirs, STEPS)))
