"""Loss of plasticity on 100 tasks, and what keeps it: ``python -m benchmarks.continual --write``.

Results are saved part by part, so that what was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from benchmarks.continual.experiment import Experiment, fill
from benchmarks.continual.page import write_page
from benchmarks.table import ROOT

RESULTS = ROOT / "docs" / "continual" / "results.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="file that results go to")
    parser.add_argument("--write", action="store_true", help="write docs/continual.md, pictures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    for line in fill(Experiment(), options.results):
        print(line, flush=True)
    if options.write:
        write_page(ROOT / "docs", json.loads(options.results.read_text()))


if __name__ == "__main__":
    main()
