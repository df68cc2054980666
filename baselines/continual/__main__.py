"""Loss of plasticity on 100 tasks, and what keeps it: ``python -m baselines.continual --write``.

Results are saved part by part, so that what was stopped goes on where it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from baselines.pages import ROOT
from landscape_gym.extras import needed_by
from landscape_gym.program import Parser, program

with needed_by(__name__):
    from baselines.continual.experiment import Experiment, fill
    from baselines.continual.page import write_page

RESULTS = ROOT / "docs" / "continual" / "results.json"


@program("python -m baselines.continual", "The same command goes on.")
def main(argv: Sequence[str] | None = None) -> None:
    parser = Parser(prog="python -m baselines.continual", description=__doc__)
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        help="JSON file of results (default: %(default)s)",
    )
    parser.add_argument("--write", action="store_true", help="write docs/continual.md, pictures")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    for line in fill(Experiment(), options.results):
        print(line, flush=True)
    if options.write:
        write_page(ROOT / "docs", json.loads(options.results.read_text()))


if __name__ == "__main__":
    sys.exit(main())
