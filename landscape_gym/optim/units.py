"""Units of parameters: how widely torch's default initialisation draws them; and steps in them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from landscape_gym.optim.blocks import matrix_shape


def units(groups: list[dict[str, Any]]) -> dict[Tensor, float]:
    """The unit of each parameter's coordinates: 1 / (inputs of a unit)^(1/2).

    Vectors, such as biases and the weights of normalisation, have the unit of the matrix before
    them in their group. Where there is none, as in a group of vectors alone, they have that of
    their module's weight, if parameters have names, else the geometric mean of all matrices' units;
    1 in a network without matrices.
    """
    found: dict[Tensor, float] = {}
    by_module: dict[str, float] = {}
    waiting: list[tuple[Tensor, str]] = []
    for group in groups:
        names = group.get("param_names", [""] * len(group["params"]))
        before = None
        for p, name in zip(group["params"], names, strict=True):
            module = name.rpartition(".")[0]
            if p.ndim > 1:
                before = found[p] = 1 / math.sqrt(max(1, math.prod(p.shape[1:])))
                by_module.setdefault(module, before)
            elif before is not None:
                found[p] = before
            else:
                waiting.append((p, module if name else ""))
    middle = math.exp(sum(map(math.log, found.values())) / len(found)) if found else 1.0
    for p, module in waiting:
        found[p] = by_module.get(module, middle) if module else middle
    return found


def signed_step(parameters: Iterable[Tensor]) -> float:
    """Length of a step of one unit in all coordinates, over the initialisation, summed over layers.

    In first steps a layer's gradients are alike, up to signs of its inputs and units, so such a
    step is a matrix of rank one. Its spectral norm is ``rows^(1/2)``; that of a matrix that torch
    draws is about ``(rows^(1/2) + columns^(1/2)) / (3 columns)^(1/2)``.
    """
    shapes = (matrix_shape(p.shape) for p in parameters if p.ndim > 1)
    return sum(
        math.sqrt(3 * rows * columns) / (math.sqrt(rows) + math.sqrt(columns))
        for rows, columns in shapes
    )
