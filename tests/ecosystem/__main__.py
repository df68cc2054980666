"""Check other libraries: ``python -m tests.ecosystem [--only NAME] [--write]``.

The exit status is 1 if any check failed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import tyro

    from landscape_gym.command_line import named, parsed
    from landscape_gym.configuration import one_of
    from tests.ecosystem.examine import Examination, examine
    from tests.ecosystem.page import write
    from tests.ecosystem.rows import ROWS, Row


PROG = "python -m tests.ecosystem"


@dataclass(frozen=True)
class Options:
    """Check that other libraries work with the environment."""

    only: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], named(ROWS)] = ()
    """Which of them, by name; all if none is named."""
    write: bool = False
    """Whether to write the table of docs/compatibility.md."""

    def __post_init__(self) -> None:
        for name in self.only:
            one_of("library", name, ROWS)
        if self.write and self.only:
            raise ValueError("--write writes the whole table: leave out --only.")


@program(PROG, "The table is as it was.")
def main(words: Sequence[str] | None = None) -> int:
    """Read the command line and check; the exit status."""
    options = parsed(Options, words, prog=PROG, description=__doc__)
    examinations = [_examine_and_say(ROWS[name]) for name in options.only or ROWS]
    if options.write:
        write(examinations)
    failed = [examination.row.name for examination in examinations if not examination.works]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _examine_and_say(row: Row) -> Examination:
    """Check a row, and print how it went as soon as it is known."""
    begin = time.monotonic()
    examination = examine(row)
    verdict = "works" if examination.works else "FAILS"
    seconds = f"{time.monotonic() - begin:.0f} s"
    print(f"{row.name} {examination.version}, {seconds}: {verdict}: {examination.said}", flush=True)
    return examination


if __name__ == "__main__":
    sys.exit(main())
