"""The bank of Kalman filters as a named optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from landscape_gym.configuration import number
from landscape_gym.optim.blocks import Block
from landscape_gym.optim.loss_reading import Common, LossReading
from landscape_gym.optim.moves import VELOCITY
from landscape_gym.optim.pieces import numbers_of

CHUNK = 2**14
"""Coordinates in a piece on a CPU: with a dozen intermediate results it stays in the cache."""
TINY = 1e-30
"""Added to variances that are divided by."""


class Filters(NamedTuple):
    """The bank, for coordinates that share variances: constants of each filter, (M, 1)."""

    curvature: Tensor
    gain: Tensor
    """Curvature times the variance of the target."""
    spread: Tensor
    """Variance of the gradient that is the target's."""
    aim: Tensor
    """Weight of the distance to the target, (1, M)."""
    whole: Tensor
    """One more than that: what a move costs, too, (1, M)."""

    @classmethod
    def of(cls, curvature: Sequence[float], variance: Sequence[float], discount: float, y: Tensor):
        """Those of given curvatures and variances of the target, like y."""
        rows = [
            (h, h * P, h * h * P + TINY, aim(h, discount), 1 + aim(h, discount))
            for h, P in zip(curvature, variance, strict=True)
        ]
        h, gain, spread, towards, whole = y.new_tensor(rows).T.contiguous()[:, None]
        return cls(h.T, gain.T, spread.T, towards, whole)


