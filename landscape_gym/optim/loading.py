"""A state that was saved, loaded as it was, and only where it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def loading(
    optimizer: torch.optim.Optimizer, check_group: Callable[[dict[str, Any]], None]
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Where what is loaded is refused, the optimizer has the state and the groups that it had.

    Args:
        optimizer: Into which a state is loaded.
        check_group: Refuses constants that are out of their range.

    Yields:
        What follows torch's loading of a ``state_dict``: it checks the groups, and keeps the types
        of the state, which torch makes the parameters', such as half precision.
    """
    had = {"state": optimizer.state, "param_groups": optimizer.param_groups}

    def follow(state_dict: Mapping[str, Any]) -> None:
        for group, before in zip(optimizer.param_groups, had["param_groups"], strict=True):
            if missing := sorted(optimizer.defaults.keys() & before - group.keys()):
                raise ValueError(
                    f"a group of the state lacks {', '.join(map(repr, missing))}: it is not of "
                    f"{type(optimizer).__name__}."
                )
            check_group(group)
        numbers = [i for group in state_dict["param_groups"] for i in group["params"]]
        own = [p for group in optimizer.param_groups for p in group["params"]]
        for p, i in zip(own, numbers, strict=True):
            for name, value in state_dict["state"].get(i, {}).items():
                if isinstance(value, Tensor):
                    optimizer.state[p][name] = value.detach().to(p.device, copy=True)

    try:
        yield follow
    except (TypeError, ValueError):
        optimizer.__setstate__(had)
        raise


def check_shape(name: str, value: Any, *accepted: tuple[int, ...]) -> None:
    """Refuse a part of a state that is no tensor of a shape that it can have.

    Raises:
        ValueError: naming the part.
    """
    shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    if shape not in accepted:
        raise ValueError(
            f"{name!r} of the state is a tensor of shape {accepted[0]}, got {shape}: it is that of "
            "other parameters, or of more than have gradients now."
        )
