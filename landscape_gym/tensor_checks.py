"""What of a step on tensors cannot be gone on with, told by few numbers on all rows.

Such numbers cost next to nothing, and as Python's own they are compared fastest; only where they
say that something may be wrong are rows looked at one by one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

ROUNDED = 1.001
"""By what a sum of squares may be larger than it comes out in float32."""


def refuse_nan(action: Tensor, charge: Tensor) -> None:
    """Refuse actions that are NaN, on a CPU: elsewhere one would wait for the answer.

    Args:
        action: (B, a).
        charge: What the controls that were made of them cost, (B,), without history.

    Raises:
        ValueError: if there is one.
    """
    if action.device.type != "cpu" or not math.isnan(float(torch.dot(charge, charge))):
        return
    if action.isnan().any():  # not a control that overflowed
        raise ValueError("an action is NaN; give numbers in [-1, 1].")


def good_rows(theta: Tensor, grad: Tensor, cost: Tensor, bound: float) -> Tensor | None:
    """Which rows are within the bound and finite, (B,); None if, as usual, all of them are.

    Args:
        theta: Parameters, (B, d), without history, as all of these.
        grad: Gradients there, (B, d).
        cost: Of the step, (B,).
        bound: Of theta's norm.
    """
    if theta.device.type == "meta":
        return None
    rest = float(_squared(grad)) + float(torch.dot(cost, cost))
    if _largest_squared_norm(theta) + 0 * rest <= bound**2:  # NaN is not
        return None
    good = (theta * theta).sum(1) <= bound**2
    good = good & cost.isfinite() & grad.isfinite().all(1)
    return None if good.all() else good


def _largest_squared_norm(theta: Tensor) -> float:
    """What no row's is above."""
    if len(theta) == 1:
        return ROUNDED * float(_squared(theta))
    low, high = map(float, theta.aminmax())
    return theta.shape[1] * max(-low, high) ** 2


def _squared(tensor: Tensor) -> Tensor:
    """The sum of its squares."""
    flat = tensor.reshape(-1)
    return torch.dot(flat, flat)
