"""Problems some of whose constants are tensors, for gradients with respect to these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from landscape_gym.configuration import unknown
from landscape_gym.problem import NavigationProblem

CONSTANTS = ("eta", "k", "dt", "gamma", "drift")
"""Constants of a problem that may be tensors."""


class Varied:
    """A problem with tensors in place of some of its `CONSTANTS`.

    Raises:
        ValueError: for a name that is not known.
    """

    def __init__(self, problem: NavigationProblem, constants: Mapping[str, Tensor]) -> None:
        for name in constants:
            if name not in CONSTANTS:
                raise ValueError(unknown("constant", name, CONSTANTS))
        self._problem, self._constants = problem, constants

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # of a copy that is being made
            raise AttributeError(name)
        constants = self._constants
        return constants[name] if name in constants else getattr(self._problem, name)

    @property
    def discount(self) -> Tensor:
        """``exp(-gamma dt)``."""
        return torch.exp(-torch.as_tensor(self.gamma * self.dt))
