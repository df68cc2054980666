"""Adam's recurrence in place, in units and without the bound: what self-scaled optimizers share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from landscape_gym.configuration import number
from landscape_gym.optim.loss_reading import Moved, Proposal
from landscape_gym.optim.pieces import foreach, numbers_of, pieces

GRADIENT, SQUARE = "exp_avg", "exp_avg_sq"
"""Keys of the running means, torch.optim's names."""


def begun(like: Tensor) -> dict[str, Any]:
    """No gradient seen."""
    return {GRADIENT: torch.zeros_like(like), SQUARE: torch.zeros_like(like)}


def check(group: dict[str, Any]) -> None:
    """Refuse constants out of their range."""
    number("scale", group["scale"], low=0.0)
    number("eps", group["eps"], low=0.0, strict=True)
    if len(group["betas"]) != 2 or not all(0 <= beta < 1 for beta in group["betas"]):
        raise ValueError(f"betas are two decays in [0, 1), got {group['betas']!r}.")


def proposed(
    group: dict[str, Any], moved: list[Moved], gradients: list[Tensor], out: list[Tensor]
) -> tuple[list[Proposal], float]:
    """``-scale unit M / (V^(1/2) + eps)``, with the running means M and V corrected for their age.

    Args:
        group: With ``scale``, ``betas`` and ``eps``.
        moved: Parameters, of which states and units are used, and the states' means are updated.
        gradients: In the coordinates in which the means are; contiguous.
        out: Where velocities, up to their factors, are written.

    Returns:
        The velocities, and the decrease that they promise.
    """
    (b1, b2), eps = group["betas"], group["eps"]
    by_age: dict[int, list[int]] = {}
    for i, m in enumerate(moved):
        m.state["step"] += 1
        by_age.setdefault(m.state["step"], []).append(i)
    proposals, promises, weights = [], [], []
    for age, numbers in by_age.items():
        root = (1 - b2**age) ** 0.5
        factors = [-group["scale"] * moved[i].unit * root / (1 - b1**age) for i in numbers]
        proposals += [
            Proposal(moved[i].parameter, out[i], factor)
            for i, factor in zip(numbers, factors, strict=True)
        ]
        rows = [
            (moved[i].state[GRADIENT], moved[i].state[SQUARE], gradients[i], out[i])
            for i in numbers
        ]
        step = together if foreach(rows, group["foreach"]) else one_by_one
        for members, parts in pieces(rows, group["foreach"]):
            means, squares, those, velocities = parts
            step(means, squares, those, velocities, b1, b2, eps * root)
            weights += [-factors[member] for member in members]
            promises += map(torch.dot, velocities, those)
    return proposals, sum(w * each for w, each in zip(weights, numbers_of(promises), strict=True))


def one_by_one(
    means: list[Tensor],
    squares: list[Tensor],
    gradients: list[Tensor],
    out: list[Tensor],
    b1: float,
    b2: float,
    eps: float,
) -> None:
    """Running means after a gradient, in place, and ``M / (V^(1/2) + eps)``, not corrected."""
    for mean, square, gradient, velocity in zip(means, squares, gradients, out, strict=True):
        mean.lerp_(gradient, 1 - b1)
        square.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        torch.sqrt(square, out=velocity).add_(eps)
        torch.div(mean, velocity, out=velocity)


def together(
    means: list[Tensor],
    squares: list[Tensor],
    gradients: list[Tensor],
    out: list[Tensor],
    b1: float,
    b2: float,
    eps: float,
) -> None:
    """The same for all tensors at once, as accelerators like it."""
    torch._foreach_lerp_(means, gradients, 1 - b1)  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_mul_(squares, b2)  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - b2)  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_copy_(out, squares)  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_sqrt_(out)  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_add_(out, eps)  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_reciprocal_(out)  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_mul_(out, means)  # pyright: ignore[reportPrivateImportUsage]
