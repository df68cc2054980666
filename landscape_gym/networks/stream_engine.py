"""Losses and gradients of networks that have a task each, by the engine of their landscape.

B networks of d parameters; n data of each network's task.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from landscape_gym.landscapes.base import Array, take
from landscape_gym.networks.engine import PIECE, Engine
from landscape_gym.networks.stream import Task


def loss_and_grad(
    engine: Engine, task: Task, theta: Array, uniform: Array | None = None
) -> tuple[Array, Array]:
    """Losses (B,) and gradients (B, d) on the data ``floor(n u)`` of each task, or on all of them.

    Args:
        engine: The landscape's.
        task: Each network's.
        theta: Parameters, (B, d).
        uniform: Which data, (B, n) in [0, 1); None: all.
    """
    losses, grads = np.empty(len(theta), theta.dtype), np.empty_like(theta)
    numbers = picked(engine, task, len(theta), uniform)
    for rows in _pieces(*numbers.shape):
        point = torch.from_numpy(theta[rows]).to(engine.device, engine.dtype).requires_grad_()
        x, y = shown(take(task, rows), *engine.train, numbers[rows])
        loss = engine.networks.losses(engine.networks.outputs(point, x), y)
        (grad,) = torch.autograd.grad(loss.sum(), point)
        losses[rows], grads[rows] = loss.detach().cpu().numpy(), grad.cpu().numpy()
    return losses, grads


@torch.no_grad()
def measures(engine: Engine, task: Task, theta: Array) -> dict[str, Array]:
    """Loss and accuracy, (B,), on training and held-out data of each task."""
    measured: dict[str, Array] = {}
    for prefix, data in (("", engine.train), ("test_", engine.test)):
        if data is None or (prefix and task.labels is not None):
            continue
        numbers = picked(engine, task, len(theta), held_out=bool(prefix))
        losses, right = [], []
        for rows in _pieces(*numbers.shape):
            point = torch.from_numpy(theta[rows]).to(engine.device, engine.dtype)
            x, y = shown(take(task, rows), *data, numbers[rows])
            outputs = engine.networks.outputs(point, x)
            losses.append(engine.networks.losses(outputs, y))
            if engine.classes:
                right.append((outputs.argmax(-1) == y).flatten(1).to(engine.dtype).mean(1))
        for name, pieces in (("loss", losses), ("accuracy", right)):
            if pieces:
                measured[prefix + name] = torch.cat(pieces).cpu().numpy().astype(theta.dtype)
    return measured


def picked(
    engine: Engine, task: Task, rows: int, uniform: Array | None = None, *, held_out: bool = False
) -> Array:
    """Numbers of data, (B, n): of all that each task has, or of those ``floor(n u)``."""
    targets = engine.test[1] if held_out and engine.test is not None else engine.train[1]
    if task.classes is None:
        own = np.arange(len(targets))[None]
    else:
        own = _by_class(targets.cpu().numpy())[task.classes].reshape(len(task.classes), -1)
    own = np.broadcast_to(own, (rows, own.shape[1]))
    if uniform is None:
        return own
    numbers = np.minimum((uniform * own.shape[1]).astype(np.int64), own.shape[1] - 1)
    return np.take_along_axis(own, numbers, axis=1)


def shown(task: Task, x: Tensor, y: Tensor, numbers: Array) -> tuple[Tensor, Tensor]:
    """Inputs and targets (B, n, ...) of some data (B, n), as each task shows them."""
    picks = torch.tensor(numbers, device=x.device)
    inputs = x[picks]
    if task.order is not None:
        order = torch.from_numpy(task.order).to(x.device)[:, None].expand(-1, picks.shape[1], -1)
        inputs = inputs.flatten(2).gather(2, order).view_as(inputs)
    if task.angle is not None:
        inputs = rotated(inputs, torch.from_numpy(task.angle).to(x))
    if task.labels is None:
        return inputs, y[picks]
    return inputs, torch.from_numpy(task.labels).to(x.device).gather(1, picks)


def rotated(images: Tensor, angle: Tensor) -> Tensor:
    """Images (B, n, channels, height, width) turned by angles (B,) about their middles."""
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    height, width = images.shape[-2:]
    # Where each new pixel is in the old image, in units of half its size; vertical axis downwards.
    where = [cos, -sin * height / width, zero, sin * width / height, cos, zero]
    flat = images.flatten(1, 2)
    grid = torch.nn.functional.affine_grid(
        torch.stack(where, 1).view(-1, 2, 3), list(flat.shape), align_corners=False
    )
    turned = torch.nn.functional.grid_sample(flat, grid, padding_mode="border", align_corners=False)
    return turned.view_as(images)


def _by_class(targets: Array) -> Array:
    """Numbers of each class's data, (classes, n): as many of each as the rarest has."""
    each = [np.flatnonzero(targets == c) for c in range(targets.max() + 1)]
    return np.stack([numbers[: min(map(len, each))] for numbers in each])


def _pieces(rows: int, data: int) -> Iterator[slice]:
    """Rows that go together, so many data each."""
    together = max(PIECE // data, 1)
    for first in range(0, rows, together):
        yield slice(first, first + together)
