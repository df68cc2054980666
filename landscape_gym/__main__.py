"""What to do with runs of train_agent.py: ``landscape-gym``, or ``python -m landscape_gym``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from landscape_gym.extras import needed_by, require
from landscape_gym.program import program

with needed_by(__name__):
    require(["tyro", "matplotlib"])

    import tyro

    from landscape_gym.command_line import named, parsed
    from landscape_gym.configuration import one_of
    from landscape_gym.files import write_whole

PROG = "landscape-gym"
PAGE = "report.html"


@dataclass(frozen=True)
class Report:
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


def report(options: Report) -> None:
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


COMMANDS: dict[str, tuple[type, Callable[..., None]]] = {"report": (Report, report)}
"""By the first word: what it is asked, and what does it."""


@dataclass(frozen=True)
class Options:
    """What to do with runs of train_agent.py."""

    command: tyro.conf.Positional[Annotated[str, named(COMMANDS)]]
    """What to do; --help behind it says more."""

    def __post_init__(self) -> None:
        """Check the command.

        Raises:
            ValueError: if it is not known.
        """
        one_of("command", self.command, COMMANDS)


@program(PROG, "Nothing was written.")
def main(words: Sequence[str] | None = None) -> None:
    """The command line."""
    first, *others = (sys.argv[1:] if words is None else words) or [""]
    if first not in COMMANDS:
        first = parsed(Options, [first] if first else [], prog=PROG).command
    asked, do = COMMANDS[first]
    do(parsed(asked, others, prog=f"{PROG} {first}"))


if __name__ == "__main__":
    sys.exit(main())
