"""Write docs/learning.md's table of optimizers: ``python -m docs.generate.optimizers``.

Rules for networks, learned on small ones by whole episodes (`evolution`), by windows of them
(`pes`) and by gradients through the simulation, in the same CPU seconds; judged as in
docs/networks.md, against Adam tuned for each network.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from baselines.pages import ROOT, machine, markdown, source, write_between_markers
from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np
    import torch

    from agents.presets import PRESETS
    from agents.rounds import RoundsTrainer
    from baselines.networks.contestants import ADAM
    from baselines.networks.page import interval
    from baselines.networks.results import Trainings, log_losses
    from baselines.networks.tasks import TASKS, trained
    from landscape_gym.command_line import parsed
    from landscape_gym.learned import LearnedRule
    from landscape_gym.optim import RuleOptimizer
    from landscape_gym.registration import regime

PAGE = ROOT / "docs" / "learning.md"
COMMAND = "python -m docs.generate.optimizers"
WAYS = ("evolution", "pes-networks", "gradient-networks")
"""Presets."""
JUDGED = ("digits-tanh", "digits-deep", "digits-conv", "mnist1d-conv")
"""Of the networks of docs/networks.md, those on which a training takes seconds."""
STEP = 300
"""After which losses are compared."""


@dataclass(frozen=True)
class Options:
    """Write a page's generated parts."""

    seconds: float = 100.0
    """CPU seconds that each training has."""
    seeds: int = 3
    """Trainings of each judged network."""
    page: Path = PAGE
    """What to write into."""


def learned(preset: str, seconds: float) -> tuple[LearnedRule, float]:
    """The rule that a preset finds in so many CPU seconds, and how many it took."""
    trainer = PRESETS[preset].trainer(regime("small-networks").configured(), 0)
    assert isinstance(trainer, RoundsTrainer)
    begun, spent = time.process_time(), 0.0
    while trainer.ended < trainer.rounds and spent < seconds:
        trainer.round()
        spent = time.process_time() - begun
    rule = trainer.rule()
    assert isinstance(rule, LearnedRule)
    return rule, spent


def row(preset: str, rule: LearnedRule, spent: float, seeds: range) -> tuple[str, ...]:
    """Its losses over those of tuned Adam, on each network."""
    kept = Trainings(report=lambda key: None)
    cells = []
    for name in JUDGED:
        make = partial(RuleOptimizer, rule=rule)
        ours = log_losses([trained(TASKS[name], make, seed) for seed in seeds], STEP)
        theirs = log_losses(kept.judged(name, ADAM, STEP, seeds), STEP)
        cells.append(interval(np.subtract(ours, theirs)))
    return (f"`{preset}`", PRESETS[preset].algorithm, f"{spent:.0f}", *cells)


@program(COMMAND, "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge, and write."""
    options = parsed(Options, argv, prog=COMMAND, description=__doc__)
    write_between_markers(options.page, {"optimizers": ""}, check_only=True)
    torch.set_num_threads(1)
    rows = []
    for preset in WAYS:
        rows.append(row(preset, *learned(preset, options.seconds), range(options.seeds)))
        print(*rows[-1], flush=True)
    head = ("preset", "algorithm", "CPU s", *JUDGED)
    made = f"{source(COMMAND)}; {machine()}; seeds 0 to {options.seeds - 1}."
    write_between_markers(options.page, {"optimizers": f"{made}\n\n{markdown(head, rows)}"})


if __name__ == "__main__":
    sys.exit(main())
