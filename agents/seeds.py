"""Several seeds of one run, as cells of a sweep: side by side, and gone on with if stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agents.config import CONFIG_FILE, RunConfig, provenance
from agents.folder import alone_in, new_folder
from agents.run import LEARNED, resuming, run
from baselines.screen import Bar
from baselines.sweep import Workers, sweep
from baselines.sweep.engine import complaints, results
from landscape_gym.evaluation import Estimate
from landscape_gym.files import write_whole
from landscape_gym.problem import NavigationProblem
from landscape_gym.program import noting_how_to_go_on

CELLS = "finished"
"""Folder of a file for each seed that is finished, in the run's."""


@dataclass(frozen=True)
class Seeds:
    """What several seeds left."""

    folder: Path
    """With a run's folder for each seed, ``seed0``, ``seed1``, ..."""
    table: str
    """The learned rules of those that are finished, and their mean and worst."""
    failed: dict[str, str]
    """By name, the traceback of each seed that failed."""

    @property
    def complaints(self) -> list[str]:
        """A line for each seed that failed, with what to do."""
        goes_on = f"{resuming(self.folder)} goes on."
        return [f"{line}; {goes_on}" for line in complaints(self.failed, self.folder / CELLS)]


def run_seeds(config: RunConfig, problem: NavigationProblem | None = None) -> Seeds:
    """Train several seeds, each in a folder of its own within the run's.

    Started again with ``resume``, finished seeds are left alone; those that were stopped, or have
    failed, go on. A cluster's machines have to share the folder.

    Args:
        config: What to run, and where: see `baselines.sweep.executors`.
        problem: As of `agents.run`, which has the errors that are raised, too.
    """
    workers = Workers(config.executor, config.workers)
    workers.check()
    if config.resume is not None:
        config, folder = config.resumed(), config.resume
        with alone_in(folder):
            return _swept(config, folder, workers, problem)
    regime, training = config.configured(problem), config.training()
    stem = f"{config.regime}-{config.preset_name}-{config.seeds}-seeds"
    with new_folder(config.out, stem) as folder:
        about = provenance(config, regime, training)
        write_whole(folder / CONFIG_FILE, json.dumps(about, indent=2))
        return _swept(config, folder, workers, problem)


def _swept(
    config: RunConfig, folder: Path, workers: Workers, problem: NavigationProblem | None
) -> Seeds:
    """Train the seeds that are not finished."""
    shown = config.progress
    one = replace(config, seeds=1, resume=None, progress=shown and config.executor == "serial")
    cells = {
        f"seed{seed}": replace(one, seed=seed, out=folder.absolute() / f"seed{seed}")
        for seed in range(config.seed, config.seed + config.seeds)
    }
    train_one = partial(_trained, problem=problem)
    with (
        noting_how_to_go_on(resuming(folder)),
        Bar(len(cells), shown=shown and config.executor != "serial") as bar,
    ):
        swept = sweep(cells, train_one, folder / CELLS, workers, bar.ended)
    table = seeds_table(list(results(folder / CELLS)))
    write_whole(folder / "report.txt", table + "\n")
    return Seeds(folder, table, swept.failed)


def seeds_table(cells: Sequence[dict[str, Any]]) -> str:
    """The learned rules of several seeds, and their mean and worst, as text.

    Args:
        cells: Results of `_trained`.
    """
    ratios, regrets = [], []
    lines = ["seed   J / J*                     regret"]
    for cell in sorted(cells, key=lambda cell: cell["seed"]):
        ratio, regret = cell["ratio"] and Estimate(**cell["ratio"]), Estimate(**cell["regret"])
        lines.append(f"{cell['seed']:<5}  {ratio or '-'!s:<25}  {regret}")
        ratios.append(float("nan") if ratio is None else ratio.value)
        regrets.append(regret.value)
    if cells:
        for name, number in (("mean", np.mean), ("worst", np.max)):
            lines.append(f"{name:<5}  {number(ratios):<25.4f}  {number(regrets):.4f}")
    return "\n".join(lines)


def _trained(config: RunConfig, problem: NavigationProblem | None) -> dict[str, Any]:
    """One seed, gone on with if it was stopped: how the learned rule did."""
    assert config.out is not None
    learned = asdict(run(config.at(config.out), problem).comparison[LEARNED])
    return {"seed": config.seed, "ratio": learned["ratio"], "regret": learned["regret"]}
