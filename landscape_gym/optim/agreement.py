"""Coordinates that wait while their gradients point against the step; the others go further."""

from __future__ import annotations

import torch
from torch import Tensor

from landscape_gym.optim.pieces import numbers_of, pieces

LEAST = 0.5
"""Where a smaller part of the coordinates descends, it goes no further than one of this size."""


def stop_uphill(velocity: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Velocities of 0, in place, for coordinates that do not descend: where v g >= 0.

    Means of gradients point against the present one where a coordinate has passed the bottom of its
    valley, and in every other step, nearly, where its gradients are noise. There they are not to go
    on: so valleys are not climbed, noise walks less far, and what a step promises is the sum of
    what coordinates descend.

    Args:
        velocity: (d,).
        gradient: In the same coordinates, (d,).

    Returns:
        How many coordinates go on, and how many have a velocity and a gradient, one number each.

    Reference: Liang, Chen, Liu, Liu, "Cautious optimizers: improving training with one line of
    code", arXiv:2411.16085.
    """
    going, net = [], []
    for v, g in pieces((velocity, gradient)):
        downhill = torch.mul(v, g).sign_().neg_()  # -1, 0 or 1: faster than comparisons
        net.append(downhill.sum())
        v.mul_(downhill.clamp_(min=0))
        going.append(downhill.sum())
    count = sum(going[1:], going[0])
    return count, 2 * count - sum(net[1:], net[0])


def further(counts: list[tuple[Tensor, Tensor]]) -> float:
    """The factor of velocities that are left: 1 over their part of the coordinates, at most 2.

    So steps stay as long as they were, in the mean; it is one for the whole network, as parts of it
    in which most coordinates stop are those that are to wait.

    Args:
        counts: As of `stop_uphill`, of all blocks.
    """
    numbers = numbers_of([number for each in counts for number in each])
    going, present = sum(numbers[::2]), sum(numbers[1::2])
    return 1 / max(LEAST, going / present) if present else 1.0
