"""Write docs/learning.md's table of optimizers: ``python -m docs.generate.optimizers``.

Rules for networks, learned on small ones in the same CPU seconds: by whole episodes (`evolution`),
by an agent of Stable-Baselines3 whose action is a rule (`weights`, PPO), by windows of episodes
(`pes`) and by gradients through the simulation; judged as in docs/networks.md, against Adam tuned
for each network.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from baselines.pages import ROOT, machine, markdown, source, write_between_markers
from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from agents.networks import log_loss, over_adam
    from agents.presets import PRESETS
    from agents.trainer import Trainer, Training
    from baselines.networks.results import Trainings
    from landscape_gym.command_line import parsed
    from landscape_gym.learned import LearnedRule
    from landscape_gym.registration import regime

PAGE = ROOT / "docs" / "learning.md"
COMMAND = "python -m docs.generate.optimizers"
WAYS = ("evolution", "weights", "pes-networks", "gradient-networks")
"""Presets."""
JUDGED = ("digits-tanh", "digits-deep", "digits-conv", "mnist1d-conv")
"""Of the networks of docs/networks.md, those on which a training takes seconds."""
EPISODES, FIRST_SEED = 256, 8_000_000
"""Small networks that rules are judged on, and the seed of the first."""
LENGTH = {"weights": "timesteps", "pes-networks": "windows", "gradient-networks": "windows"}
"""The setting that says how long a preset trains, where exploration or steps shrink towards the
end: it is set so that the end comes when the seconds are over."""
TRIAL = 5.0
"""CPU seconds by which that is told."""


@dataclass(frozen=True)
class Options:
    """Write a page's generated parts."""

    seconds: float = 100.0
    """CPU seconds that each training has."""
    seeds: int = 4
    """Trainings of each judged network."""
    page: Path = PAGE
    """What to write into."""


class OutOfTime(Exception):
    """A training's seconds are over."""


class Clock:
    """A training's watch, which ends it at the first boundary after so many CPU seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.spent = seconds, 0.0

    def begin(self) -> None:
        """Start."""
        self._begun = time.process_time()

    def boundary(self) -> None:
        """Look.

        Raises:
            OutOfTime: if the seconds are over.
        """
        self.step()
        if self.spent >= self.seconds:
            raise OutOfTime

    def step(self) -> None:
        """Note how late it is."""
        self.spent = time.process_time() - self._begun

    end = step


def learned(preset: str, seconds: float) -> tuple[LearnedRule, float]:
    """The rule that a preset finds in so many CPU seconds, and how many it took."""
    settings = PRESETS[preset]
    if preset in LENGTH:
        share = seconds * pace(settings)
        settings = replace(
            settings, **{LENGTH[preset]: int(share * getattr(settings, LENGTH[preset]))}
        )
    trainer, spent = trained_for(settings, seconds)
    return trainer.rule(), spent


def pace(settings: Training) -> float:
    """What share of a training is done in a CPU second."""
    trainer, spent = trained_for(settings, TRIAL)
    return trainer.done / trainer.total / spent


def trained_for(settings: Training, seconds: float) -> tuple[Trainer, float]:
    """A training after so many CPU seconds, or at its end, and how many it took."""
    trainer = settings.trainer(regime("small-networks").configured(), 0)
    clock = Clock(seconds)
    with suppress(OutOfTime):
        trainer.learn(clock)
    return trainer, clock.spent


def row(preset: str, rule: LearnedRule, spent: float, seeds: int) -> tuple[str, ...]:
    """How it is judged: on small networks, and over tuned Adam on each other."""
    kept = Trainings(report=lambda key: None)
    small = f"{log_loss(rule, EPISODES, FIRST_SEED):.2f}"
    cells = (over_adam(kept, name, rule, seeds) for name in JUDGED)
    return (f"`{preset}`", PRESETS[preset].algorithm, f"{spent:.0f}", small, *cells)


@program(COMMAND, "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge, and write."""
    options = parsed(Options, argv, prog=COMMAND, description=__doc__)
    write_between_markers(options.page, {"optimizers": ""}, check_only=True)
    torch.set_num_threads(1)
    rows = []
    for preset in WAYS:
        rows.append(row(preset, *learned(preset, options.seconds), options.seeds))
        print(*rows[-1], flush=True)
    head = ("preset", "algorithm", "CPU s", "small networks", *JUDGED)
    made = f"{source(COMMAND)}; {machine()}; seeds 0 to {options.seeds - 1}."
    write_between_markers(options.page, {"optimizers": f"{made}\n\n{markdown(head, rows)}"})


if __name__ == "__main__":
    sys.exit(main())
