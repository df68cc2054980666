"""Products with the Fisher information of a network, for natural gradients.

Notation: f(theta) the N outputs of a network, J their Jacobian, and for each datum S the Hessian of
the loss in its outputs. Then

    F = 1/N sum J' S J        the Fisher information of the model, also the Gauss-Newton matrix
    F v = 1/N J' (S (J v))    two passes through the network; F itself is never formed
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call, vjp

from landscape_gym.configuration import one_of


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
