"""Curvature of networks: products with their Gauss-Newton matrix, which is the Fisher information.

Notation: f(theta) the outputs for all data, J their Jacobian, S the Hessian of the loss in them.

    G = J' S J        positive semidefinite where the loss is convex in the outputs
    G v = J' (S (J v))    three linear passes; G itself is never formed

For cross entropy G is the Fisher information of the model, for the mean square over m outputs it is
2 / m times that of a model of unit variance. A linear model's is the Hessian of its loss.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, vjp

from landscape_gym.arrays import dtype_of
from landscape_gym.landscapes.base import Array
from landscape_gym.networks.landscape import NetworkLandscape, engine_of


def ggn_product(landscape: NetworkLandscape, theta: Array) -> Callable[[Array], Array]:
    """The function v -> G v at `theta`, both (batch, dim), on all training data.

    It holds what the networks computed at `theta` for all data. Natural gradients come of it by
    conjugate gradients: give it as ``fisher`` to `landscape_gym.rules.NaturalGradient`, or to
    `landscape_gym.rules.conjugate_gradients`, with a tolerance that theta's dtype allows.

    Raises:
        TypeError: for another landscape.

    Reference: Schraudolph, "Fast curvature matrix-vector products for second-order gradient
    descent", 2002; Martens, "Deep learning via Hessian-free optimization", 2010.

    Example:
        >>> from landscape_gym.networks import Mlp
        >>> x = np.array([[1.0], [3.0]])
        >>> landscape = NetworkLandscape(Mlp(()), (x, 2 * x))  # mean square of w x + b - 2 x
        >>> ggn_product(landscape, np.zeros((1, 2)))(np.array([[1.0, 0.0]]))
        array([[10.,  4.]])
    """
    if type(landscape) is not NetworkLandscape:
        raise TypeError(
            f"products are of networks on data that stay: a NetworkLandscape, got "
            f"{type(landscape).__name__}."
        )
    engine = engine_of(landscape, dtype_of(theta))
    networks, (x, y) = engine.networks, (part[None] for part in engine.train)
    tensor = lambda array: torch.from_numpy(array).to(engine.device, engine.dtype)  # noqa: E731
    point = tensor(theta)
    outputs, back = vjp(lambda point: networks.outputs(networks.split(point), x), point)[:2]
    # Forward by going backward through J' w, which is linear in w.
    forward = vjp(lambda w: back(w)[0], torch.zeros_like(outputs))[1]
    slope = grad(lambda outputs: networks.losses(outputs, y).sum())
    bend = vjp(slope, outputs)[1]  # S is symmetric

    def product(v: Array) -> Array:
        pulled: Tensor = back(*bend(*forward(tensor(v))))[0]
        return pulled.detach().cpu().numpy().astype(v.dtype, copy=False)

    return product


def ggn_matrix(landscape: NetworkLandscape, theta: Array) -> Array:
    """G at `theta` (batch, dim) itself, (batch, dim, dim), by a product for each parameter.

    Example:
        >>> from landscape_gym.networks import Mlp
        >>> x = np.array([[1.0], [3.0]])
        >>> ggn_matrix(NetworkLandscape(Mlp(()), (x, 2 * x)), np.zeros((1, 2)))
        array([[[10.,  4.],
                [ 4.,  2.]]])
    """
    product = ggn_product(landscape, theta)
    axes = np.eye(theta.shape[1], dtype=theta.dtype)
    return np.stack([product(np.tile(axis, (len(theta), 1))) for axis in axes], axis=-1)
