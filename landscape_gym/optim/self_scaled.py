"""What optimizers have in common that step as Adam does, in units of the initialisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from landscape_gym.optim import adam_steps
from landscape_gym.optim.loss_reading import LossReading
from landscape_gym.optim.units import signed_step

WARM_UP = 5
"""Steps of the bound's warm-up for each initialisation that a signed step is long."""


class SelfScaled(LossReading):
    """Base of optimizers whose steps are `landscape_gym.optim.adam_steps`.

    The first steps are hardly more than signs, equally long in all coordinates, and the wider and
    the deeper a network is, the further they throw it: what is lost then takes hundreds of steps to
    make up for. So warm-up is in proportion to how long they are
    (`landscape_gym.optim.units.signed_step`): 50 steps with two hidden layers of 40, 1300 with
    eighteen of 256.
    """

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
