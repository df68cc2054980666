"""What has been computed: trainings in a JSON file, each under its name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from baselines.files import read_json
from baselines.networks.contestants import Contestant
from baselines.networks.search import tuned
from baselines.networks.tasks import CHECKPOINTS, TASKS, Training, trained
from baselines.pages import ROOT
from landscape_gym.files import write_whole

FILE = ROOT / "docs" / "networks" / "trainings.json"
TUNING_SEEDS = (1000, 1001, 1002)
SEEDS = (0, 1, 2, 3, 4)
"""Of the trainings that are reported; learning rates are chosen on others."""
JUDGED_AT = (100, 300)
"""Steps after which training losses are compared; a learning rate is tuned for each."""
DIGITS = 5
"""Significant digits that are kept."""


class Trainings:
    """Trainings by task, contestant, learning rate and seed; those that are missing are run.

    Args:
        file: Where they are kept; written after each that is new.
        report: Is told what is being run.
    """

    def __init__(self, file: Path = FILE, report: Callable[[str], None] = print) -> None:
        self.file, self.report = file, report
        self.known: dict[str, dict] = read_json(file)

    def __call__(self, task: str, contestant: Contestant, lr: float, seed: int) -> Training:
        """One training."""
        key = f"{task} | {contestant.name} | {lr:.6g} | {seed}"
        if key not in self.known:
            self.report(key)
            training = trained(TASKS[task], lambda p: contestant.make(p, lr), seed)
            self.known[key] = {name: _rounded(value) for name, value in asdict(training).items()}
            self._save()
        kept = self.known[key]
        return Training(tuple(kept["loss"]), kept["accuracy"])

    def judged(
        self, task: str, contestant: Contestant, step: int, seeds: Sequence[int] = SEEDS
    ) -> list[Training]:
        """Trainings at the learning rate that is best after so many steps, or the untuned one."""
        lr = self.rates(task, contestant)[JUDGED_AT.index(step)]
        return [self(task, contestant, lr, seed) for seed in seeds]

    def rates(self, task: str, contestant: Contestant) -> list[float]:
        """Learning rates for `JUDGED_AT`: the best on other seeds, or the untuned one."""

        def score(power: int) -> list[float]:
            lr = contestant.middle * 2.0**power
            runs = [self(task, contestant, lr, seed) for seed in TUNING_SEEDS]
            return [sum(log_losses(runs, step)) / len(runs) for step in JUDGED_AT]

        powers = tuned(score) if contestant.tuned else [0] * len(JUDGED_AT)
        return [contestant.middle * 2.0**power for power in powers]

    def _save(self) -> None:
        """Write the file, a line for each training."""
        lines = (f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(self.known.items()))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.file, "{\n" + ",\n".join(lines) + "\n}\n")


def log_losses(runs: Sequence[Training], step: int) -> list[float]:
    """Logarithms of the training losses after so many steps."""
    return [math.log(run.loss[CHECKPOINTS.index(step)]) for run in runs]


def _rounded(value: float | Sequence[float]) -> float | list[float]:
    if isinstance(value, Sequence):
        return [float(f"{each:.{DIGITS}g}") for each in value]
    return float(f"{value:.{DIGITS}g}")
