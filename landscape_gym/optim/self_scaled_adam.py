"""Self-scaled Adam as a named optimizer."""

from __future__ import annotations

from typing import Unpack

from torch.optim.optimizer import ParamsT

from landscape_gym.optim import adam_steps
from landscape_gym.optim.blocks import Block
from landscape_gym.optim.loss_reading import Common
from landscape_gym.optim.moves import VELOCITY
from landscape_gym.optim.self_scaled import SelfScaled


class SelfScaledAdam(SelfScaled):
    """Adam without a learning rate: steps in units of the initialisation, bounded by the loss.

    The recurrence of `landscape_gym.rules.SelfScaledAdam`, in place, under a
    `landscape_gym.gain_bound.GainBound`. What it needs of a training loop is the loss: see
    `LossReading`, which also has the averages, diagnostics and what else all of these share.

    Its warm-up is in proportion to how far first steps throw the network: see `SelfScaled`.

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

    def _propose(self, block: Block) -> float:
        return adam_steps.propose(block, block.gradient, block.vector(VELOCITY))
