"""``python -m baselines sweep``: policies in regimes, cell by cell, here or on a cluster."""

from __future__ import annotations

import json
import sys
from functools import partial

from baselines.files import check_free
from baselines.names import BOUNDS
from baselines.screen import Bar
from baselines.sweep.cell import cells, check_result, run_one
from baselines.sweep.engine import complaints, sweep
from baselines.sweep.executors import Workers
from baselines.sweep.options import Options
from baselines.sweep.report import CELLS, write_report
from landscape_gym.files import write_whole
from landscape_gym.program import noting_how_to_go_on
from landscape_gym.registration import REGIMES
from landscape_gym.rules import RULES

SETTINGS = "sweep.json"
"""What all cells of a folder have in common."""


def main(options: Options) -> int:
    """Sweep, and write tables and pictures of what is finished.

    Returns:
        The exit status: 1 if a cell has failed, 130 if it was interrupted, else 0.

    Raises:
        ValueError: for a name or number that is not accepted, or a folder of another sweep.
        ImportError: without the executor's package.
        OSError: if the folder cannot be written, or holds something else.
    """
    todo = cells(
        options.regimes or list(REGIMES),
        options.policies or [*RULES, *BOUNDS],
        options.blocks,
        episodes=options.episodes,
        first_seed=options.seed,
    )
    workers = Workers(options.executor, options.workers)
    workers.check()
    _settle(options)
    status = 0
    try:
        with (
            noting_how_to_go_on("The same command"),
            Bar(len(todo), shown=options.progress) as bar,
        ):
            done = sweep(
                todo,
                run_one,
                options.out / CELLS,
                workers,
                bar.ended,
                check=partial(check_result, episodes=options.episodes),
                again=options.again,
            )
    except ValueError as damaged:
        damaged.add_note("The same command with --again does both.")
        raise
    except KeyboardInterrupt:
        print("Interrupted: the same command goes on with the other cells.", file=sys.stderr)
        status = 130
    else:
        print(
            f"{done.computed} cells computed, {done.skipped} had been, {len(done.failed)} failed."
        )
        for line in done.renewed:
            print(f"Computed again: {line}", file=sys.stderr)
        for line in complaints(done.failed, options.out / CELLS):
            print(line, file=sys.stderr)
            status = 1
    for path in write_report(options.out):
        print(path)
    return status


def _settle(options: Options) -> None:
    """Note what all cells have in common, or see that it is the same as before."""
    common = {"episodes": options.episodes, "seed": options.seed}
    path = options.out / SETTINGS
    if not path.is_file():
        check_free(options.out)
        options.out.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(common) + "\n")
    elif (before := path.read_text().strip()) != json.dumps(common):
        raise ValueError(
            f"{options.out} is of a sweep with {before}, not {json.dumps(common)}: name another "
            "folder."
        )
