"""The bank of Kalman filters as a named optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Unpack

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from landscape_gym.configuration import number
from landscape_gym.optim import rates
from landscape_gym.optim.blocks import Block
from landscape_gym.optim.loss_reading import Common, LossReading
from landscape_gym.optim.moves import VELOCITY
from landscape_gym.optim.pieces import numbers_of
from landscape_gym.optim.rates import RATE

CHUNK = 2**15
"""Coordinates in a piece on a CPU: intermediate results stay in the cache, and calls are few."""
TINY = 1e-30
"""Added to variances that are divided by."""
UNLIKELY = -80.0
"""Logarithm of the least weight of a filter: exponentials that underflow take ten times as long."""
FLAT = 1e-12
"""Added to the root mean square of gradients, which is divided by."""
PRIOR = 1000
"""How many gradients what is known of rates at first is worth."""
RISE = 10.0
"""Weight of what a step promises to add to the loss, in the bound."""


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
    and curvature. For M curvatures it remembers 2 M + 3 numbers for each weight, and one more for
    the average of iterates.

    Filters see gradients in proportion to the root mean square that their tensor's had lately:

        s <- betas[0] s + (1 - betas[0]) mean(g^2),   y = size g / (s / (1 - betas[0]^t))^(1/2)

    so steps are the same whatever the loss is measured in. A bank of fixed curvatures is right for
    gradients of one size alone, and those of a deep network's first layers grow a thousandfold as
    training begins: here curvatures are those in relation to gradients. A target that is believed
    to be far is left behind slowly, so what a step is uphill counts `RISE` times more in the bound.

    Filters take coordinates to be independent, which they are not where layers are many. So each
    coordinate has a factor ``e^l / (1 + t / PRIOR)``, that of `landscape_gym.optim.adam_steps`: it
    grows where the next gradient still points the way of the last ones, and falls where it points
    back. Filters' own gains fall with the age, so the prior is worth ten times as many gradients.

    Args:
        params: As of `SelfScaledAdam`, and so is lr.
        lr: Likewise.
        curvature: The bank, > 0, in units of cost over time squared.
        spread: Standard deviation of how far weights travel, > 0.
        growth: By which fraction of spread^2 the target's variance grows in a step, >= 0.
        discount: Discount per step, in [0, 1).
        betas: Decays per step of the means of gradient and square, and of the variance of the
            gradient's noise, in [0, 1).
        size: Root mean square of the gradients that filters see, > 0.
        adaptation: As of `SelfScaledAdam`, and so are interval, stiffness and gain.
        interval: Likewise.
        stiffness: Likewise.
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
        size: float = 0.01,
        adaptation: float = 0.1,
        interval: int = 4,
        stiffness: float = 4.0,
        gain: float = 3.0,
        **common: Unpack[Common],
    ) -> None:
        constants = {
            "curvature": curvature, "spread": spread, "growth": growth, "discount": discount,
            "betas": betas, "size": size, "adaptation": adaptation, "interval": interval,
        }  # fmt: skip
        super().__init__(params, lr, constants, stiffness, gain, **common)
        self.bound = replace(self.bound, rise=RISE)

    def _check_group(self, group: dict[str, Any]) -> None:
        super()._check_group(group)
        for name in ("spread", "size"):
            number(name, group[name], low=0.0, strict=True)
        number("growth", group["growth"], low=0.0)
        rates.check(group)
        if not group["curvature"] or not all(h > 0 for h in group["curvature"]):
            raise ValueError(f"curvature is a tuple of some > 0, got {group['curvature']!r}.")
        for value in (group["discount"], *group["betas"]):
            if not 0 <= value < 1:
                raise ValueError(f"discount and betas are in [0, 1), got {value}.")

    def _begun(self, group: dict[str, Any], parameter: Tensor, like: Tensor) -> dict[str, Any]:
        """The prior: wherever parameters start, and as wide as the spread."""
        points = len(group["curvature"])
        begun = {
            "exp_avg": torch.zeros_like(like),
            "noise": torch.zeros_like(like),
            "mean_square": 0.0,
            "target": torch.stack([like + parameter] * points),
            "log_odds": like.new_zeros((points - 1, *like.shape)),
            "variance": [group["spread"] ** 2] * points,
        }
        return begun | {RATE: torch.ones_like(like)} if group["adaptation"] else begun

    def _propose(self, blocks: list[Block]) -> list[float]:
        return [self._mixed(block) for block in blocks]

    def _mixed(self, block: Block) -> float:
        """Filters after a block's gradients, and the moves for their mixtures, up to a factor."""
        group, noises, rooms = block.group, [], block.gradient.new_empty(0, 0)
        rated, faded = RATE in block.states[0], 1 + block.age / PRIOR
        adapted = rated and rates.due(group, block.age)
        weight = group["interval"] * group["adaptation"]
        velocities = block.parts(block.vector(VELOCITY))
        gradients = block.parts(block.gradient)
        scales = _scales(group, block.states, gradients)
        parts = block.parameters, block.states, scales, gradients, velocities
        for p, state, scale, g, u in zip(*parts, strict=True):
            bank = Filters.of(group["curvature"], state["variance"], group["discount"], g)
            M = len(bank.curvature)
            theta = p.detach().reshape(-1).to(g.dtype)
            targets, odds = state["target"].view(M, -1), state["log_odds"].view(M - 1, -1)
            mean, noise = state["exp_avg"].view(-1), state["noise"].view(-1)
            n = len(g)
            length = min(CHUNK, n) if g.device.type == "cpu" else n
            rooms = enough(rooms, g, 4 * M + 2, length)
            for start in range(0, n, length):
                part = slice(start, min(start + length, n))
                y, these = rooms[0, : part.stop - start], rooms[1:, : part.stop - start]
                torch.mul(g[part], scale, out=y)
                if block.age == 1:
                    torch.square(y, out=noise[part])
                if adapted:
                    torch.mul(mean[part], y, out=these[1])
                moments(y, mean[part], noise[part], group["betas"], these[0])
                if adapted:
                    agreement = agreeing(these[1], mean[part], noise[part], these[2])
                    rates.grow(state[RATE].view(-1)[part], agreement, weight, faded)
                mixture(
                    y, theta[part], noise[part], bank, targets[:, part], odds[:, part], these,
                    u[part],
                )  # fmt: skip
                if rated:
                    u[part].mul_(state[RATE].view(-1)[part])
            noises.append(noise.mean())
        drift = group["growth"] * group["spread"] ** 2
        for state, r in zip(block.states, numbers_of(noises), strict=True):
            state["variance"] = [
                P * r / (h * h * P + r + TINY) + drift
                for h, P in zip(group["curvature"], state["variance"], strict=True)
            ]
        return 1 / faded if rated else 1.0


