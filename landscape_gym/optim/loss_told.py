"""The loss as an optimizer is told it: in one of three ways, and the same in all processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class LossTold(torch.optim.Optimizer):
    """An optimizer that has to be told the loss."""

    process_group: Any
    """Of `torch.distributed`, over which losses are averaged; None: all processes."""
    _observed: list[float]

    def observe(self, loss: Any) -> None:
        """Tell the loss ahead of ``step()``; the mean of all that are told before it counts."""
        self._observed.append(_number(loss))

    def _told(self, closure: Callable[[], Any] | None, loss: Any) -> tuple[Any, float]:
        """What `step` returns, and the loss as a number, the same in all processes.

        A closure that returns nothing, as Lightning gives in a manual loop, tells nothing.
        """
        observed, self._observed = self._observed, []
        returned = None
        if closure is not None:
            with torch.enable_grad():
                returned = closure()
        told = [each for each in (returned, loss) if each is not None]
        if observed:
            told.append(sum(observed) / len(observed))
        if len(told) != 1:
            silent = "The closure returned None: let it return the loss."
            raise ValueError(
                f"{type(self).__name__} reads the loss, told in one way: step(closure), where "
                "closure computes the gradients and returns the loss; step(loss=loss); or "
                "observe(loss) before step(). "
                + ("It was told in two." if told else silent if closure else "It was not told.")
            )
        return loss if returned is None else returned, self._over_processes(_number(told[0]))

    def _over_processes(self, value: float) -> float:
        """The mean over the process group, where there is one."""
        distributed = torch.distributed
        if not distributed.is_available() or not distributed.is_initialized():
            return value
        processes = distributed.get_world_size(self.process_group)
        if processes == 1:
            return value
        device = self.param_groups[0]["params"][0].device
        double = torch.float32 if device.type == "mps" else torch.float64  # which has no other
        total = torch.tensor([value], dtype=double, device=device)
        distributed.all_reduce(total, group=self.process_group)
        return total.item() / processes


def _number(loss: Any) -> float:
    """A loss as a number.

    Raises:
        ValueError: for a tensor of several.
    """
    if isinstance(loss, Tensor) and loss.numel() != 1:
        raise ValueError(
            f"the loss is one number, got a tensor of shape {tuple(loss.shape)}: give its mean."
        )
    return loss.item() if isinstance(loss, Tensor) else float(loss)
