"""The command ``landscape-gym``, also ``python -m landscape_gym``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from landscape_gym.files import write_whole
from landscape_gym.program import Parser, program


@program("landscape-gym", "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = Parser(prog="landscape-gym", description="What to do with runs of train_agent.py.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    report = commands.add_parser("report", help="write a page about runs of train_agent.py")
    report.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    report.add_argument(
        "--out", type=Path, default=Path("report.html"), help="the page (default: %(default)s)"
    )
    report.set_defaults(do=_report)
    options = parser.parse_args(argv)
    options.do(options)


def _report(options: argparse.Namespace) -> None:
    from landscape_gym.report.run import Run

    runs = [Run.read(folder) for folder in options.runs]
    from landscape_gym.report.page import report  # needs matplotlib

    write_whole(options.out, report(runs))
    print(f"The report is {options.out}: open it in a browser.")


if __name__ == "__main__":
    sys.exit(main())
