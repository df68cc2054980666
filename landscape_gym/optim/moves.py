"""How blocks are moved, and what of it a bound reads: what moves promise, and where they led."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from landscape_gym.optim.blocks import Block
from landscape_gym.optim.finite import squares_finite
from landscape_gym.optim.iterate_averages import AVERAGE
from landscape_gym.optim.pieces import numbers_of, pieces

VELOCITY, STRIDE = "velocity", "stride"
"""Keys of a parameter's last velocity, and of the factor with which it was moved by that."""


def slope(blocks: list[Block]) -> tuple[float, float, bool]:
    """Gradients times the last moves, their norm, and whether squares are finite: in one pass."""
    flat = [block.gradient for block in blocks]
    products = [
        product
        for block, g in zip(blocks, flat, strict=True)
        for product in (torch.dot(block.vector(VELOCITY), g), torch.dot(g, g))
    ]
    numbers = numbers_of(products)
    strides = [block.states[0][STRIDE] for block in blocks]
    total = sum(stride * dot for stride, dot in zip(strides, numbers[::2], strict=True))
    squares = numbers[1::2]
    return total, math.sqrt(sum(squares)), squares_finite(flat, squares)


def promise(blocks: list[Block], factors: list[float]) -> float:
    """``-sum v g``: the decrease that velocities v promise, each with its factor."""
    dots = numbers_of([torch.dot(block.vector(VELOCITY), block.gradient) for block in blocks])
    return -sum(factor * dot for factor, dot in zip(factors, dots, strict=True))


def move(block: Block, kept: float, stride: float, newness: float) -> None:
    """``theta+ = kept theta + stride v``, in place.

    Args:
        block: Of parameters theta and velocities v.
        kept: What weight decay leaves.
        stride: The factor.
        newness: Weight of theta+ in the averages of iterates; 0 if it has no part in them.
    """
    for state in block.states:
        state[STRIDE] = stride
    averaged = newness > 0 and AVERAGE in block.states[0]
    if averaged and len(block.parameters) == 1 and block.parameters[0].is_contiguous():
        whole = block.parameters[0].detach().view(-1), *map(block.vector, (VELOCITY, AVERAGE))
        for theta, velocity, average in pieces(whole):
            _add([theta], [velocity], kept, stride)
            average.lerp_(theta.to(average.dtype), newness)
        return
    _add(block.parameters, [state[VELOCITY] for state in block.states], kept, stride)
    if averaged:
        block.vector(AVERAGE).lerp_(block.joined(block.parameters), newness)


def _add(thetas: list[Tensor], velocities: list[Tensor], kept: float, stride: float) -> None:
    if kept != 1:
        torch._foreach_mul_(thetas, kept)  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_add_(  # pyright: ignore[reportPrivateImportUsage]
        thetas, velocities, alpha=stride
    )
