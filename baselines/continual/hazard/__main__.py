"""Who learns best where nobody says how often tasks change: four streams, rivals tuned.

Results are saved part by part, so that what was stopped goes on where it was. ``python -m
baselines.continual --write`` writes them into docs/continual.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from baselines.continual.hazard.experiment import Experiment, fill
    from baselines.pages import ROOT
    from landscape_gym.command_line import parsed

RESULTS = ROOT / "docs" / "continual" / "hazard.json"


@dataclass(frozen=True)
class Options:
    """Who learns best where nobody says how often tasks change."""

    results: Path = RESULTS
    """JSON file of results."""


@program("python -m baselines.continual.hazard", "The same command goes on.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(
        Options, argv, prog="python -m baselines.continual.hazard", description=__doc__
    )
    torch.set_num_threads(1)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    for line in fill(Experiment(), options.results):
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
