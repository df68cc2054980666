"""What of a step on tensors cannot be gone on with, told by few numbers on all rows.

Such numbers cost next to nothing, and as Python's own they are compared fastest; only where they
say that something may be wrong are rows looked at one by one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

NAN = "an action is NaN; give numbers in [-1, 1]."
ROUNDED = 1.001
"""By what a sum of squares may be larger than it comes out in float32."""


def refuse_shape(action: Tensor, shape: tuple[int, int]) -> None:
    """Refuse actions of another shape than (B, a).

    Raises:
        ValueError: naming both.
    """
    if action.shape != shape:
        raise ValueError(f"actions have shape {shape}; got {tuple(action.shape)}.")


def largest_square(theta: Tensor, action: Tensor) -> float | None:
    """Refuse actions that are NaN, on a CPU: elsewhere one would wait for the answer.

    Args:
        theta: Parameters that they lead to, (B, d), without history.
        action: (B, a).

    Returns:
        What no row's squared norm is above; None where nobody has asked.

    Raises:
        ValueError: if an action is NaN.
    """
    if not theta.is_cpu:
        return None
    largest = _largest_square(theta)
    if math.isnan(largest) and action.isnan().any():  # not a control that overflowed
        raise ValueError(NAN)
    return largest


def good_rows(
    theta: Tensor, grad: Tensor, cost: Tensor, bound: float, largest: float | None
) -> tuple[Tensor | None, float | None]:
    """Which rows are within the bound and finite, (B,); None if, as usual, all of them are.

    And the sum of all squares of `grad`, if all are.

    Args:
        theta: Parameters, (B, d), without history, as all of these.
        grad: Gradients there, (B, d).
        cost: Of the step, (B,).
        bound: Of theta's norm.
        largest: What no squared norm is above, if it is known.
    """
    if theta.is_meta:
        return None, None
    largest = _largest_square(theta) if largest is None else largest
    square = _square(grad)
    if largest + 0 * (square + torch.dot(cost, cost).item()) <= bound**2:  # NaN is not
        return None, square
    good = (theta * theta).sum(1) <= bound**2
    good = good & cost.isfinite() & grad.isfinite().all(1)
    return (None, square) if good.all() else (good, None)


def reach(theta: Tensor) -> Tensor:
    """What no row's squared norm is above, (); not finite where a number of theta (B, d) is not."""
    return ROUNDED * (theta * theta).sum(1).amax()


def extent(grad: Tensor, cost: Tensor) -> Tensor:
    """Sums of all squares of gradients and of costs, (2,); not finite where one of these is not.

    They are told apart, since compilers take a product with 0 to be 0, whatever the other factor.

    Args:
        grad: Gradients, (B, d).
        cost: Of the step, (B,).
    """
    return torch.stack([(grad * grad).sum(), (cost * cost).sum()])


def _largest_square(theta: Tensor) -> float:
    """What no row's squared norm is above; NaN if a number is."""
    rows, width = theta.shape
    if rows == 1:
        return ROUNDED * _square(theta)
    low, high = theta.aminmax()
    low, high = low.item(), high.item()
    return width * (low * low if -low > high else high * high)


def _square(tensor: Tensor) -> float:
    """The sum of its squares."""
    flat = tensor.view(-1) if tensor.is_contiguous() else tensor.reshape(-1)
    return torch.dot(flat, flat).item()
