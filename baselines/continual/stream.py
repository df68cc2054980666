"""A stream of tasks, gone through by one learner with several seeds at once.

B seeds, d parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from baselines.continual import metrics
from landscape_gym.landscapes.base import Array
from landscape_gym.networks import ContinualLandscape, Mlp
from landscape_gym.networks.batched import Networks
from landscape_gym.networks.engine import Engine
from landscape_gym.networks.landscape import engine_of
from landscape_gym.networks.stream import Task
from landscape_gym.networks.stream_engine import picked, shown
from landscape_gym.streams import RowDraws

REMEMBERED = 10
"""On how many of the last tasks forgetting is measured."""


class Learner(Protocol):
    def begin(self, theta: Tensor) -> None:
        """Start from parameters (B, d)."""

    def move(self, theta: Tensor, gradient: Tensor, switched: bool) -> Tensor:
        """Parameters after a step; `switched` says that it is the first one of a task."""
        ...


@dataclass(frozen=True)
class Stream:
    """So many tasks of so many minibatches each; tasks change unsignalled, on schedule."""

    tasks: str = "permuted_inputs"
    num_tasks: int = 100
    steps: int = 200
    batch_size: int = 64
    hidden: tuple[int, ...] = (64, 64)

    @property
    def landscape(self) -> ContinualLandscape:
        return ContinualLandscape(Mlp(self.hidden, "relu"), "digits", tasks=self.tasks)


@dataclass(frozen=True)
class Record:
    """Of each seed."""

    accuracy: Array
    """Online, (B, tasks)."""
    dormant: Array
    """Share of dormant hidden units after each task, (B, tasks)."""
    learned: Array
    """Accuracy on all data of the last tasks, right after each, (B, `REMEMBERED`)."""
    kept: Array
    """The same after the last one."""


def play(stream: Stream, learner: Learner, seeds: Sequence[int]) -> Record:
    """Learn the stream; a seed decides initialisation, tasks and minibatches, whoever learns."""
    landscape = stream.landscape
    engine = engine_of(landscape, np.dtype(np.float32))
    draw = RowDraws([np.random.default_rng(seed) for seed in seeds], np.dtype(np.float32))
    theta = torch.from_numpy(landscape.default_start(draw))
    learner.begin(theta)
    right = np.zeros((len(seeds), stream.num_tasks, stream.steps), np.float32)
    asleep = np.zeros((len(seeds), stream.num_tasks))
    last: list[tuple[Task, Array]] = []
    for t in range(stream.num_tasks):
        task = landscape.sample(draw)
        numbers = picked(engine, task, len(seeds), draw.uniform(stream.steps * stream.batch_size))
        x, y = shown(task, *engine.train, numbers)
        batches = zip(x.split(stream.batch_size, 1), y.split(stream.batch_size, 1), strict=True)
        for i, batch in enumerate(batches):
            right[:, t, i], gradient = lesson(engine, theta, *batch)
            theta = learner.move(theta, gradient, switched=i == 0)
        asleep[:, t] = dormant_units(engine, task, theta)
        if t >= stream.num_tasks - REMEMBERED:
            last.append((task, landscape.measures(task, theta.numpy())["accuracy"]))
    kept = [landscape.measures(task, theta.numpy())["accuracy"] for task, _ in last]
    learned = np.stack([accuracy for _, accuracy in last], axis=1)
    return Record(metrics.online_accuracy(right), asleep, learned, np.stack(kept, axis=1))


def lesson(engine: Engine, theta: Tensor, x: Tensor, y: Tensor) -> tuple[Array, Tensor]:
    """Share of data (B, n, ...) that is told right, (B,), and the gradient of their loss (B, d)."""
    told = engine.networks.learn(theta, x, y)
    return (told.outputs.argmax(-1) == y).float().mean(1).numpy(), told.grads


@torch.no_grad()
def dormant_units(engine: Engine, task: Task, theta: Tensor) -> Array:
    """Share of dormant units, (B,), over all hidden layers, on all data of the task."""
    x, _ = shown(task, *engine.train, picked(engine, task, len(theta)))
    shares: list[Any] = []
    layers = engine.networks.layers or []
    for end, layer in enumerate(layers, start=1):
        if isinstance(layer, nn.ReLU):
            part = Networks(nn.Sequential(*layers[:end]), "mse", vectorized=True)
            parameters = part.split(theta[:, : sum(part.sizes)])
            activity = part.outputs(parameters, x).abs().mean(1)
            shares.append(metrics.dormant(activity.numpy()))
    return np.mean(shares, axis=0)
