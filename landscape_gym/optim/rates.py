"""Coordinates' own factors of their velocities, found by what steps descend still at their end."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from landscape_gym.configuration import count, number

RATE = "rate"
"""Key of the factors in a parameter's state, where there are such."""
SLOWEST, FASTEST = math.exp(-8.0), math.exp(1.5)
"""Least and largest factor, over what it is at first, which fades."""
SOONEST = 10
"""Age after which they are adapted: by then running means are more than their first gradients."""


def check(group: dict[str, Any]) -> None:
    """Refuse constants out of their range."""
    interval = count("interval", group["interval"])
    if interval * number("adaptation", group["adaptation"], low=0.0) > 1:
        raise ValueError(
            "adaptation is by logarithms of at most 1 at once, got an adaptation of "
            f"{group['adaptation']:g} a step in intervals of {interval}."
        )


def due(group: dict[str, Any], age: int) -> bool:
    """Whether they are adapted at this age."""
    return group["adaptation"] > 0 and age > SOONEST and age % group["interval"] == 0


def grow(rate: Tensor, agreement: Tensor, c: float, faded: float, margin: float = 0.0) -> None:
    """``rate e^(c y)``, ``y = agreement - margin min(rate, 1) agreement^2``, in place, in bounds.

    The exponential is its series to second order: nearly as good for these, and five times as fast.

    Args:
        rate: What is changed.
        agreement: Of gradients with the last steps; overwritten.
        c: Its weight.
        faded: By what velocities are divided, beside: bounds are of both together.
        margin: By how much gradients have to agree for rates to grow.
    """
    if margin:
        bend = rate.clamp(max=1.0).sub_(c / 2 / margin).mul_(agreement)
        agreement.addcmul_(agreement, bend, value=-margin)
    else:
        agreement.addcmul_(agreement, agreement, value=c / 2)
    rate.addcmul_(rate, agreement, value=c)
    rate.clamp_(SLOWEST * faded, FASTEST * faded)
