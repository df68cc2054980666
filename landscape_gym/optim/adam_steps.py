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
LOG_RATE = "log_rate"
"""Key of logarithms of coordinates' own factors, where they have such."""
SLOWEST, FASTEST = -5.0, 1.5
"""Least and largest of these."""
SOONEST = 10
"""Age after which they are adapted: by then running means are more than their first gradients."""


def begun(like: Tensor, adaptation: float = 0.0) -> dict[str, Any]:
    """No gradient seen."""
    names = (GRADIENT, SQUARE, LOG_RATE) if adaptation else (GRADIENT, SQUARE)
    return {name: torch.zeros_like(like) for name in names}


def check(group: dict[str, Any]) -> None:
    """Refuse constants out of their range."""
    number("scale", group["scale"], low=0.0)
    number("eps", group["eps"], low=0.0, strict=True)
    number("adaptation", group.get("adaptation", 0.0), low=0.0)
    if len(group["betas"]) != 2 or not all(0 <= beta < 1 for beta in group["betas"]):
        raise ValueError(f"betas are two decays in [0, 1), got {group['betas']!r}.")


def proposed(
    group: dict[str, Any], moved: list[Moved], gradients: list[Tensor], out: list[Tensor]
) -> tuple[list[Proposal], float]:
    """``-scale unit M / (V^(1/2) + eps)``, with the running means M and V corrected for their age.

    Where coordinates have factors of their own, e^l, velocities are multiplied by these, and

        l <- l + adaptation M G / V,   the last factor within [-1, 1]

    with M from before the gradient G: what a step descends still at its end, coordinate by
    coordinate, as it is the gradient of the loss by l, up to a positive factor.

    Args:
        group: With ``scale``, ``betas``, ``eps``, and ``adaptation`` where states have `LOG_RATE`.
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
        states = [moved[i].state for i in numbers]
        rows = [
            (
                s[GRADIENT],
                s[SQUARE],
                gradients[i],
                out[i],
                *((s[LOG_RATE],) if LOG_RATE in s else ()),
            )
            for i, s in zip(numbers, states, strict=True)
        ]
        step = together if foreach(rows, group["foreach"]) else one_by_one
        for members, parts in pieces(rows, group["foreach"]):
            means, squares, those, velocities, *rates = parts
            if rates and age > SOONEST:
                weight = root**2 / (1 - b1 ** (age - 1))
                adapt(rates[0], means, squares, those, b2, group["adaptation"], weight, eps)
            step(means, squares, those, velocities, b1, b2, eps * root)
            if rates:
                for velocity, rate in zip(velocities, rates[0], strict=True):
                    velocity.mul_(rate.exp())
            weights += [-factors[member] for member in members]
            promises += map(torch.dot, velocities, those)
    return proposals, sum(w * each for w, each in zip(weights, numbers_of(promises), strict=True))


def adapt(
    rates: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    gradients: list[Tensor],
    b2: float,
    adaptation: float,
    weight: float,
    eps: float,
) -> None:
    """Logarithms of coordinates' factors after a gradient, in place; the means are from before it.

    Args:
        rates: What is changed.
        means: Running means of gradients.
        squares: Of their squares.
        gradients: The new ones.
        b2: Decay of the squares.
        adaptation: How fast.
        weight: What corrects both means for their age.
        eps: What is added to the root.
    """
    for rate, mean, square, gradient in zip(rates, means, squares, gradients, strict=True):
        agreement = torch.mul(square, b2).addcmul_(gradient, gradient, value=1 - b2).add_(eps**2)
        torch.div(mean, agreement, out=agreement)
        agreement.mul_(gradient).mul_(weight).clamp_(-1, 1)
        rate.add_(agreement, alpha=adaptation).clamp_(SLOWEST, FASTEST)


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
