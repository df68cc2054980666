"""Gauss-Newton products of networks are what torch's dense Jacobians and Hessians say."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd.functional import hessian, jacobian
from torch.func import functional_call

from landscape_gym.networks import ConvNet, Mlp, NetworkLandscape
from landscape_gym.networks.curvature import ggn_matrix, ggn_product
from landscape_gym.rules import NaturalGradient, conjugate_gradients

RNG = np.random.default_rng(0)
X, IMAGES = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 1, 4, 4))
CLASSES, VALUES = np.arange(7) % 3, RNG.normal(size=(7, 3))
CASES: list[Any] = [
    (Mlp((4,)), X, CLASSES),
    (Mlp((4,)), X, VALUES),
    (ConvNet((2,)), IMAGES, CLASSES),
]


def points(landscape: NetworkLandscape, rows: int = 2) -> np.ndarray:
    return 0.5 * np.random.default_rng(1).normal(size=(rows, landscape.dim))


def dense(model: Any, x: np.ndarray, y: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """J' S J of one network, from the module itself."""
    module = model.build(x.shape[1:], 3).double()
    shapes = [(name, p.shape, p.numel()) for name, p in module.named_parameters()]
    inputs, targets = torch.tensor(x, dtype=torch.float32).double(), torch.tensor(y)
    functional = torch.nn.functional
    loss = functional.cross_entropy if targets.ndim == 1 else functional.mse_loss
    targets = targets if targets.ndim == 1 else targets.float().double()

    def outputs(point: torch.Tensor) -> torch.Tensor:
        parts = point.split([size for *_, size in shapes])
        named = {n: part.view(s) for (n, s, _), part in zip(shapes, parts, strict=True)}
        return functional_call(module, named, (inputs,)).flatten()

    point = torch.tensor(theta)
    J: Any = jacobian(outputs, point)
    S: Any = hessian(lambda out: loss(out.view(7, 3), targets), outputs(point))
    return (J.T @ S @ J).numpy()


@pytest.mark.parametrize(("model", "x", "y"), CASES, ids=lambda case: str(case)[:10])
def test_products_and_matrix_are_the_dense_ones(model: Any, x: np.ndarray, y: np.ndarray) -> None:
    landscape = NetworkLandscape(model, (x, y))
    theta = points(landscape)
    expected = np.stack([dense(model, x, y, row) for row in theta])
    matrix = ggn_matrix(landscape, theta)
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    assert np.linalg.eigvalsh(matrix).min() > -1e-12
    v = RNG.normal(size=theta.shape)
    np.testing.assert_allclose(ggn_product(landscape, theta)(v), np.matvec(expected, v), atol=1e-12)


def test_of_a_linear_model_with_mean_squares_it_is_the_hessian() -> None:
    landscape = NetworkLandscape(Mlp(()), (X, VALUES))
    theta, step = points(landscape, 1), 0.5
    rows = []  # the gradient is linear in theta, so differences are exact
    for axis in np.eye(landscape.dim):
        ahead, behind = (
            landscape.grad((), theta + sign * step * axis)  # type: ignore[arg-type]
            for sign in (1, -1)
        )
        rows.append((ahead - behind)[0] / (2 * step))
    np.testing.assert_allclose(ggn_matrix(landscape, theta)[0], rows, atol=1e-10)


def test_natural_gradients_by_conjugate_gradients_are_the_dense_solution() -> None:
    landscape = NetworkLandscape(Mlp((4,)), (X, CLASSES))
    theta, damping = points(landscape), 0.01
    gradient = landscape.grad((), theta)  # type: ignore[arg-type]
    G = ggn_matrix(landscape, theta) + damping * np.eye(landscape.dim)
    expected = np.linalg.solve(G, gradient[..., None])[..., 0]
    product = ggn_product(landscape, theta)
    found = conjugate_gradients(product, gradient, damping=damping)
    assert found.converged
    np.testing.assert_allclose(found.solution, expected, rtol=1e-6, atol=1e-9)
    rule = NaturalGradient(lr=0.5, metric=None, damping=damping)
    u, _ = rule.update(gradient, rule.init(gradient), fisher=product)
    np.testing.assert_allclose(u, -0.5 * expected, rtol=1e-6, atol=1e-9)
    assert (landscape.loss((), theta + u) < landscape.loss((), theta)).all()  # type: ignore[arg-type]
