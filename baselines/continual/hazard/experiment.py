"""Tune the rivals on seeds of their own, then all learn each stream with others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.continual.hazard.rivals import RIVALS, Rival
from baselines.continual.hazard.streams import STREAMS, Changing, Learner, Seen, Together, play
from baselines.continual.kept import keep, results_at
from baselines.continual.learners import DISCOUNT, GROWTH, spread_of
from baselines.continual.search import Point, climb
from baselines.continual.stream import Stream
from baselines.pages import revision
from landscape_gym.landscapes.base import Array
from landscape_gym.networks.batched import Networks
from landscape_gym.rules import InferredHazard

TOLD, INFERRED = "derived soft reset, told the rate", "derived soft reset, rate inferred"
MOST = 6
"""Steps of the lattice from the first point beyond which no search goes."""
Results = dict[str, Any]


@dataclass(frozen=True)
class Experiment:
    streams: tuple[str, ...] = tuple(STREAMS)
    steps: int = 4000
    seeds: Point = (0, 1, 2, 3, 4)
    """Of the reported runs."""
    tuning_steps: int = 1500
    tuning_seeds: Point = (100, 101)

    def settings(self) -> Results:
        return json.loads(json.dumps(asdict(self)))


def bank() -> InferredHazard:
    """The bank of Kalman filters for the streams' network."""
    return InferredHazard.for_networks(spread=spread_of(Stream()), growth=GROWTH, discount=DISCOUNT)


@dataclass
class FilterBank:
    """The bank of Kalman filters, told the stream's rate of change, or finding it out."""

    told: bool

    def begin(self, theta: Tensor, networks: Networks) -> None:
        self.rule = bank()
        self.start = theta
        self.state: Any = None
        self.believed: list[Array] = []

    def move(self, theta: Tensor, seen: Seen) -> Tensor:
        gone = theta - self.start
        if self.told:
            kept = float(np.exp(-seen.hazard))
            bank = self.rule.told(1 - kept)
            if self.state is None:
                self.state = bank.init(seen.gradient, displacement=gone)
            u, self.state = bank.update(seen.gradient, self.state, displacement=gone)
            return theta + u
        others = {"displacement": gone, "loss": seen.loss}
        if self.state is None:
            self.state = self.rule.init(seen.gradient, **others)
        u, self.state = self.rule.update(seen.gradient, self.state, **others)
        self.believed.append(self.state.changes.chance[:, 0].numpy())
        return theta + u

    def answering(self, theta: Tensor) -> Tensor:
        return theta


def fill(experiment: Experiment, path: Path) -> Iterator[str]:
    """Do what the results at `path` lack, and save them after each part.

    Yields:
        A line for each part.

    Raises:
        ValueError: if the results are those of other settings.
    """
    results, now = results_at(path, experiment.settings()), revision()

    def save() -> None:
        results["revision"] = now
        keep(results, path)

    for name in experiment.streams:
        part = results.setdefault(name, {})
        for rival in RIVALS:
            if rival not in part.setdefault("found", {}):
                part["found"][rival] = tuned(experiment, STREAMS[name], RIVALS[rival])
                save()
                yield f"{name}: {rival}: {part['found'][rival]['best']}"
        if missing := not_judged(part):
            new = judged(experiment, STREAMS[name], part["found"], missing)
            new["accuracy"] = part.get("accuracy", {}) | new["accuracy"]
            part |= new
            save()
            means = {who: round(float(np.mean(a)), 4) for who, a in part["accuracy"].items()}
            yield f"{name}: {means}"


def not_judged(part: Results) -> list[str]:
    """Who has not yet learnt a stream, of all who are compared."""
    return [who for who in (TOLD, INFERRED, *RIVALS) if who not in part.get("accuracy", {})]


def tuned(experiment: Experiment, stream: Changing, rival: Rival) -> Results:
    """Constants by climbing: the best point has worse neighbours all around."""
    best, scores = climb(
        lambda points: _scores(experiment, stream, rival, points),
        dim=len(rival.first),
        reach=1,
        most=MOST,
    )
    tried = [[*_constants(rival, p).values(), s] for p, s in sorted(scores.items())]
    return {"best": _constants(rival, best), "tried": tried}


def _scores(
    experiment: Experiment, stream: Changing, rival: Rival, points: Sequence[Point]
) -> list[float]:
    """Mean online accuracies of points of the lattice, which learn together."""
    seeds = experiment.tuning_seeds
    each = [_constants(rival, point) for point in points for _ in seeds]
    learner = rival.make(**{k: torch.tensor([c[k] for c in each])[:, None] for k in rival.first})
    right = play(stream, learner, seeds * len(points), experiment.tuning_steps)
    return right.reshape(len(points), -1).mean(1).tolist()


def _constants(rival: Rival, point: Point) -> dict[str, float]:
    return {
        name: value * rival.factor[name] ** power
        for (name, value), power in zip(rival.first.items(), point, strict=True)
    }


def judged(
    experiment: Experiment, stream: Changing, found: Results, names: Sequence[str]
) -> Results:
    """Online accuracy of these over blocks of 100 steps, (seeds, blocks), and what was believed."""
    banks = {TOLD: FilterBank(told=True), INFERRED: FilterBank(told=False)}
    learners: dict[str, Learner] = {
        name: banks[name] if name in banks else RIVALS[name].make(**found[name]["best"])
        for name in names
    }
    rows = len(experiment.seeds)
    together = Together(list(learners.values()), rows)
    right = play(stream, together, experiment.seeds * len(learners), experiment.steps)
    blocks = right.reshape(len(learners), rows, -1, min(100, experiment.steps)).mean(-1)
    judgement = {"accuracy": dict(zip(learners, np.round(blocks, 5).tolist(), strict=True))}
    if INFERRED in learners:
        believed = np.array(banks[INFERRED].believed)[min(100, experiment.steps) - 1 :: 100].T
        judgement["believed"] = np.round(believed, 6).tolist()
    return judgement