class FilterBank(LossReading):
    """A bank of Kalman filters for each weight tells target and curvature; no learning rate.

    The recurrence of `landscape_gym.rules.SelfTuning.for_networks` without hazard, in place, under
    a `landscape_gym.gain_bound.GainBound`. The variances of targets are one for each tensor
    and curvature. For M curvatures it remembers 2 M + 2 numbers for each weight, and one more for
    the average of iterates.

    Args:
        params: As of `SelfScaledAdam`, and so is lr.
        lr: Likewise.
        curvature: The bank, > 0, in units of cost over time squared.
        spread: Standard deviation of how far weights travel, > 0.
        growth: By which fraction of spread^2 the target's variance grows in a step, >= 0.
        discount: Discount per step, in [0, 1).
        betas: Decays per step of the mean gradient and of its noise's variance, in [0, 1).
        stiffness: As of `SelfScaledAdam`.
        gain: Likewise.
        **common: As of `Common`.

    Example:
        >>> model = torch.nn.Linear(3, 1)
        >>> optimizer = FilterBank(model.parameters())
        >>> for _ in range(100):
        ...     optimizer.zero_grad()
        ...     loss = (model(torch.eye(3)) - 1).square().mean()
        ...     loss.backward()
        ...     _ = optimizer.step(loss=loss)
        >>> loss.item() < 0.01
        True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        curvature: tuple[float, ...] = (10**-2.5, 10**-1.5, 10**-0.5),
        spread: float = 0.3,
        growth: float = 3e-4,
        discount: float = 0.99,
        betas: tuple[float, float] = (0.9, 0.95),
        stiffness: float = 4.0,
        gain: float = 1.0,
        **common: Unpack[Common],
    ) -> None:
        constants = {
            "curvature": curvature, "spread": spread, "growth": growth, "discount": discount,
            "betas": betas,
        }  # fmt: skip
        super().__init__(params, lr, constants, stiffness, gain, **common)

    def _check_group(self, group: dict[str, Any]) -> None:
        super()._check_group(group)
        number("spread", group["spread"], low=0.0, strict=True)
        number("growth", group["growth"], low=0.0)
        if not group["curvature"] or not all(h > 0 for h in group["curvature"]):
            raise ValueError(f"curvature is a tuple of some > 0, got {group['curvature']!r}.")
        for value in (group["discount"], *group["betas"]):
            if not 0 <= value < 1:
                raise ValueError(f"discount and betas are in [0, 1), got {value}.")

    def _begun(self, group: dict[str, Any], parameter: Tensor, like: Tensor) -> dict[str, Any]:
        """The prior: wherever parameters start, and as wide as the spread."""
        points = len(group["curvature"])
        target = like + parameter
        gradient = like if parameter.grad is None else parameter.grad.to(like)
        return {
            "exp_avg": torch.zeros_like(like),
            "noise": torch.square(gradient),
            "target": torch.stack([target] * points),
            "log_odds": like.new_zeros((points - 1, *like.shape)),
            "variance": [group["spread"] ** 2] * points,
        }

    def _propose(self, block: Block) -> float:
        group, noises, rooms = block.group, [], block.gradient.new_empty(0, 0)
        velocities = block.parts(block.vector(VELOCITY))
        parts = block.parameters, block.states, block.parts(block.gradient), velocities
        for p, state, y, u in zip(*parts, strict=True):
            bank = Filters.of(group["curvature"], state["variance"], group["discount"], y)
            M = len(bank.curvature)
            theta = p.detach().reshape(-1).to(y.dtype)
            targets, odds = state["target"].view(M, -1), state["log_odds"].view(M - 1, -1)
            mean, noise = state["exp_avg"].view(-1), state["noise"].view(-1)
            n = len(y)
            size = min(CHUNK, n) if y.device.type == "cpu" else n
            rooms = enough(rooms, y, 4 * M + 1, size)
            for start in range(0, n, size):
                part = slice(start, min(start + size, n))
                these = rooms[:, : part.stop - start]
                moments(y[part], mean[part], noise[part], group["betas"], these[0])
                mixture(
                    y[part], theta[part], noise[part], bank, targets[:, part], odds[:, part],
                    these, u[part],
                )  # fmt: skip
            noises.append(noise.mean())
        drift = group["growth"] * group["spread"] ** 2
        for state, r in zip(block.states, numbers_of(noises), strict=True):
            state["variance"] = [
                P * r / (h * h * P + r + TINY) + drift
                for h, P in zip(group["curvature"], state["variance"], strict=True)
            ]
        return 1.0


def aim(h: float, discount: float) -> float:
    """Weight of the distance to a known target, with cost and time per step 1 (theory 2)."""
    lost = 1 - discount + h
    P = (math.sqrt(lost * lost + 4 * discount * h) - lost) / (2 * discount)
    return h + discount * P


def enough(rooms: Tensor, like: Tensor, rows: int, columns: int) -> Tensor:
    """At least so many columns, in the type of `like`: what is there, if it will do."""
    kind = (rows, like.dtype, like.device)
    fits = (len(rooms), rooms.dtype, rooms.device) == kind and rooms.shape[1] >= columns
    return rooms if fits else like.new_empty(rows, columns)


def moments(
    y: Tensor, mean: Tensor, noise: Tensor, betas: tuple[float, float], room: Tensor
) -> None:
    """Running mean of the gradient, and of the squared distance from it, in place."""
    mean.lerp_(y, 1 - betas[0])
    torch.sub(y, mean, out=room)
    noise.mul_(betas[1]).addcmul_(room, room, value=1 - betas[1])


def mixture(
    y: Tensor,
    theta: Tensor,
    noise: Tensor,
    bank: Filters,
    targets: Tensor,
    odds: Tensor,
    rooms: Tensor,
    u: Tensor,
) -> None:
    """The filters after a gradient y, in place, and the move for their mixture, into u.

    Args:
        y: Gradients, (c,).
        theta: Parameters, (c,).
        noise: Its variance, (c,).
        bank: M filters.
        targets: Their means of the target, (M, c).
        odds: Logarithms of the curvatures' probabilities over that of the first, (M - 1, c).
        rooms: For intermediate results, (4 M + 1, c).
        u: The result, (c,).
    """
    top, (distance, V, s, z) = rooms[0], rooms[1:].view(4, len(targets), -1)
    torch.sub(theta, targets, out=distance)
    torch.add(noise, bank.spread, out=V)
    torch.addcmul(y, distance, bank.curvature, value=-1, out=s)
    torch.div(s, V, out=z)
    surprise = s.mul_(z)
    z.mul_(bank.gain)
    targets.sub_(z)
    distance.add_(z)
    top.zero_()
    weights = z  # from here on, in the same place
    if len(odds):
        misfit = torch.div(V[1:], V[0], out=V[1:]).log_()
        odds.sub_(misfit.add_(surprise[1:]).sub_(surprise[0]), alpha=0.5)
        torch.amax(odds, 0, out=top).clamp_(min=0)
        torch.sub(odds, top, out=weights[1:])
    torch.neg(top, out=weights[0])
    torch.mm(bank.whole, weights.exp_(), out=top[None])
    torch.mm(bank.aim, weights.mul_(distance), out=u[None])
    u.div_(top).neg_()
