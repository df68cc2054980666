"""What is not finite: found in one pass over it, and said once."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from landscape_gym.optim.pieces import numbers_of


def all_finite(gradients: Sequence[Tensor]) -> bool:
    """Whether all numbers of some vectors are finite, and their squares, which rules remember.

    Example:
        >>> import torch
        >>> all_finite([torch.full((2,), 1e19)]), all_finite([torch.full((2,), 1e20)])
        (True, False)
    """
    if not gradients:
        return True
    wide = [g.float() if g.dtype in (torch.float16, torch.bfloat16) else g for g in gradients]
    return squares_finite(wide, numbers_of([torch.dot(g, g) for g in wide]))


def squares_finite(vectors: Sequence[Tensor], products: Sequence[float]) -> bool:
    """Whether all squares are finite, told by the vectors' products with themselves.

    A product is fast, and not finite if any square is not; but it may overflow by itself.
    """
    return math.isfinite(sum(products)) or all(
        math.isfinite(product) or bool(v.square().isfinite().all())
        for product, v in zip(products, vectors, strict=True)
    )


def warn_once(optimizer: Any, loss: float) -> None:
    """Warn that it was given something that is not finite: the loss, or a gradient or its square.

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
