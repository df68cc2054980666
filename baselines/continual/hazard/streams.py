"""Streams of tasks that change at a rate of their own, and how learners go through them.

B rows, d parameters. A row is a learner with a seed; rows of one seed see the same, so that many
learners, or many constants of one, go through the stream together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from baselines.continual.stream import Stream
from landscape_gym.landscapes.base import Array
from landscape_gym.networks import ContinualLandscape
from landscape_gym.networks.batched import Networks
from landscape_gym.networks.landscape import engine_of
from landscape_gym.networks.stream_engine import picked, shown
from landscape_gym.networks.task import Task
from landscape_gym.streams import RowDraws

BATCH = 64
PART = 8
"""How many of 64 inputs a gradual change moves."""


class Rate(NamedTuple):
    """How long tasks are, from some share of the stream on."""

    since: float
    steps: int


@dataclass(frozen=True)
class Changing:
    """A stream whose tasks change unseen."""

    title: str
    tasks: str
    rates: tuple[Rate, ...] = (Rate(0.0, 200),)
    gradual: bool = False
    """Whether an eighth of the inputs is permuted eight times as often, instead of all at once:
    each input changes as often as with `rates`."""
    relabelled: bool = False
    """Whether labels are drawn at random with each task, too."""
    note: str = ""
    """What the page has to say of it beside the figures."""

    def length(self, share: float) -> int:
        """How long a task is that begins when this share of the stream is over."""
        return [steps for since, steps in self.rates if share >= since][-1]


STREAMS = {
    "labels": Changing(
        "Random labels",
        "random_labels",
        note="The tables of assumed rates above say why inferred may exceed told here: the best "
        "rate is below the true one.",
    ),
    "inputs": Changing("Permuted inputs", "permuted_inputs"),
    "midway": Changing("Rate changes midway", "permuted_inputs", (Rate(0.0, 200), Rate(0.5, 50))),
    "gradual": Changing(
        "Gradual change",
        "permuted_inputs",
        gradual=True,
        note="A change of an eighth raises the loss little, and some go unseen.",
    ),
}


class Seen(NamedTuple):
    """What a learner gets at a step."""

    gradient: Tensor
    """(B, d)"""
    loss: Tensor
    """Of the minibatch, (B, 1)."""
    x: Tensor
    """Its inputs, (B, n, ...)."""
    hazard: float
    """The true rate per step, for those who are told."""


class Learner(Protocol):
    def begin(self, theta: Tensor, networks: Networks) -> None:
        """Start from parameters (B, d)."""

    def move(self, theta: Tensor, seen: Seen) -> Tensor:
        """Parameters after a step."""
        ...

    def answering(self, theta: Tensor) -> Tensor:
        """Parameters of the network that answers, while that with `theta` learns."""
        ...


@dataclass
class Together:
    """Learners one after another, each with `rows` rows of the batch."""

    learners: Sequence[Learner]
    rows: int

    def begin(self, theta: Tensor, networks: Networks) -> None:
        for learner, part in zip(self.learners, theta.split(self.rows), strict=True):
            learner.begin(part, networks)

    def move(self, theta: Tensor, seen: Seen) -> Tensor:
        moved = []
        for i, learner in enumerate(self.learners):
            own = slice(i * self.rows, (i + 1) * self.rows)
            part = Seen(seen.gradient[own], seen.loss[own], seen.x[own], seen.hazard)
            moved.append(learner.move(theta[own], part))
        return torch.cat(moved)

    def answering(self, theta: Tensor) -> Tensor:
        parts = theta.split(self.rows)
        answers = [each.answering(own) for each, own in zip(self.learners, parts, strict=True)]
        same = all(answer is own for answer, own in zip(answers, parts, strict=True))
        return theta if same else torch.cat(answers)


def play(stream: Changing, learner: Learner, seeds: Sequence[int], steps: int) -> Array:
    """Online accuracy at each step, (B, steps); `seeds` has one for each row."""
    landscape = Stream(tasks=stream.tasks, batch_size=BATCH).landscape
    engine = engine_of(landscape, np.dtype(np.float32))
    draw = RowDraws([np.random.default_rng(seed) for seed in seeds], np.dtype(np.float32))
    theta = torch.from_numpy(landscape.default_start(draw))
    learner.begin(theta, engine.networks)
    right = np.zeros((len(seeds), steps), np.float32)
    t, task = 0, _drawn(stream, landscape, draw)
    while t < steps:
        length = stream.length(t / steps)
        n = min(length // PART if stream.gradual else length, steps - t)
        numbers = picked(engine, task, len(seeds), draw.uniform(n * BATCH))
        for x, y in _batches(*shown(task, *engine.train, numbers)):
            told = engine.networks.learn(theta, x, y)
            with torch.no_grad():
                answering = learner.answering(theta)
                outputs = told.outputs
                if answering is not theta:
                    outputs = engine.networks.outputs(engine.networks.split(answering), x)
                right[:, t] = (outputs.argmax(-1) == y).float().mean(1).numpy()
                seen = Seen(told.grads, told.losses[:, None], x, 1 / length)
                theta = learner.move(theta, seen)
            t += 1
        task = _partly(task, draw) if stream.gradual else _drawn(stream, landscape, draw)
    return right


def _drawn(stream: Changing, landscape: ContinualLandscape, draw: RowDraws) -> Task:
    task = landscape.sample(draw)
    if not stream.relabelled:
        return task
    return task._replace(labels=Stream(tasks="random_labels").landscape.sample(draw).labels)


def _batches(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(x.split(BATCH, 1), y.split(BATCH, 1), strict=True)


def _partly(task: Task, draw: RowDraws) -> Task:
    """The task with some inputs moved around in a circle."""
    assert task.order is not None
    order = task.order.copy()
    chosen = draw.uniform(order.shape[1]).argsort(axis=1)[:, :PART]
    moved = np.take_along_axis(order, np.roll(chosen, 1, axis=1), axis=1)
    np.put_along_axis(order, chosen, moved, axis=1)
    return Task(order=order)
