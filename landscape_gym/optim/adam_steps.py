"""Adam's recurrence in place, in units and without the bound: what self-scaled optimizers share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from landscape_gym.configuration import number
from landscape_gym.optim import rates
from landscape_gym.optim.blocks import Block
from landscape_gym.optim.pieces import pieces
from landscape_gym.optim.rates import RATE

GRADIENT, SQUARE = "exp_avg", "exp_avg_sq"
"""Keys of the running means, torch.optim's names."""
PRIOR = 100
"""How many gradients what is known at first is worth, where coordinates have factors."""


def begun(like: Tensor, adaptation: float) -> dict[str, Any]:
    """No gradient seen."""
    means = {name: torch.zeros_like(like) for name in (GRADIENT, SQUARE)}
    return means | {RATE: torch.ones_like(like)} if adaptation else means


def check(group: dict[str, Any]) -> None:
    """Refuse constants out of their range."""
    number("scale", group["scale"], low=0.0)
    number("eps", group["eps"], low=0.0, strict=True)
    rates.check(group)
    if len(group["betas"]) != 2 or not all(0 <= beta < 1 for beta in group["betas"]):
        raise ValueError(f"betas are two decays in [0, 1), got {group['betas']!r}.")


def follow(
    block: Block, gradient: Tensor, velocity: Tensor, prior: float = PRIOR, margin: float = 0.0
) -> Tensor | None:
    """Adam's velocities ``-M / (V^(1/2) + eps)``, and the coordinates' factors e^l, if there are.

    M and V are running means, corrected for their age. Where coordinates have factors of their own,
    every `interval` steps, for all of these at once,

        l <- l + interval adaptation (x - margin min(e^l, 1) x^2),   x = M G / V, within [-1, 1]

    with M from before the gradient G: what a step descends still at its end, coordinate by
    coordinate, as it is the gradient of the loss by l, up to a positive factor. Where gradients are
    noise they do not agree: without a margin l stays where it is, in the mean, and its exponential
    rises; with one e^l falls as ``1 / (1 + c t)``, the gain of a Kalman filter for a target at
    rest, with c the adaptation times the margin times the mean of x^2.

    Args:
        block: Of which the states' means are updated. Its group has ``betas``, ``eps``,
            ``adaptation`` and ``interval``.
        gradient: In the coordinates in which the means are, (d,).
        velocity: Where it is written, (d,); finite.
        prior: Age at which velocities have faded by a half, beside: bounds are of both together.
        margin: By how much gradients have to agree for l to rise, in [0, 1].

    Returns:
        The factors, (d,), which velocities are to be multiplied by, faded with the age.
    """
    group, age = block.group, block.age
    mean, square = block.vector(GRADIENT), block.vector(SQUARE)
    rate = block.vector(RATE) if RATE in block.states[0] else None
    if rate is not None and rates.due(group, age):
        for r, m, v, g, room in pieces((rate, mean, square, gradient, velocity)):
            adapt(r, m, v, g, room, group, age, prior, margin)
    recurrence(mean, square, gradient, velocity, group, age)
    return rate


def recurrence(
    mean: Tensor, square: Tensor, gradient: Tensor, out: Tensor, group: dict[str, Any], age: int
) -> None:
    """Running means after a gradient, in place, and ``-M / (V^(1/2) + eps)``, both corrected.

    It is the step that torch's AdamW takes at a learning rate and a decay of 1, which is from zero.
    Where there is a kernel for it, that is called at once: what `torch.optim` does around it takes
    longer than small networks' steps.
    """
    (beta1, beta2), eps = group["betas"], group["eps"]
    vectors = [out], [gradient], [mean], [square], []
    if group["foreach"] is None and (out.is_cpu or out.is_cuda):
        steps = [torch.full((), float(age), device=out.device)]
        torch._fused_adamw_(  # pyright: ignore[reportPrivateImportUsage]
            *vectors, steps, lr=1.0, beta1=beta1, beta2=beta2, weight_decay=1.0, eps=eps,
            amsgrad=False, maximize=False,
        )  # fmt: skip
        return
    adamw(
        *vectors, [torch.tensor(age - 1.0)], foreach=group["foreach"], amsgrad=False, beta1=beta1,
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
    prior: float,
    margin: float,
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
        prior: As of `follow`, and so is margin.
        margin: Likewise.
    """
    (b1, b2), eps, faded = group["betas"], group["eps"], 1 + age / prior
    weight = (1 - b2**age) / (1 - b1 ** (age - 1))  # corrects both means for their age
    c = group["interval"] * group["adaptation"] * weight
    torch.add(square.new_full((), eps**2), square, alpha=b2, out=room)
    room.addcmul_(gradient, gradient, value=1 - b2)
    torch.div(mean, room, out=room).mul_(gradient).clamp_(-1 / weight, 1 / weight)
    rates.grow(rate, room, c, faded, margin * weight)
