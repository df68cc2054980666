"""What the folder of a training run says."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from landscape_gym.evaluation import Estimate, Result
from landscape_gym.landscapes.base import Array
from landscape_gym.report.scene import Scene

LOG = "progress.csv"
FILES = ("config.json", "results.json", "report.txt", LOG, "scene.npz", "training.json")
"""What a finished run has; nothing in them can hold code."""
HELD_OUT_FILE = "heldout.json"
"""What a run may have: costs to compare held-out ones with."""
STEPS, RETURN, COST = "time/total_timesteps", "rollout/ep_rew_mean", "heldout/cost"
"""Columns of the log."""
T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A finished run, read from its folder."""

    name: str
    """Of the folder."""
    about: dict[str, Any]
    """Configuration and provenance."""
    results: tuple[Result, ...]
    """Of all policies on held-out episodes."""
    remarks: tuple[str, ...]
    """What stands below the table: how the optimum was found, and the learned law beside it."""
    learning: Array
    """Environment steps, and mean returns of the latest episodes, (2, rows)."""
    scene: Scene
    seconds: float
    """That training took."""
    heldout: Array
    """Environment steps, and mean costs of the rule of then in held-out episodes, (2, rows)."""
    references: dict[str, float]
    """In these episodes, by name: of doing nothing, of the best derived rule, of the optimum."""

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read a run.

        Raises:
            FileNotFoundError: if the folder holds no finished run, naming what it lacks.
            ValueError: if a file of it is damaged.
        """
        for name in FILES:
            if not (folder / name).is_file():
                raise FileNotFoundError(
                    f"{folder} holds no {name}: name the folder of a finished run of "
                    "train_agent.py; a run that was stopped goes on with --resume."
                )
        return cls(
            name=folder.resolve().name,
            about=_read(folder / "config.json", json.loads),
            results=_read(
                folder / "results.json", lambda text: tuple(map(_result, json.loads(text)))
            ),
            remarks=_read(folder / "report.txt", _remarks),
            learning=_read(folder / LOG, partial(_logged, RETURN)),
            scene=Scene.load(folder / "scene.npz"),
            seconds=_read(
                folder / "training.json", lambda text: float(json.loads(text)["seconds"])
            ),
            heldout=_read(folder / LOG, partial(_logged, COST)),
            references=_references(folder / HELD_OUT_FILE),
        )

    @property
    def episodes(self) -> int:
        """How many held-out episodes there were."""
        return int(self.about["config"]["episodes"])

    @property
    def learned(self) -> Result:
        """How the learned rule did."""
        return next(result for result in self.results if result.name == "learned")


def _result(given: dict[str, Any]) -> Result:
    ratio = given["ratio"] and Estimate(**given["ratio"])
    return Result(**{**given, "ratio": ratio, "regret": Estimate(**given["regret"])})


def _remarks(report: str) -> tuple[str, ...]:
    """The lines below the table's footnote."""
    lines = report.splitlines()
    below = next((i + 1 for i, line in enumerate(lines) if line.startswith("* ")), len(lines))
    return tuple(lines[below:])


def _logged(column: str, text: str) -> Array:
    """Environment steps, and a column of the log where it has something, (2, rows)."""
    rows = [row for row in csv.DictReader(text.splitlines()) if row.get(column)]
    return np.array([[float(row[name]) for row in rows] for name in (STEPS, column)])


def _references(path: Path) -> dict[str, float]:
    """Costs by name; none of a run that was not evaluated as it trained."""
    if not path.is_file():
        return {}
    return _read(
        path, lambda text: {k: float(cost) for k, cost in json.loads(text)["costs"].items()}
    )


def _read(path: Path, parse: Callable[[str], T]) -> T:
    """What a file holds.

    Raises:
        ValueError: if it is damaged, naming it.
    """
    try:
        return parse(path.read_text())
    except (KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
        why = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is damaged, and the run cannot be shown: {why}") from error
