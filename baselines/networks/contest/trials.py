"""What has been computed: trials in a JSON file, each under its name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from baselines.files import read_json
from baselines.networks.contest.entrants import Entrant
from baselines.networks.contest.judged import JUDGED, LARGE
from baselines.networks.contest.small_network import SmallNetwork
from baselines.networks.contest.trial import CHECKPOINTS, Trial, trained
from baselines.networks.contest.tuning import TUNING
from baselines.pages import ROOT
from landscape_gym.files import write_whole

FILE = ROOT / "docs" / "networks" / "contest.json"
NETWORKS: dict[str, SmallNetwork] = TUNING | JUDGED | LARGE
DIGITS = 4
"""Significant digits that are kept."""
TOGETHER = 4
"""New trials between two writings of the file, which an interruption loses at most."""


class Trials:
    """Trials by network, entrant, rate, steps and seed; those that are missing are run.

    Args:
        file: Where they are kept.
        report: Is told what is being run.
    """

    def __init__(self, file: Path = FILE, report: Callable[[str], object] = print) -> None:
        self.file, self.report = file, report
        self.known: dict[str, dict] = read_json(file)
        self._unsaved = 0

    def __call__(self, network: str, entrant: Entrant, rate: float, steps: int, seed: int) -> Trial:
        """One trial; a longer one that is known serves as well, where there is no schedule."""
        longer = () if entrant.scheduled else (n for n in CHECKPOINTS if n > steps)
        keys = [
            f"{network} | {entrant.name} | {rate:.4g} | {length} | {seed}"
            for length in (steps, *longer)
        ]
        key = next((each for each in keys if each in self.known), keys[0])
        if key not in self.known:
            self.report(key)
            trial = trained(NETWORKS[network], entrant, rate, steps, seed)
            self.known[key] = {name: _kept(value) for name, value in asdict(trial).items()}
            self._unsaved += 1
            if self._unsaved == TOGETHER:
                self.save()
        known = self.known[key]
        test, accuracy = (math.nan if known[n] is None else known[n] for n in ("test", "accuracy"))
        return Trial(tuple(known["loss"]), test, accuracy, known["milliseconds"])

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *_error: object) -> None:
        """What was run is kept, whatever ended it."""
        self.save()

    def save(self) -> None:
        """Write the file, a line for each trial."""
        if not self._unsaved:
            return
        lines = (f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(self.known.items()))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.file, "{\n" + ",\n".join(lines) + "\n}\n")
        self._unsaved = 0


def at(trial: Trial, step: int) -> float:
    """The training loss after so many steps, one of `CHECKPOINTS`."""
    return trial.loss[CHECKPOINTS.index(step)]


def _kept(value: float | Sequence[float]) -> float | list[float | None] | None:
    if isinstance(value, Sequence):
        return [_kept(each) for each in value]  # pyright: ignore[reportReturnType]
    return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
