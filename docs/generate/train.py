"""Write README's table of `make train`, and its picture: ``python -m docs.generate.train``.

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


@program("python -m docs.generate.train", "README is as it was.")
def main() -> None:
    """Train as `make train` does, and write what it prints and draws."""
    write_between_markers(README, {NAME: ""}, check_only=True)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        finished = run(RunConfig(out=Path(folder) / "run", progress=False))
        picture = (finished.folder / PICTURE_FILE).read_bytes()
    write_between_markers(README, {NAME: f"```text\n{finished.report}\n```"})
    write_whole(PICTURE, picture)


if __name__ == "__main__":
    sys.exit(main())
