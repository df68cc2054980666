"""Whether layers of a network want rates of change of their own, and why labels want a lower one.

    python -m baselines.continual.hazard.layers

The bank of filters takes a change to redraw all weights' targets about the initialisation. Here it
is told a rate for each layer's weights. Results are saved stream by stream, so that what was
stopped goes on where it was; ``python -m baselines.continual --write`` writes them into
docs/continual.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np
    import torch
    from torch import Tensor

    from baselines.continual.hazard.experiment import bank
    from baselines.continual.hazard.streams import STREAMS, Changing, Seen, Together, play
    from baselines.continual.kept import keep, results_at
    from baselines.pages import ROOT, revision
    from landscape_gym.command_line import parsed
    from landscape_gym.networks.batched import Networks

PROG = "python -m baselines.continual.hazard.layers"
RESULTS = ROOT / "docs" / "continual" / "layers.json"
TRUE, LONGER = 200, 500
"""Steps between changes: those of the streams, and those that labels favour."""
NOWHERE, FIRST, MIDDLE, LAST, EVERYWHERE = "no layer", "first", "middle", "last", "all layers"
ASSUMED = {
    NOWHERE: (TRUE, TRUE, TRUE),
    FIRST: (LONGER, TRUE, TRUE),
    MIDDLE: (TRUE, LONGER, TRUE),
    LAST: (TRUE, TRUE, LONGER),
    EVERYWHERE: (LONGER, LONGER, LONGER),
}
"""Steps between changes of each layer, by the layers that are told the longer time."""
SHOWN = {
    "labels": STREAMS["labels"],
    "inputs": STREAMS["inputs"],
    "both": Changing("Both", "permuted_inputs", relabelled=True),
    "larger": replace(STREAMS["labels"], title="Random labels, first layer begun twice as large"),
}
LARGER = {"larger": 2.0}
"""How many times as large the first layer's weights begin, where that is not once."""
Results = dict[str, Any]


@dataclass(frozen=True)
class Layers:
    """The experiment."""

    streams: tuple[str, ...] = tuple(SHOWN)
    tasks: int = 15
    steps: int = TRUE
    """Of a task."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    def settings(self) -> Results:
        return json.loads(json.dumps(asdict(self)))


@dataclass
class Assuming:
    """The bank of filters, told how many steps lie between changes of each layer."""

    steps: Sequence[int]
    larger: float = 1.0
    """How many times as large the first layer's weights begin; they are drawn back there, too."""

    def begin(self, theta: Tensor, networks: Networks) -> None:
        each = [steps for steps in self.steps for _ in ("weight", "bias")]
        rates = (1 / torch.tensor(each)).repeat_interleave(torch.tensor(networks.sizes))
        self.rule = bank().told(-torch.expm1(-rates)[None])
        self.start = theta
        if self.larger != 1:
            self.start = theta.clone()
            next(iter(networks.split(self.start).values())).mul_(self.larger)
        self.state: Any = None
        self.losses: list[Tensor] = []

    def move(self, theta: Tensor, seen: Seen) -> Tensor:
        self.losses.append(seen.loss[:, 0])
        if self.larger != 1 and len(self.losses) == 1:
            return self.start  # the first step goes there
        gone = theta - self.start
        if self.state is None:
            self.state = self.rule.init(seen.gradient, displacement=gone)
        u, self.state = self.rule.update(seen.gradient, self.state, displacement=gone)
        return theta + u

    def answering(self, theta: Tensor) -> Tensor:
        return theta


def fill(experiment: Layers, path: Path) -> Iterator[str]:
    """Learn the streams that the results at `path` lack, and save them after each.

    Yields:
        A line for each stream.

    Raises:
        ValueError: if the results are those of other settings.
    """
    results, now = results_at(path, experiment.settings()), revision()
    for name in experiment.streams:
        if name not in results:
            results[name] = learned(experiment, name)
            results["revision"] = now
            keep(results, path)
            means = {
                who: round(float(np.mean(r["accuracy"])), 4) for who, r in results[name].items()
            }
            yield f"{name}: {means}"


def learned(experiment: Layers, name: str) -> Results:
    """Online accuracy and loss, each (seeds, tasks), by the layers told the longer time."""
    larger = LARGER.get(name, 1.0)
    told = ASSUMED if larger == 1 else {who: ASSUMED[who] for who in (NOWHERE, EVERYWHERE)}
    banks = {who: Assuming(steps, larger) for who, steps in told.items()}
    seeds, steps = experiment.seeds, experiment.tasks * experiment.steps
    together = Together(list(banks.values()), len(seeds))
    right = play(SHOWN[name], together, seeds * len(banks), steps)
    losses = np.concatenate([torch.stack(each.losses, 1).numpy() for each in banks.values()])
    shape = (len(banks), len(seeds), experiment.tasks, experiment.steps)
    accuracy, loss = (
        all_.reshape(shape).mean(-1, dtype=float).round(5).tolist() for all_ in (right, losses)
    )
    return {who: {"accuracy": accuracy[i], "loss": loss[i]} for i, who in enumerate(banks)}


@dataclass(frozen=True)
class Options:
    """Whether layers of a network want rates of change of their own."""

    results: Path = RESULTS
    """JSON file of results."""


@program(PROG, "The same command goes on.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog=PROG, description=__doc__)
    torch.set_num_threads(1)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    for line in fill(Layers(), options.results):
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
