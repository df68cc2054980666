"""The networks that rules are judged on, and how one of them is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from landscape_gym.networks import ConvNet, Data, Mlp, Transformer
from landscape_gym.networks.data import load
from landscape_gym.networks.models import Model

BATCH = 128
STEPS = 300
CHECKPOINTS = (0, 5, 10, 20, 30, 50, 75, 100, 150, 200, 250, 300)
"""Steps after which the loss on all training data is computed."""
PIECE = 2048
"""Data that go through a network at once when the loss on all of them is computed."""
FAILED = 1e3
"""A loss above it, or one that is not a number, is a divergence, and counts as this."""

MakeOptimizer = Callable[[Sequence[nn.Parameter]], torch.optim.Optimizer]


@dataclass(frozen=True)
class Task:
    """A network and what it is trained on."""

    what: str
    model: Model
    data: str

    def network(self, seed: int) -> nn.Module:
        """The network, with torch's own initialisation."""
        data = load(self.data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.model.build(data.x.shape[1:], data.outputs)


TASKS = {
    "digits-tanh": Task("digits, 64-32-10, tanh", Mlp((32,)), "digits"),
    "digits-deep": Task("digits, 64-64-64-64-10, ReLU", Mlp((64, 64, 64), "relu"), "digits"),
    "digits-conv": Task("digits, convolutions of 16, 32", ConvNet((16, 32)), "digits"),
    "mnist-mlp": Task("MNIST subset, 784-128-64-10, ReLU", Mlp((128, 64), "relu"), "mnist"),
    "mnist1d-conv": Task("MNIST-1D, convolutions of 16, 32", ConvNet((16, 32)), "mnist1d"),
    "text-transformer": Task("text, transformer of one layer", Transformer(width=16), "text"),
}
"""By the name that results have."""


@dataclass(frozen=True)
class Training:
    """How a training went."""

    loss: tuple[float, ...]
    """On all training data, at `CHECKPOINTS`; `FAILED` from a divergence on."""
    accuracy: float
    """On the test data, at the end."""


def trained(task: Task, make: MakeOptimizer, seed: int, steps: int = STEPS) -> Training:
    """Train a network; initialisation and minibatches depend on the seed alone.

    Args:
        task: What to train.
        make: Makes the optimizer of the parameters.
        seed: Of initialisation and minibatches.
        steps: How many; checkpoints after the last are left out.
    """
    x, y, test_x, test_y = tensors(task.data)
    model = task.network(seed)
    optimizer = make(list(model.parameters()))
    generator = torch.Generator().manual_seed(seed)
    losses = []
    checkpoints = [number for number in CHECKPOINTS if number <= steps]
    rows = torch.arange(0)

    def closure() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        return loss.item()

    for step in range(steps + 1):
        if step in checkpoints:
            losses.append(_loss(model, x, y))
            if losses[-1] >= FAILED:
                break
        if step < steps:
            rows = torch.randint(len(x), (BATCH,), generator=generator)
            optimizer.step(closure)  # a rule may read the loss, which costs nothing more
    losses += [FAILED] * (len(checkpoints) - len(losses))
    return Training(tuple(losses), _accuracy(model, test_x, test_y))


@cache
def tensors(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs and targets, to learn from and to test on."""
    data: Data = load(name)
    x, y, test_x, test_y = (
        torch.tensor(array) for array in (data.x, data.y, data.test_x, data.test_y)
    )
    return x, y, test_x, test_y


@torch.no_grad()
def _loss(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Mean over all data, at most `FAILED`."""
    total = 0.0
    for inputs, targets in zip(x.split(PIECE), y.split(PIECE), strict=True):
        total += nn.functional.cross_entropy(model(inputs), targets, reduction="sum").item()
    loss = total / len(x)
    return min(loss, FAILED) if loss == loss else FAILED


@torch.no_grad()
def _accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    return (model(x).argmax(-1) == y).float().mean().item()
