"""Adam's recurrence in place, in units and without the bound: what self-scaled optimizers share."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from landscape_gym.configuration import number
from landscape_gym.optim.loss_reading import Moved, Proposal
from landscape_gym.optim.pieces import numbers_of, pieces

GRADIENT, SQUARE = "exp_avg", "exp_avg_sq"
"""Keys of the running means, torch.optim's names."""
LOG_RATE = "log_rate"
"""Key of logarithms of coordinates' own factors, where they have such."""
SLOWEST, FASTEST = -8.0, 1.5
"""Least and largest logarithm of how much faster a coordinate is than others are at first."""
PRIOR = 100
"""How many gradients what is known at first is worth, where coordinates have factors."""
FUSED = ("cpu", "cuda")
"""Devices on which torch has the recurrence in one kernel."""
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
    by_age: dict[int, list[int]] = {}
    for i, m in enumerate(moved):
        m.state["step"] += 1
        by_age.setdefault(m.state["step"], []).append(i)
    proposals, promises, weights = [], [], []
    for age, numbers in by_age.items():
        fading = 1 / (1 + age / PRIOR) if group.get("adaptation") else 1.0
        factors = [group["scale"] * moved[i].unit * fading for i in numbers]
        states = [moved[i].state for i in numbers]
        means, squares, rates = (
            [s[name].view(-1) for s in states if name in s] for name in (GRADIENT, SQUARE, LOG_RATE)
        )
        those, velocities = [gradients[i].view(-1) for i in numbers], [out[i] for i in numbers]
        if rates and age > SOONEST:
            rows = list(zip(rates, means, squares, those, velocities, strict=True))
            for rate, mean, square, gradient, room in pieces(rows):
                adapt(rate, mean, square, gradient, room, group, age)
        recurrence(means, squares, those, velocities, group, age)
        if rates:
            for velocity, rate in pieces(list(zip(velocities, rates, strict=True))):
                velocity.mul_(rate.exp())
        proposals += [
            Proposal(moved[i].parameter, out[i], factor)
            for i, factor in zip(numbers, factors, strict=True)
        ]
        weights += factors
        promises += map(torch.dot, velocities, those)
    return proposals, -sum(w * p for w, p in zip(weights, numbers_of(promises), strict=True))


def recurrence(
    means: list[Tensor],
    squares: list[Tensor],
    gradients: list[Tensor],
    out: list[Tensor],
    group: dict[str, Any],
    age: int,
) -> None:
    """Running means after a gradient, in place, and ``-M / (V^(1/2) + eps)``, both corrected.

    It is the step that torch's Adam takes from zero at a learning rate of 1.
    """
    fused = group["foreach"] is None and all(m.device.type in FUSED for m in means)
    steps = torch.full((len(means),), age - 1.0, device=means[0].device if fused else None)
    for velocity in out:
        velocity.zero_()
    (beta1, beta2), eps = group["betas"], group["eps"]
    adam(
        out, gradients, means, squares, [], list(steps.unbind()),
        foreach=None if fused else group["foreach"], fused=fused, amsgrad=False, beta1=beta1,
        beta2=beta2, lr=1.0, weight_decay=0.0, eps=eps, maximize=False,
    )  # fmt: skip


def adapt(
    rate: Tensor,
    mean: Tensor,
    square: Tensor,
    gradient: Tensor,
    room: Tensor,
    group: dict[str, Any],
    age: int,
) -> None:
    """Logarithms of coordinates' factors after a gradient, in place; the means are from before it.

    Args:
        rate: What is changed.
        mean: Running mean of gradients.
        square: Of their squares.
        gradient: The new one.
        room: Where intermediate results are written.
        group: With ``adaptation``, ``betas`` and ``eps``.
        age: Gradients seen, with the new one.
    """
    (b1, b2), eps, faded = group["betas"], group["eps"], math.log1p(age / PRIOR)
    weight = (1 - b2**age) / (1 - b1 ** (age - 1))  # corrects both means for their age
    torch.mul(square, b2, out=room).addcmul_(gradient, gradient, value=1 - b2).add_(eps**2)
    torch.div(mean, room, out=room).mul_(gradient).clamp_(-1 / weight, 1 / weight)
    rate.add_(room, alpha=group["adaptation"] * weight)
    rate.clamp_(SLOWEST + faded, FASTEST + faded)
