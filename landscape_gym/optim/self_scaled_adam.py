"""Self-scaled Adam as a named optimizer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Unpack

from torch import Tensor
from torch.optim.optimizer import ParamsT

from landscape_gym.optim import adam_steps
from landscape_gym.optim.blocks import Block
from landscape_gym.optim.loss_reading import Common, LossReading
from landscape_gym.optim.moves import VELOCITY
from landscape_gym.optim.units import signed_step

WARM_UP = 5
"""Steps of the bound's warm-up for each initialisation that a signed step is long."""


class SelfScaledAdam(LossReading):
    """Adam without a learning rate: steps in units of the initialisation, bounded by the loss.

    The recurrence of `landscape_gym.rules.SelfScaledAdam`, in place, under a
    `landscape_gym.gain_bound.GainBound`. What it needs of a training loop is the loss: see
    `LossReading`, which also has the averages, diagnostics and what else all of these share.

    The first steps are hardly more than signs, equally long in all coordinates, and the wider and
    the deeper a network is, the further they throw it: what is lost then takes hundreds of steps to
    make up for. So warm-up is in proportion to how long they are
    (`landscape_gym.optim.units.signed_step`): 50 steps with two hidden layers of 40, 1300 with
    eighteen of 256.

    Args:
        params: Parameters, ``named_parameters()``, or groups with constants of their own.
        lr: Factor of every step, for schedules and groups; no learning rate, and not to be tuned.
        scale: Velocity of a coordinate whose gradient is all signal, in its unit.
        betas: Decays per step of the means of gradient and square, in [0, 1).
        eps: What is added to the root, > 0.
        adaptation: How fast coordinates find rates of their own, in logarithms a step, >= 0; 0:
            there are none, which saves a number for each weight and a quarter of the time.
        interval: Steps between two adaptations, >= 1, as one takes as long as the rest of a step;
            with `adaptation` at most 1 as a product.
        stiffness: Of the bound: rate of the fastest direction over the mean rate, > 0.
        gain: Of the bound: what may be left over what was gained lately, > 0.
        **common: As of `Common`.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(3, 1)
        >>> optimizer = SelfScaledAdam(model.parameters())
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
        scale: float = 0.4,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        adaptation: float = 0.1,
        interval: int = 4,
        stiffness: float = 3.0,
        gain: float = 3.0,
        **common: Unpack[Common],
    ) -> None:
        constants = {
            "scale": scale, "betas": betas, "eps": eps, "adaptation": adaptation,
            "interval": interval,
        }  # fmt: skip
        super().__init__(params, lr, constants, stiffness, gain, **common)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, as of `LossReading`; the more there are, the longer is the warm-up."""
        super().add_param_group(param_group)
        length = signed_step(p for group in self.param_groups for p in group["params"])
        self.bound = replace(self.bound, warm_up=max(1, round(WARM_UP * length)))

    def _check_group(self, group: dict[str, Any]) -> None:
        super()._check_group(group)
        adam_steps.check(group)

    def _begun(self, group: dict[str, Any], parameter: Tensor, like: Tensor) -> dict[str, Any]:
        return adam_steps.begun(like, group["adaptation"])

    def _propose(self, blocks: list[Block]) -> list[float]:
        return [self._proposed(block) for block in blocks]

    def _proposed(self, block: Block) -> float:
        """A block's velocities, up to a factor.

        At age t they are divided by 1 + t / PRIOR, all alike, where coordinates have factors. That
        is how the gain of a Kalman filter falls, for a target at rest, with a prior that is worth
        so many observations; where gradients agree, factors make up for it.
        """
        velocity = block.vector(VELOCITY)
        rate, faded = adam_steps.follow(block, block.gradient, velocity), 1.0
        if rate is not None:
            velocity.mul_(rate)
            faded = 1 / (1 + block.age / adam_steps.PRIOR)
        return block.group["scale"] * faded * block.in_units(velocity)
