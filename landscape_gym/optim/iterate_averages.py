"""Averages of an optimizer's iterates, for evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

AVERAGE = "average"
"""Key of a parameter's average over its iterates."""
POWER = 9
"""Of the age, by which iterates are weighted in that average."""
APART = 10
"""Steps between two iterates that it takes in, as momentum makes those in between alike; of the
first ones it takes in every one."""


class IterateAverages(torch.optim.Optimizer):
    """An optimizer whose parameters' states have averages, where `averaging` is true.

    The network holds the last iterate all along, so there is no mode to forget.
    """

    averaging: bool

    def _newness(self, age: int) -> float:
        """Weight of an iterate of that age in the average, 0 if it has no part in it."""
        number, between = divmod(age, APART)
        if number == 0:
            return POWER / (between - 1 + POWER)
        return 0.0 if between else POWER / (number - 1 + POWER)

    def averaged_parameters(self) -> dict[Any, Tensor]:
        """Averages over the iterates, every tenth, in which late ones count more: age^9.

        Returns:
            Tensors of their own; by name where the optimizer was given ``named_parameters()``,
            else by parameter. A parameter that was never moved is there as it is.

        Raises:
            ValueError: for an optimizer made with ``averaging=False``.
        """
        if not self.averaging:
            raise ValueError("averages were not kept: make the optimizer with averaging=True.")
        found: dict[Any, Tensor] = {}
        for group in self.param_groups:
            for i, p in enumerate(group["params"]):
                key = group["param_names"][i] if "param_names" in group else p
                average = self.state[p].get(AVERAGE, p) if p in self.state else p
                found[key] = average.detach().to(p.dtype, copy=True)
        return found

    @contextmanager
    def averaged(
        self, model: nn.Module | None = None, batches: Iterable[Any] | None = None
    ) -> Iterator[None]:
        """Within it parameters are their averages; afterwards all is as it was.

        Args:
            model: That of the parameters, if it has batch normalisation: the running statistics
                are of the last iterates, and are computed anew within from `batches`.
            batches: What the model is called on: inputs, or tuples that begin with them.
        """
        if (model is None) != (batches is None):
            raise ValueError("give the model and batches of its inputs, or neither.")
        averages = self.averaged_parameters()
        every = [p for group in self.param_groups for p in group["params"]]
        kept = [p.detach().clone() for p in every]
        buffers = {name: b.clone() for name, b in model.named_buffers()} if model else {}
        _overwrite(every, averages.values())
        try:
            if model is not None and batches is not None:
                update_bn(batches, model, device=every[0].device)
            yield
        finally:
            _overwrite(every, kept)
            if model is not None:
                own = dict(model.named_buffers())
                _overwrite([own[name] for name in buffers], buffers.values())


def _overwrite(tensors: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    with torch.no_grad():
        for tensor, value in zip(tensors, values, strict=True):
            tensor.copy_(value)
