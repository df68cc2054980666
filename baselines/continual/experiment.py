"""The experiment: tune on some seeds, learn the whole stream with others, vary the hazard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from baselines.continual import metrics
from baselines.continual.kept import keep, results_at
from baselines.continual.learners import contestants, soft_reset
from baselines.continual.search import search
from baselines.continual.stream import Record, Stream, play

SOFT_RESET = "derived soft reset"
Results = dict[str, Any]


@dataclass(frozen=True)
class Experiment:
    streams: tuple[str, ...] = ("random_labels", "permuted_inputs")
    stream: Stream = field(default_factory=Stream)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Of the reported runs."""
    tuning_seeds: tuple[int, ...] = (100, 101)
    tuning_tasks: int = 30
    """On so many tasks constants are compared, by the mean online accuracy."""
    hazard_tasks: int = 30
    """On so many tasks hazards are compared, with the reported runs' seeds."""
    intervals: tuple[int, ...] = (0, 5000, 1000, 500, 200, 80, 30)
    """Steps between tasks that the derived soft reset is told, one over its hazard; 0: never."""
    compiled: bool = True
    """Of `RuleLearner`, for the derived soft reset."""

    def settings(self) -> Results:
        return json.loads(json.dumps(asdict(self)))


def fill(experiment: Experiment, path: Path) -> Iterator[str]:
    """Do what the results at `path` lack, and save them after each part.

    Yields:
        A line for each part.

    Raises:
        ValueError: if the results are those of other settings.
    """
    results = results_at(path, experiment.settings())
    for tasks, name, work in _parts(experiment):
        done = results.setdefault(tasks, {})
        if name not in done:
            done[name] = work()
            keep(results, path)
            yield f"{tasks}: {name}: {_line(done[name])}"


def _line(part: Results) -> str:
    constants = part.get("constants", "nothing tuned")
    return f"online accuracy {np.mean(part['accuracy']):.4f}, {constants}"


def _parts(experiment: Experiment) -> Iterator[tuple[str, str, Any]]:
    """Stream, name and work of all parts, those that matter most first."""
    streams = [replace(experiment.stream, tasks=tasks) for tasks in experiment.streams]
    for stream in streams:
        yield stream.tasks, SOFT_RESET, lambda s=stream: _soft(experiment, s)
    for name in contestants(experiment.stream):
        for stream in streams:
            yield stream.tasks, name, lambda s=stream, n=name: _tuned(experiment, s, n)
    for interval in experiment.intervals:
        for stream in streams:
            work = lambda s=stream, i=interval: _told(experiment, s, i)  # noqa: E731
            yield stream.tasks, f"told {interval}", work


def _soft(experiment: Experiment, stream: Stream) -> Results:
    learner = soft_reset(stream, 1 / stream.steps, compiled=experiment.compiled)
    return recorded(play(stream, learner, experiment.seeds))


def _told(experiment: Experiment, stream: Stream, interval: int) -> Results:
    shorter = replace(stream, num_tasks=experiment.hazard_tasks)
    hazard = 1 / interval if interval else 0.0
    learner = soft_reset(stream, hazard, compiled=experiment.compiled)
    return recorded(play(shorter, learner, experiment.seeds))


def _tuned(experiment: Experiment, stream: Stream, name: str) -> Results:
    contestant = contestants(stream)[name]
    shorter = replace(stream, num_tasks=experiment.tuning_tasks)

    def score(**constants: float) -> float:
        record = play(shorter, contestant.make(**constants), experiment.tuning_seeds)
        return float(record.accuracy.mean())

    found = search(score, contestant.first)
    record = play(stream, contestant.make(**found.best), experiment.seeds)
    tried = [[*point, round(value, 4)] for point, value in found.tried.items()]
    return {"constants": found.best, "tried": tried, **recorded(record)}


def recorded(record: Record) -> Results:
    """As plain numbers, rounded to what a table can show."""
    measured = {
        "accuracy": record.accuracy,
        "dormant": record.dormant,
        "forgetting": metrics.forgetting(record.learned, record.kept),
    }
    return {name: values.astype(float).round(4).tolist() for name, values in measured.items()}
