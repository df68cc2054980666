"""Natural gradients of networks: products with the Fisher information, and solving with them.

Notation: f(theta) the N outputs of a network, J their Jacobian, and for each datum S the Hessian of
the loss in its outputs. Then

    F = 1/N sum J' S J        the Fisher information of the model, also the Gauss-Newton matrix
    F v = 1/N J' (S (J v))    two passes through the network; F itself is never formed
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call, vjp

from landscape_gym.configuration import one_of

TOLERANCE = 1e-10
"""Norm of the residual, relative to the right-hand side, at which a solution is good enough."""


class ConjugateGradients(NamedTuple):
    """What `conjugate_gradients` found."""

    solution: Any
    """(..., d)"""
    converged: bool
    """Whether every row came to the tolerance."""
    residual: float
    """Largest relative norm of the residual, over the rows."""
    iterations: int
    """Products that it took."""


def conjugate_gradients(
    product: Callable[[Any], Any],
    right: Any,
    *,
    damping: float = 0.0,
    tolerance: float = TOLERANCE,
    iterations: int | None = None,
) -> ConjugateGradients:
    """Solve ``(A + damping I) x = b`` for each row b by products with A.

    Plain arithmetic, for NumPy arrays and torch tensors alike. Rows are solved side by side.

    Args:
        product: From vectors (..., d) to A times them; A symmetric positive semidefinite.
        right: b, (..., d).
        damping: What is added to A's diagonal, >= 0.
        tolerance: Relative norm of the residual at which to stop; it is not met in float32 below
            about 1e-6.
        iterations: Most products; None is 2 d.

    Example:
        >>> import numpy as np
        >>> A = np.array([[2.0, 1.0], [1.0, 2.0]])
        >>> conjugate_gradients(lambda v: v @ A, np.array([3.0, 0.0])).solution
        array([ 2., -1.])
    """
    x, r = 0.0 * right, right
    direction, r2 = r, _dot(r, r)
    goal = tolerance**2 * r2
    limit = 2 * right.shape[-1] if iterations is None else iterations
    count = 0
    while count < limit and bool((r2 > goal).any()):
        image = product(direction) + damping * direction
        curvature = _dot(direction, image)
        # A row that is done, or where A is flat, stays: 0 / 1 instead of 0 / 0.
        moving = (r2 > goal) * (curvature > 0)
        step = moving * r2 / (curvature + (curvature <= 0))
        x, r = x + step * direction, r - step * image
        before, r2 = r2, _dot(r, r)
        direction = r + (r2 / (before + (before == 0))) * direction
        count += 1
    relative = float(((r2 / (goal + (goal == 0))) ** 0.5).max()) * tolerance
    return ConjugateGradients(x, relative <= tolerance, relative, count)


def fisher_product(
    module: torch.nn.Module, inputs: Tensor, likelihood: str = "categorical"
) -> Callable[[Tensor], Tensor]:
    """The function v -> F v at the module's present parameters, for flat vectors (d,).

    Args:
        module: A network; its outputs are (N, outputs).
        inputs: The N data; their classes or values do not matter to F.
        likelihood: What the outputs are to the model: "categorical", logits of classes
            (``cross_entropy``); "bernoulli", logits of independent events
            (``binary_cross_entropy_with_logits``, summed over outputs); "normal", means of unit
            variance (half of ``mse_loss``, summed over outputs).

    Raises:
        ValueError: for another likelihood.

    Example:
        >>> net = torch.nn.Linear(1, 1, bias=False)
        >>> product = fisher_product(net, torch.tensor([[1.0], [3.0]]), "normal")
        >>> product(torch.ones(1))
        tensor([5.])
    """
    weigh = LIKELIHOODS[one_of("likelihood", likelihood, LIKELIHOODS)]
    parameters = {name: p.detach() for name, p in module.named_parameters()}
    sizes = [p.numel() for p in parameters.values()]

    def unflat(vector: Tensor) -> dict[str, Tensor]:
        parts = zip(parameters.items(), vector.split(sizes), strict=True)
        return {name: part.view(p.shape) for (name, p), part in parts}

    def outputs(values: dict[str, Tensor]) -> Tensor:
        return functional_call(module, values, (inputs,))

    # J v by going backward through J' w, which is linear in w.
    seen, back = vjp(outputs, parameters)[:2]
    forward = vjp(lambda w: back(w)[0], torch.zeros_like(seen))[1]

    def product(vector: Tensor) -> Tensor:
        (tangent,) = forward(unflat(vector))
        (pulled,) = back(weigh(seen, tangent) / len(inputs))
        return torch.cat([pulled[name].flatten() for name in parameters]).detach()

    return product


def _categorical(logits: Tensor, tangent: Tensor) -> Tensor:
    p = torch.softmax(logits, dim=-1)
    return p * (tangent - (p * tangent).sum(-1, keepdim=True))


def _bernoulli(logits: Tensor, tangent: Tensor) -> Tensor:
    p = torch.sigmoid(logits)
    return p * (1 - p) * tangent


def _normal(means: Tensor, tangent: Tensor) -> Tensor:
    return tangent


LIKELIHOODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "categorical": _categorical,
    "bernoulli": _bernoulli,
    "normal": _normal,
}
"""``S t``, from the outputs and t, (N, outputs), by likelihood."""


def _dot(left: Any, right: Any) -> Any:
    """Row by row, (..., 1)."""
    return (left * right).sum(-1)[..., None]
