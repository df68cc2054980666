"""Adam's recurrence in place, in units and without the bound: what self-scaled optimizers share."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from landscape_gym.configuration import count, number
from landscape_gym.optim.loss_reading import VELOCITY, Moved, Proposal
from landscape_gym.optim.packed import Packed
from landscape_gym.optim.pieces import CHUNK, numbers_of, pieces

GRADIENT, SQUARE = "exp_avg", "exp_avg_sq"
"""Keys of the running means, torch.optim's names."""
RATE = "rate"
"""Key of coordinates' own factors, where they have such."""
SLOWEST, FASTEST = math.exp(-8.0), math.exp(1.5)
"""Least and largest factor, over what it is at first, which fades."""
PRIOR = 100
"""How many gradients what is known at first is worth, where coordinates have factors."""
FUSED = ("cpu", "cuda")
"""Devices on which torch has the recurrence in one kernel."""
SOONEST = 10
"""Age after which they are adapted: by then running means are more than their first gradients."""


def begun(like: Tensor, adaptation: float) -> dict[str, Any]:
    """No gradient seen."""
    means = {name: torch.zeros_like(like) for name in (GRADIENT, SQUARE)}
    return means | {RATE: torch.ones_like(like)} if adaptation else means


def check(group: dict[str, Any]) -> None:
    """Refuse constants out of their range."""
    number("scale", group["scale"], low=0.0)
    number("eps", group["eps"], low=0.0, strict=True)
    interval = count("interval", group["interval"])
    if interval * number("adaptation", group["adaptation"], low=0.0) > 1:
        raise ValueError(
            "adaptation is by logarithms of at most 1 at once, got an adaptation of "
            f"{group['adaptation']:g} a step in intervals of {interval}."
        )
    if len(group["betas"]) != 2 or not all(0 <= beta < 1 for beta in group["betas"]):
        raise ValueError(f"betas are two decays in [0, 1), got {group['betas']!r}.")


class Together(NamedTuple):
    """Vectors on which the recurrence works at once: of one large parameter, or of small ones."""

    numbers: list[int]
    """Of the parameters."""
    mean: Tensor
    square: Tensor
    rate: Tensor | None
    gradient: Tensor
    velocity: Tensor


def proposed(
    group: dict[str, Any], moved: list[Moved], gradients: list[Tensor], packed: Packed
) -> tuple[list[Proposal], float]:
    """``-scale unit M / (V^(1/2) + eps)``, with the running means M and V corrected for their age.

    Where coordinates have factors of their own, velocities are multiplied by ``e^l / (1 + t /
    PRIOR)`` at age t, and every `interval` steps, for all of these at once,

        l <- l + interval adaptation M G / V,   the last factor within [-1, 1]

    with M from before the gradient G: what a step descends still at its end, coordinate by
    coordinate, as it is the gradient of the loss by l, up to a positive factor. Where gradients are
    noise they do not agree, and the gain of a Kalman filter for a target at rest falls in just this
    way, with a prior that is worth so many observations; where they agree, l makes up for it. (The
    exponential is its series to second order: nearly as good for these, and five times as fast.)

    Args:
        group: With ``scale``, ``betas``, ``eps``; ``adaptation`` and ``interval``, if states have
            `RATE`.
        moved: Parameters, of which states and units are used, and the states' means are updated.
        gradients: In the coordinates in which the means are; contiguous.
        packed: Where small parameters' states are kept together.

    Returns:
        The velocities, flat and in the order of `moved`, and the decrease that they promise.
    """
    ages: dict[Any, list[int]] = {}
    for i, m in enumerate(moved):
        m.state["step"] += 1
        ages.setdefault((m.state["step"], m.gradient.dtype, m.gradient.device), []).append(i)
    proposals: list[Any] = [None] * len(moved)
    dots: list[Any] = [None] * len(moved)
    for (age, *_), numbers in ages.items():
        vectors = together(numbers, moved, gradients, packed)
        advance(vectors, group, age)
        fading = 1 / (1 + age / PRIOR) if group["adaptation"] else 1.0
        for each in vectors:
            if each.rate is not None:
                each.velocity.mul_(each.rate)
            sizes = [gradients[i].numel() for i in each.numbers]
            for i, velocity in zip(each.numbers, each.velocity.split(sizes), strict=True):
                factor = group["scale"] * moved[i].unit * fading
                proposals[i] = Proposal(moved[i].parameter, velocity, factor)
                dots[i] = torch.dot(velocity, gradients[i].view(-1))
    decreases = zip(proposals, numbers_of(dots), strict=True)
    return proposals, -sum(proposal.factor * dot for proposal, dot in decreases)


