"""The command ``landscape-gym``, also ``python -m landscape_gym``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from landscape_gym.files import write_whole


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="landscape-gym", description="Loss landscapes, learned.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    report = commands.add_parser("report", help="write a page about runs of train_agent.py")
    report.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    report.add_argument(
        "--out", type=Path, default=Path("report.html"), help="the page (default: %(default)s)"
    )
    report.set_defaults(do=_report)
    options = parser.parse_args(argv)
    try:
        options.do(options)
    except (ValueError, OSError, ImportError) as error:
        print(f"landscape-gym: {error}", file=sys.stderr)
        return 2
    return 0


def _report(options: argparse.Namespace) -> None:
    from landscape_gym.report.run import Run

    runs = [Run.read(folder) for folder in options.runs]
    try:
        from landscape_gym.report.page import report
    except ModuleNotFoundError as error:
        raise ImportError(
            "The report needs matplotlib: pip install 'landscape-gym[plots]'."
        ) from error
    write_whole(options.out, report(runs))
    print(f"The report is {options.out}: open it in a browser.")


if __name__ == "__main__":
    sys.exit(main())
