"""Check other libraries: ``python -m tests.ecosystem [--only NAME] [--write]``.

The exit status is 1 if any check failed.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.ecosystem.examine import Examination, examine
from tests.ecosystem.page import PAGE, write
from tests.ecosystem.rows import ROWS, Row


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and check; the exit status."""
    parser = argparse.ArgumentParser(
        description="Check that other libraries work with the environment."
    )
    parser.add_argument(
        "--only", action="append", choices=list(ROWS), metavar="NAME", help=", ".join(ROWS)
    )
    parser.add_argument("--write", action="store_true", help=f"the table of {PAGE.name}")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write writes the whole table: leave out --only.")
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