def _scales(
    group: dict[str, Any], states: Sequence[dict[str, Any]], gradients: Sequence[Tensor]
) -> list[float]:
    """What each tensor's gradient is multiplied by; the states' mean squares are updated."""
    decay, scales = group["betas"][0], []
    norms = torch._foreach_norm(list(gradients))  # pyright: ignore[reportPrivateImportUsage]
    for state, g, norm in zip(states, gradients, numbers_of(list(norms)), strict=True):
        state["mean_square"] = decay * state["mean_square"] + (1 - decay) * norm**2 / len(g)
        mean_square = state["mean_square"] / (1 - decay ** state["step"])
        scales.append(group["size"] / (math.sqrt(mean_square) + FLAT))
    return scales


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


def agreeing(product: Tensor, mean: Tensor, noise: Tensor, room: Tensor) -> Tensor:
    """A gradient times the mean before it, over the second moment after it, in [-1, 1].

    Args:
        product: Of the two; the result, too.
        mean: Running mean of the gradients.
        noise: Of the squared distance from it.
        room: For an intermediate result.
    """
    torch.addcmul(noise, mean, mean, out=room)
    return product.div_(room.add_(TINY)).clamp_(-1, 1)


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
        torch.sub(odds, top, out=weights[1:]).clamp_(min=UNLIKELY)
    torch.neg(top, out=weights[0]).clamp_(min=UNLIKELY)
    torch.mm(bank.whole, weights.exp_(), out=top[None])
    torch.mm(bank.aim, weights.mul_(distance), out=u[None])
    u.div_(top).neg_()
