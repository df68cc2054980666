"""Loss of plasticity on 100 tasks, and what keeps it: ``python -m baselines.continual --write``.

Results are saved part by part, so that what was stopped goes on where it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from baselines.continual.experiment import Experiment, fill
    from baselines.continual.page import write_page
    from baselines.files import read_json
    from baselines.pages import ROOT
    from landscape_gym.command_line import parsed

RESULTS = ROOT / "docs" / "continual" / "results.json"


@dataclass(frozen=True)
class Options:
    """Loss of plasticity on 100 tasks, and what keeps it."""

    results: Path = RESULTS
    """JSON file of results."""
    write: bool = False
    """Whether to write docs/continual.md and its pictures."""


@program("python -m baselines.continual", "The same command goes on.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog="python -m baselines.continual", description=__doc__)
    torch.set_num_threads(1)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    for line in fill(Experiment(), options.results):
        print(line, flush=True)
    if options.write:
        inferred, layers = (
            read_json(options.results.with_name(f"{name}.json")) or None
            for name in ("hazard", "layers")
        )
        write_page(ROOT / "docs", json.loads(options.results.read_text()), inferred, layers)


if __name__ == "__main__":
    sys.exit(main())
