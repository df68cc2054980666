"""What networks that have a task each see of the data of their landscape's engine.

B networks; n data of each network's task.
"""

from __future__ import annotations

import torch
from torch import Tensor

from landscape_gym.arrays import below
from landscape_gym.landscapes.base import Array, take
from landscape_gym.networks.engine import Engine, Seen, data_at
from landscape_gym.networks.task import Task


def seen(
    engine: Engine,
    task: Task,
    rows: int,
    uniform: Array | None = None,
    *,
    held_out: bool = False,
) -> Seen | None:
    """As of `Engine.seen`, of the data of each of `rows` networks' tasks, as these show them."""
    data = engine.test if held_out else engine.train
    if data is None or (held_out and task.labels is not None):
        return None
    numbers = picked(engine, task, rows, uniform, held_out=held_out)
    return Seen(numbers.shape[1], lambda rows: shown(take(task, rows), *data, numbers[rows]))


def picked(
    engine: Engine, task: Task, rows: int, uniform: Array | None = None, *, held_out: bool = False
) -> Tensor:
    """Numbers of data, (B, n): of all that each task has, or of those ``floor(n u)``."""
    targets = engine.test[1] if held_out and engine.test is not None else engine.train[1]
    if task.classes is None:
        own = torch.arange(len(targets), device=engine.device)[None]
    else:
        classes = torch.as_tensor(task.classes, device=engine.device)
        own = _by_class(targets)[classes].flatten(1)
    own = own.expand(rows, -1)
    if uniform is None:
        return own
    return own.gather(1, torch.as_tensor(below(own.shape[1], uniform), device=engine.device))


def shown(task: Task, x: Tensor, y: Tensor, picks: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and targets (B, n, ...) of some data (B, n), as each task shows them."""
    inputs = data_at(x, picks)
    if task.order is not None:
        order = torch.as_tensor(task.order, device=x.device)[:, None].expand(-1, picks.shape[1], -1)
        inputs = inputs.flatten(2).gather(2, order).view_as(inputs)
    if task.angle is not None:
        inputs = rotated(inputs, torch.as_tensor(task.angle).to(x))
    if task.labels is None:
        return inputs, y[picks]
    return inputs, torch.as_tensor(task.labels, device=x.device).gather(1, picks)


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


def _by_class(targets: Tensor) -> Tensor:
    """Numbers of each class's data, (classes, n): as many of each as the rarest has."""
    each = [(targets == c).nonzero()[:, 0] for c in range(int(targets.max()) + 1)]
    return torch.stack([numbers[: min(map(len, each))] for numbers in each])
