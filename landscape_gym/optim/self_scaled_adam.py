"""Self-scaled Adam as a named optimizer."""

from __future__ import annotations

from typing import Any, Unpack

from torch import Tensor
from torch.optim.optimizer import ParamsT

from landscape_gym.optim import adam_steps
from landscape_gym.optim.loss_reading import Common, LossReading, Moved, Proposal


class SelfScaledAdam(LossReading):
    """Adam without a learning rate: steps in units of the initialisation, bounded by the loss."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        scale: float = 0.4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        stiffness: float = 3.0,
        gain: float = 0.5,
        **common: Unpack[Common],
    ) -> None:
        constants = {"scale": scale, "betas": betas, "eps": eps}
        super().__init__(params, lr, constants, stiffness, gain, **common)

    def _check_group(self, group: dict[str, Any]) -> None:
        super()._check_group(group)
        adam_steps.check(group)

    def _begun(self, parameter: Tensor, like: Tensor) -> dict[str, Any]:
        return adam_steps.begun(like)

    def _proposed(self, group: dict[str, Any], moved: list[Moved]) -> tuple[list[Proposal], float]:
        gradients = [m.gradient.contiguous() for m in moved]
        return adam_steps.proposed(group, moved, gradients, [self._room(m) for m in moved])