def advance(vectors: list[Together], group: dict[str, Any], age: int) -> None:
    """Write velocities without their factors, after a gradient, and what is remembered of it."""
    if age > SOONEST and age % group["interval"] == 0:
        for each in vectors:
            if each.rate is not None:
                adapted = each.rate, each.mean, each.square, each.gradient, each.velocity
                for rate, mean, square, gradient, room in pieces(adapted):
                    adapt(rate, mean, square, gradient, room, group, age)
    recurrence(vectors, group, age)


def together(
    numbers: list[int], moved: list[Moved], gradients: list[Tensor], packed: Packed
) -> list[Together]:
    """These parameters' vectors; velocities of large ones are over the last."""
    small, found = [], []
    for i in numbers:
        if gradients[i].numel() <= CHUNK:
            small.append(i)
            continue
        state = moved[i].state
        mean, square, velocity = (state[name].view(-1) for name in (GRADIENT, SQUARE, VELOCITY))
        rate = state[RATE].view(-1) if RATE in state else None
        found.append(Together([i], mean, square, rate, gradients[i].view(-1), velocity))
    if small:
        states = [moved[i].state for i in small]
        mean, square = (packed.vector(name, states) for name in (GRADIENT, SQUARE))
        rate = packed.vector(RATE, states) if RATE in states[0] else None
        gradient = torch.cat([gradients[i].view(-1) for i in small])
        found.append(Together(small, mean, square, rate, gradient, torch.zeros_like(gradient)))
    return found


def recurrence(every: list[Together], group: dict[str, Any], age: int) -> None:
    """Running means after a gradient, in place, and ``-M / (V^(1/2) + eps)``, both corrected.

    It is the step that torch's AdamW takes at a learning rate and a decay of 1, which is from zero.
    """
    device = every[0].mean.device
    fused = group["foreach"] is None and device.type in FUSED
    steps = torch.full((len(every),), age - 1.0, device=device if fused else None)
    _, means, squares, _, gradients, out = map(list, zip(*every, strict=True))
    (beta1, beta2), eps = group["betas"], group["eps"]
    adamw(
        out, gradients, means, squares, [], list(steps.unbind()),
        foreach=None if fused else group["foreach"], fused=fused, amsgrad=False, beta1=beta1,
        beta2=beta2, lr=1.0, weight_decay=1.0, eps=eps, maximize=False,
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
    """Coordinates' factors after a gradient, in place; the means are from before it.

    Args:
        rate: What is changed.
        mean: Running mean of gradients.
        square: Of their squares.
        gradient: The new one.
        room: Where intermediate results are written.
        group: With ``adaptation``, ``interval``, ``betas`` and ``eps``.
        age: Gradients seen, with the new one.
    """
    (b1, b2), eps, faded = group["betas"], group["eps"], 1 + age / PRIOR
    weight = (1 - b2**age) / (1 - b1 ** (age - 1))  # corrects both means for their age
    c = group["interval"] * group["adaptation"] * weight
    torch.add(square.new_full((), eps**2), square, alpha=b2, out=room)
    room.addcmul_(gradient, gradient, value=1 - b2)
    torch.div(mean, room, out=room).mul_(gradient).clamp_(-1 / weight, 1 / weight)
    torch.addcmul(room, room, room, value=c / 2, out=room)
    rate.addcmul_(rate, room, value=c)
    rate.clamp_(SLOWEST * faded, FASTEST * faded)
