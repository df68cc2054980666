"""``landscape-gym report``: where the page goes, and writing it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from landscape_gym.extras import require
from landscape_gym.files import write_whole

require(["matplotlib"])
PAGE = "report.html"


@dataclass(frozen=True)
class Options:
    """Write a page about runs of train_agent.py, which needs nothing else to be read."""

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RUN ...")]]
    """Folders of finished runs, one or several."""
    out: Path | None = None
    """The page; report.html in the folder of the run, or in that around several runs, if none is
    named."""

    @property
    def page(self) -> Path:
        """Where the page goes."""
        if self.out is not None:
            return self.out
        return (self.runs[0] if len(self.runs) == 1 else self.runs[0].absolute().parent) / PAGE


def main(options: Options) -> None:
    """Write the page, and say where it is.

    Raises:
        ValueError: if no run is named, or one is damaged.
        OSError: if a run cannot be read, or the page cannot be written.
    """
    if not options.runs:
        raise ValueError("RUN is required: name the folder of a finished run of train_agent.py.")
    from landscape_gym.report.run import Run

    runs = [Run.read(folder) for folder in options.runs]
    from landscape_gym.report.page import report as page  # needs matplotlib

    write_whole(options.page, page(runs))
    print(f"The report is {options.page}: open it in a browser.")
