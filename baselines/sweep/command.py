"""``python -m baselines sweep``: policies in regimes, cell by cell, here or on a cluster."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from baselines.files import check_free
from baselines.screen import Bar, named
from baselines.sweep.cell import BOUNDS, cells, policy_names, run_one
from baselines.sweep.engine import complaints, sweep
from baselines.sweep.executors import EXECUTORS, Workers
from baselines.sweep.report import CELLS, write_report
from landscape_gym.configuration import one_of
from landscape_gym.files import write_whole
from landscape_gym.program import noting_how_to_go_on
from landscape_gym.registration import REGIMES
from landscape_gym.rules import RULES

SETTINGS = "sweep.json"
"""What all cells of a folder have in common."""


@dataclass(frozen=True)
class Options:
    """Evaluate policies in regimes, a cell for each block of episodes.

    Cells that are finished are not computed again: the same command goes on with a sweep that was
    stopped, and other regimes, policies and more blocks can be added to a folder.
    """

    out: Path
    """Folder of the sweep."""
    regimes: Annotated[tuple[str, ...], named(REGIMES)] = ()
    """Regimes by name, one or several; all if none is named."""
    policies: tuple[str, ...] = ()
    """Rules, rules as "tuned-RULE", shipped learned rules, and "lqg", by name; all derived rules
    and the bounds if none is named. Doing nothing and the optimum are always there."""
    blocks: int = 3
    """How many blocks of episodes."""
    episodes: int = 64
    """Episodes of a block."""
    seed: int = 1_000_000
    """Of the first episode."""
    executor: Annotated[str, named(EXECUTORS)] = "serial"
    """Where cells are computed: here, in processes by joblib, or by Ray: on the cluster at
    RAY_ADDRESS, or else on this machine."""
    workers: int = 2
    """Processes of joblib, or of Ray on this machine."""
    progress: bool = True
    """Whether to show a progress bar."""


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
        [one_of("regime", name, REGIMES) for name in options.regimes] or list(REGIMES),
        [one_of("policy", name, policy_names()) for name in options.policies] or [*RULES, *BOUNDS],
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
            done = sweep(todo, run_one, options.out / CELLS, workers, bar.ended)
    except KeyboardInterrupt:
        print("Interrupted: the same command goes on with the other cells.", file=sys.stderr)
        status = 130
    else:
        print(
            f"{done.computed} cells computed, {done.skipped} had been, {len(done.failed)} failed."
        )
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
