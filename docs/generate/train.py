"""Write README's table of `make train`, and its picture: ``python -m docs.generate.train``.

The table has five of the rows that are printed, and no list of what could not be derived.

The training takes a minute.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from agents import RunConfig, run
    from agents.picture import PICTURE_FILE
    from baselines.pages import ROOT, write_between_markers
    from landscape_gym.files import write_whole


README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "images" / "long-horizon.png"
NAME = "train"
"""Of the table's markers."""
SHOWN = ("do nothing", "gradient descent", "momentum", "learned", "optimum *")
"""Policies whose rows README has."""


@program("python -m docs.generate.train", "README is as it was.")
def main() -> None:
    """Train as `make train` does, and write what it prints and draws."""
    write_between_markers(README, {NAME: ""}, check_only=True)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        finished = run(RunConfig(out=Path(folder) / "run", progress=False))
        picture = (finished.folder / PICTURE_FILE).read_bytes()
    write_between_markers(README, {NAME: f"```text\n{excerpt(finished.report)}\n```"})
    write_whole(PICTURE, picture)


def excerpt(report: str) -> str:
    """The lines of a report that README shows, as they are."""
    lines = report.splitlines()
    rule = next(i for i, line in enumerate(lines) if line.startswith("---"))
    names = lines[rule].index(" ")
    below = next(i for i, line in enumerate(lines) if line.startswith("* "))
    rows = [line for line in lines[rule + 1 : below] if line[:names].strip() in SHOWN]
    said = [line for line in lines[below:] if not line.startswith("Not derived")]
    return "\n".join([*lines[: rule + 1], *rows, *said])


if __name__ == "__main__":
    sys.exit(main())
