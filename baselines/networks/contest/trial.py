"""One training of the contest."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from baselines.networks.contest.entrants import Entrant, as_it_is
from baselines.networks.contest.small_network import SmallNetwork

CHECKPOINTS = (30, 100, 200, 300, 500, 700, 1000, 2000, 3000)
"""Steps after which the training loss is computed."""
NEAR = (0, 5, 10)
"""So many steps before a checkpoint, too: a loss is the mean of these, as each is chance."""
LOWEST, FAILED = 1e-8, 1e3
"""Losses count as no less, and as no more; what is not a number counts as the latter."""


@dataclass(frozen=True)
class Trial:
    """How a training went."""

    loss: tuple[float, ...]
    """Training loss, above its floor, at `CHECKPOINTS`; `FAILED` from a divergence on."""
    test: float
    """Test loss, likewise, at the end."""
    accuracy: float
    """On the test examples; NaN of a regression."""
    milliseconds: float
    """Of the thread, for a step with its gradient."""


def trained(network: SmallNetwork, entrant: Entrant, rate: float, steps: int, seed: int) -> Trial:
    """Train a network; initialisation and minibatches depend on the seed alone."""
    model = network.network(seed)
    optimizer = entrant.make(model, rate)
    generator = torch.Generator().manual_seed(1000 + seed)
    checkpoints = [n for n in CHECKPOINTS if n <= steps]
    looks = {n - before for n in checkpoints for before in NEAR}
    losses: dict[int, float] = {}
    took, step = 0.0, 0
    for step in range(1, steps + 1):
        x, y = network.minibatch(generator)
        start = time.thread_time()
        for group in optimizer.param_groups:
            group["lr"] = rate * entrant.schedule((step - 1) / steps)

        def closure(x: Tensor = x, y: Tensor = y) -> Tensor:
            model.zero_grad()
            loss = network.criterion(model(x), y)
            loss.backward()
            return loss

        optimizer.step(closure)
        took += time.thread_time() - start
        if step in looks:
            with _looked_at(network, entrant, optimizer, model):
                losses[step] = counted(network.loss(model))
            if losses[step] == FAILED:
                break
    with _looked_at(network, entrant, optimizer, model):
        test, accuracy = network.test(model) if network.held_out else (math.nan, math.nan)
    means = (
        sum(losses.get(n - before, FAILED) for before in NEAR) / len(NEAR) for n in checkpoints
    )
    return Trial(tuple(map(counted, means)), test, accuracy, 1e3 * took / step)


def counted(loss: float) -> float:
    """A loss as it counts."""
    return min(max(loss, LOWEST), FAILED) if loss == loss else FAILED


@contextmanager
def _looked_at(
    network: SmallNetwork, entrant: Entrant, optimizer: object, model: nn.Module
) -> Iterator[None]:
    """The network as it is judged, with an average's own statistics where it normalises batches."""
    with entrant.looked_at(optimizer, model):
        averages = entrant.looked_at is not as_it_is
        with statistics(model, network.seen[0]) if averages else nullcontext():
            yield


@contextmanager
def statistics(model: nn.Module, x: Tensor) -> Iterator[None]:
    """Within it running statistics are those of x."""
    kept = [buffer.clone() for buffer in model.buffers()]
    update_bn([x], model)
    yield
    for buffer, value in zip(model.buffers(), kept, strict=True):
        buffer.copy_(value)
