"""Adam's recurrence in place, in units and without the bound: what self-scaled optimizers share."""

from __future__ import annotations

import math
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
SLOWEST, FASTEST = -8.0, 1.5
"""Least and largest logarithm of how much faster a coordinate is than others are at first."""
PRIOR = 100
"""How many gradients what is known at first is worth, where coordinates have factors."""
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

    Where coordinates have factors of their own, velocities are multiplied by ``e^l / (1 + t /
    PRIOR)`` at age t, and

        l <- l + adaptation M G / V,   the last factor within [-1, 1]

    with M from before the gradient G: what a step descends still at its end, coordinate by
    coordinate, as it is the gradient of the loss by l, up to a positive factor. Where gradients are
    noise they do not agree, and the gain of a Kalman filter for a target at rest falls in just this
    way, with a prior that is worth so many observations; where they agree, l makes up for it.

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
        fading = 1 / (1 + age / PRIOR) if group.get("adaptation") else 1.0
        factors = [-group["scale"] * moved[i].unit * root / (1 - b1**age) * fading for i in numbers]
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
                adapt(rates[0], means, squares, those, velocities, group, age)
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
    room: list[Tensor],
    group: dict[str, Any],
    age: int,
) -> None:
    """Logarithms of coordinates' factors after a gradient, in place; the means are from before it.

    Args:
        rates: What is changed.
        means: Running means of gradients.
        squares: Of their squares.
        gradients: The new ones.
        room: Where intermediate results are written.
        group: With ``adaptation``, ``betas`` and ``eps``.
        age: Gradients seen, with the new one.
    """
    (b1, b2), eps, faded = group["betas"], group["eps"], math.log1p(age / PRIOR)
    weight = (1 - b2**age) / (1 - b1 ** (age - 1))  # corrects both means for their age
    for rate, M, V, G, agreement in zip(rates, means, squares, gradients, room, strict=True):
        torch.mul(V, b2, out=agreement).addcmul_(G, G, value=1 - b2).add_(eps**2)
        torch.div(M, agreement, out=agreement).mul_(G).mul_(weight).clamp_(-1, 1)
        rate.add_(agreement, alpha=group["adaptation"]).clamp_(SLOWEST + faded, FASTEST + faded)


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
