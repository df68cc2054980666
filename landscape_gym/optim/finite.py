"""What is not finite: found in one pass over it, and said once."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from landscape_gym.optim.pieces import numbers_of


def all_finite(tensors: Sequence[Tensor]) -> bool:
    """Whether all numbers of some tensors are finite.

    Example:
        >>> import torch
        >>> all_finite([torch.full((2,), 3e38)]), all_finite([torch.tensor([1.0, math.nan])])
        (True, False)
    """
    if not tensors:
        return True
    # A sum is fast, and not finite if any part is not; but it may have overflowed by itself.
    sums = numbers_of([tensor.sum() for tensor in tensors])
    return all(
        math.isfinite(total) or bool(tensor.isfinite().all())
        for total, tensor in zip(sums, tensors, strict=True)
    )


def warn_once(optimizer: Any, loss: float) -> None:
    """Warn that it was given something that is not finite: the loss, or else a gradient.

    Args:
        optimizer: Whose `step` calls this; ``_warned`` tells whether it was said.
        loss: As it was told.
    """
    if optimizer._warned:
        return
    optimizer._warned = True
    what = "a gradient that is not finite" if math.isfinite(loss) else f"a loss of {loss}"
    warnings.warn(
        f"{type(optimizer).__name__} was given {what}: nothing moves in such a step, and no state "
        "changes. This is said once.",
        RuntimeWarning,
        stacklevel=5,  # who called `step`, through what torch puts around it
    )
