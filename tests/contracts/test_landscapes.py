"""What every landscape promises, over the registry, variants of its members and torch losses."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch

from landscape_gym import configuration
from landscape_gym.landscapes import (
    LANDSCAPES,
    Ackley,
    Cliff,
    LogisticRegression,
    MatrixQuadratic,
    Quadratic,
    Saddle,
    TorchLandscape,
    assign,
    take,
)
from tests.contracts.instances import BATCH, batch, draws


def free_dimension(cls: type) -> bool:
    return next(f for f in dataclasses.fields(cls) if f.name == "dim").init


def registered() -> dict[str, Any]:
    members: dict[str, Any] = {}
    for kind, cls in LANDSCAPES.items():
        if free_dimension(cls):
            members |= {f"{kind}-{dim}": cls(dim=dim) for dim in (2, 10)}
        else:
            members[kind] = cls()
    return members


def quadratics() -> dict[str, Quadratic]:
    root = np.random.default_rng(0).normal(size=(3, 3))
    spectra = ["log_uniform", "power_law", "conditioned"]
    members = {
        f"quadratic-{kind}{'-rotated' * turned}": Quadratic(
            dim=4, curvature=kind, rotated=turned, optimum_std=1.0
        )
        for kind in spectra
        for turned in (False, True)
    }
    return members | {
        "quadratic-values": Quadratic(dim=3, curvature=(0.0, 1.0, 2.0), optimum=(1.0, 2.0, -1.0)),
        "quadratic-values-rotated": Quadratic(dim=3, curvature=(0.1, 1.0, 2.0), rotated=True),
        "quadratic-dense": Quadratic(dim=3, curvature=root @ root.T, optimum_std=0.5),
        "quadratic-one-dimension": Quadratic(dim=1, curvature="conditioned", optimum=2.0),
    }


def torch_ellipse() -> TorchLandscape:
    """Quartic bowls about random centres, as a mean over four data that minibatches pick from."""
    data = torch.tensor([-1.0, -0.5, 0.5, 1.0], dtype=torch.float64)

    def losses(theta: torch.Tensor, centre: torch.Tensor, scale: torch.Tensor, x: torch.Tensor):
        error = theta - centre
        return scale * (error**4).sum() + (error**2).sum() + x.to(theta.dtype) * error[0] ** 3

    return TorchLandscape(
        lambda theta, *rest: losses(theta, *rest, data).mean(),
        dim=3,
        draw_instances=lambda draw: (draw.normal(3), np.ones(1, draw.dtype)),
        minibatch_loss=lambda theta, centre, scale, u: losses(
            theta, centre, scale, data[(4 * u).long()]
        ).mean(),
    )


def torch_network() -> TorchLandscape:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    net = net.double()
    x = torch.randn(16, 2, dtype=torch.float64)
    y = x[:, :1] * x[:, 1:]
    mse = torch.nn.functional.mse_loss
    return TorchLandscape.from_module(net, lambda model: mse(model(x), y), start_std=0.5)


def variants() -> dict[str, Any]:
    return {
        "saddle-three-descending": Saddle(dim=5, descending=3, escape=0.3),
        "cliff-steep": Cliff(dim=3, height=2.0, radius=2.0, slope=0.0, sharpness=30.0),
        "ackley-one-dimension": Ackley(dim=1),
        "rastrigin-shallow": LANDSCAPES["rastrigin"](dim=3, amplitude=0.5),
        "logistic-ridge": LogisticRegression(ridge=0.1),
        "matrix_quadratic-dense": MatrixQuadratic(
            columns=2, left=((2.0, 0.5), (0.5, 1.0)), right=(0.0, 1.0), optimum_std=1.0
        ),
        "torch-ellipse": torch_ellipse(),
        "torch-network": torch_network(),
        "torch-known-minimum": TorchLandscape(
            lambda x: ((x - 1.0) ** 2).sum() + 2.0, dim=2, optimum=(1.0, 1.0)
        ),
    }


ALL = registered() | quadratics() | variants()
SEARCHED = {
    name: member
    for name, member in ALL.items()
    if type(member).minimum is not None and not name.startswith(("torch-e", "torch-n"))
}

every_landscape = pytest.mark.parametrize("landscape", ALL.values(), ids=ALL.keys())


def central_difference(function: Any, theta: Any, step: float = 1e-5) -> Any:
    """Derivatives of function(theta), (batch, ...), by each parameter: (batch, ..., dim)."""
    columns = []
    for shift in step * np.eye(theta.shape[1]):
        columns.append((function(theta + shift) - function(theta - shift)) / (2 * step))
    return np.stack(columns, axis=-1)


def assert_close(actual: Any, expected: Any, relative: float) -> None:
    """Close in units of the largest number in the row."""
    scale = np.maximum(np.abs(expected).reshape(len(expected), -1).max(axis=1), 1e-3)
    error = np.abs(actual - expected).reshape(len(expected), -1).max(axis=1)
    assert (error <= relative * scale).all(), (error / scale).max()


@every_landscape
def test_the_gradient_is_the_derivative_of_the_loss(landscape: Any) -> None:
    instances, theta = batch(landscape)
    loss, grad = landscape.loss_and_grad(instances, theta)
    assert loss.shape == (BATCH,)
    assert grad.shape == theta.shape
    assert np.ptp(loss) > 0
    assert_close(grad, central_difference(lambda t: landscape.loss(instances, t), theta), 1e-6)


@every_landscape
def test_loss_and_grad_are_the_parts_of_loss_and_grad(landscape: Any) -> None:
    instances, theta = batch(landscape)
    loss, grad = landscape.loss_and_grad(instances, theta)
    np.testing.assert_allclose(landscape.loss(instances, theta), loss, rtol=1e-14)
    np.testing.assert_allclose(landscape.grad(instances, theta), grad, rtol=1e-14)


@every_landscape
def test_the_hessian_is_the_derivative_of_the_gradient(landscape: Any) -> None:
    instances, theta = batch(landscape)
    expected = central_difference(lambda t: landscape.grad(instances, t), theta)
    hessian = np.broadcast_to(landscape.hessian(instances, theta), expected.shape)
    assert_close(hessian, expected, 1e-6)
    diagonal = np.broadcast_to(landscape.curvature_diagonal(instances, theta), theta.shape)
    np.testing.assert_allclose(diagonal, np.einsum("bii->bi", hessian), rtol=1e-12, atol=1e-12)


@every_landscape
def test_curvature_noise_has_the_positive_part_of_the_hessian_as_covariance(landscape: Any) -> None:
    instances, theta = batch(landscape)
    columns = [
        landscape.curvature_noise(instances, theta, np.tile(unit, (BATCH, 1)))
        for unit in np.eye(landscape.dim)
    ]
    root = np.stack(columns, axis=2)
    values, vectors = np.linalg.eigh(landscape.hessian(instances, theta))
    positive = (vectors * np.maximum(values, 0.0)[:, None, :]) @ vectors.transpose(0, 2, 1)
    expected = np.broadcast_to(positive, root.shape)
    assert_close(root @ root.transpose(0, 2, 1), expected, 1e-10)


@pytest.mark.parametrize("landscape", SEARCHED.values(), ids=SEARCHED.keys())
def test_the_minimum_is_one(landscape: Any) -> None:
    instances = landscape.sample(draws(3))
    location, loss = landscape.minimum(instances)
    assert location.shape == (1, landscape.dim)
    at_minimum, grad = landscape.loss_and_grad(instances, location)
    np.testing.assert_allclose(at_minimum, loss, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(grad, 0.0, atol=1e-11)

    low, high = landscape.box
    rng = np.random.default_rng(0)
    probes = rng.uniform(low, high, (2000, landscape.dim))
    near = location + 1e-3 * rng.normal(size=probes.shape)
    for points in (probes, near):
        rows = take(instances, np.zeros(len(points), int))
        assert landscape.loss(rows, points).min() >= loss[0] - 1e-9

    def single(theta: Any) -> tuple[float, Any]:
        value, slope = landscape.loss_and_grad(instances, theta[None, :])
        return value[0], slope[0]

    best = min(
        scipy.optimize.minimize(single, start, jac=True, method="L-BFGS-B").fun
        for start in (*probes[:6], *near[:2])
    )
    assert best >= loss[0] - 1e-9
    assert best == pytest.approx(loss[0], abs=1e-3)  # from near the minimum the search finds it


@every_landscape
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_have_the_dtype_of_theta(landscape: Any, dtype: Any) -> None:
    instances, theta = batch(landscape, dtype)
    normal = draws(*range(BATCH), dtype=dtype).normal(landscape.dim)
    uniform = draws(*range(BATCH), dtype=dtype).uniform(8)
    results = [
        *landscape.loss_and_grad(instances, theta),
        landscape.loss(instances, theta),
        landscape.grad(instances, theta),
        landscape.hessian(instances, theta),
        landscape.curvature_diagonal(instances, theta),
        landscape.curvature_noise(instances, theta, normal),
        landscape.fisher(instances, theta),
        landscape.minibatch_grad(instances, theta, uniform),
        landscape.default_start(draws(*range(BATCH), dtype=dtype)),
        *(array for array in instances if array is not None),
    ]
    assert {r.dtype for r in results if r is not None} == {np.dtype(dtype)}


@every_landscape
def test_float32_agrees_with_float64(landscape: Any) -> None:
    instances, theta = batch(landscape, np.float32)
    wide = type(instances)(*(a if a is None else a.astype(np.float64) for a in instances))
    loss, grad = landscape.loss_and_grad(instances, theta)
    expected_loss, expected_grad = landscape.loss_and_grad(wide, theta.astype(np.float64))
    assert_close(loss[:, None], expected_loss[:, None], 1e-4)
    assert_close(grad, expected_grad, 1e-4)


@every_landscape
def test_a_batch_equals_its_rows_one_by_one(landscape: Any) -> None:
    instances, theta = batch(landscape)
    loss, grad = landscape.loss_and_grad(instances, theta)
    hessian = np.broadcast_to(landscape.hessian(instances, theta), (*theta.shape, landscape.dim))
    start = landscape.default_start(draws(*range(BATCH)))
    assert start.shape == theta.shape
    for row in range(BATCH):
        alone = landscape.sample(draws(row))  # the same generator as in the batch
        one_loss, one_grad = landscape.loss_and_grad(alone, theta[row : row + 1])
        np.testing.assert_allclose(one_loss, loss[row : row + 1], rtol=1e-12)
        np.testing.assert_allclose(one_grad, grad[row : row + 1], rtol=1e-9, atol=1e-12)
        one_hessian = landscape.hessian(alone, theta[row : row + 1])
        np.testing.assert_allclose(one_hessian[0], hessian[row], rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(landscape.default_start(draws(row))[0], start[row])


@every_landscape
def test_an_instance_depends_on_its_own_generator_alone(landscape: Any) -> None:
    first, second = landscape.sample(draws(0, 1, 2)), landscape.sample(draws(8, 1, 9))
    random = False
    for a, b in zip(first, second, strict=True):
        if a is None:
            continue
        if len(a) == 1:
            np.testing.assert_array_equal(a, b)
            continue
        np.testing.assert_array_equal(a[1], b[1])
        random |= bool((a[0] != b[0]).any())
    if any(a is not None and len(a) > 1 for a in first) and getattr(landscape, "optimum_std", 1.0):
        assert random


@every_landscape
def test_take_gives_the_instances_of_rows(landscape: Any) -> None:
    instances, theta = batch(landscape)
    loss = landscape.loss(instances, theta)
    rows = np.array([3, 0])
    mask = np.arange(BATCH) == 2
    for pick in (rows, mask, np.array([4])):
        part = landscape.loss(take(instances, pick), theta[pick])
        np.testing.assert_allclose(part, loss[pick], rtol=1e-12)
    many = landscape.loss(take(instances, np.zeros(50, int)), np.tile(theta[:1], (50, 1)))
    np.testing.assert_allclose(many, loss[0], rtol=1e-12)
    single = take(landscape.sample(draws(0)), np.zeros(50, int))
    np.testing.assert_allclose(
        landscape.loss(single, np.tile(theta[:1], (50, 1))), loss[0], rtol=1e-12
    )


@every_landscape
@pytest.mark.parametrize("size", [1, BATCH])
def test_assign_overwrites_rows_and_no_others(landscape: Any, size: int) -> None:
    instances = landscape.sample(draws(*range(size)))
    theta = batch(landscape)[1][:size]
    before = landscape.loss(instances, theta)
    kept = take(instances, np.arange(size))
    rows = np.array([size - 1])
    fresh = landscape.sample(draws(99))
    assign(instances, rows, fresh)
    after = landscape.loss(instances, theta)
    np.testing.assert_allclose(after[:-1], before[:-1], rtol=1e-12)
    np.testing.assert_allclose(after[rows], landscape.loss(fresh, theta[rows]), rtol=1e-12)
    np.testing.assert_allclose(landscape.loss(kept, theta), before, rtol=1e-12)  # a copy


@pytest.mark.parametrize("size", [1, BATCH])
def test_assign_redraws_what_is_random(size: int) -> None:
    landscape = ALL["quadratic-dense"]  # random optimum, shared Hessian
    instances = landscape.sample(draws(*range(size)))
    assign(instances, np.arange(size) == size - 1, landscape.sample(draws(99)))
    np.testing.assert_array_equal(instances.optimum[-1], landscape.sample(draws(99)).optimum[0])


@pytest.mark.parametrize("name", ["logistic_regression", "logistic-ridge", "torch-ellipse"])
def test_minibatch_gradients_average_to_the_gradient(name: str) -> None:
    landscape = ALL[name]
    instances, theta = batch(landscape)
    size = 569 if name.startswith("logistic") else 4
    each = np.tile((np.arange(size) + 0.5) / size, (BATCH, 1))
    expected = landscape.grad(instances, theta)
    np.testing.assert_allclose(
        landscape.minibatch_grad(instances, theta, each), expected, rtol=1e-9, atol=1e-12
    )
    singles = [landscape.minibatch_grad(instances, theta, each[:, [i]]) for i in range(size)]
    np.testing.assert_allclose(np.mean(singles, axis=0), expected, rtol=1e-9, atol=1e-12)
    assert np.std(singles, axis=0).max() > 1e-3  # each of them is another gradient


KNOWN_CURVATURES = {n for n in ALL if n.startswith(("quadratic", "logistic", "matrix"))}


@pytest.mark.parametrize("name", sorted(KNOWN_CURVATURES))
def test_curvature_quadrature_gives_the_mean_curvature(name: str) -> None:
    landscape = ALL[name]
    curvatures, weights = landscape.curvature_quadrature(1000)
    assert weights.sum() == pytest.approx(1.0)
    instances = landscape.sample(draws(*range(1500)))
    at = landscape.minimum(instances).location
    eigenvalues = np.linalg.eigvalsh(landscape.hessian(instances, at[:1]))
    for power in (1, 2):
        mean = (weights * curvatures**power).sum()
        assert (eigenvalues**power).mean() == pytest.approx(mean, rel=0.1)


def test_only_quadratic_and_logistic_landscapes_offer_a_curvature_distribution() -> None:
    offered = {name for name, member in ALL.items() if member.curvature_quadrature() is not None}
    assert offered == KNOWN_CURVATURES


def test_the_loss_of_a_matrix_is_the_trace_that_it_is_said_to_be() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2)), rng.normal(size=(3, 3))
    A, B, Z = a @ a.T, b @ b.T, rng.normal(size=(2, 3))
    landscape = MatrixQuadratic(left=A.tolist(), right=B.tolist(), optimum=Z.ravel().tolist())
    W = rng.normal(size=(BATCH, 2, 3))
    loss, grad = landscape.loss_and_grad(
        landscape.sample(draws(*range(BATCH))), W.reshape(BATCH, 6)
    )
    np.testing.assert_allclose(
        loss, [np.trace((w - Z).T @ A @ (w - Z) @ B) / 2 for w in W], rtol=1e-12
    )
    np.testing.assert_allclose(grad.reshape(W.shape), A @ (W - Z) @ B, rtol=1e-10)
    diagonal = MatrixQuadratic(left=(2.0, 3.0), right=(1.0, 4.0, 5.0))
    np.testing.assert_array_equal(diagonal.curvature, [2.0, 8.0, 10.0, 3.0, 12.0, 15.0])


@every_landscape
def test_configurations_survive_json_and_torch_losses_refuse(landscape: Any) -> None:
    if isinstance(landscape, TorchLandscape):
        with pytest.raises(ValueError, match="has no JSON form"):
            configuration.plain(landscape)
        assert landscape == landscape
        return
    again = configuration.alternative(LANDSCAPES, configuration.plain(landscape), "landscape")
    assert again == landscape
    assert hash(again) == hash(landscape)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("rosenbrok", ["'rosenbrok'", "'rastrigin'", "Did you mean 'rosenbrock'?"]),
        ({"kind": "cliff", "heigth": 1}, ["accepted", "'radius'", "Did you mean 'height'?"]),
        ({"kind": "rosenbrock", "dim": 1}, ["at least 2, got 1"]),
        ({"kind": "saddle", "dim": 3, "descending": 3}, ["at most dim - 1 = 2", "got 3"]),
        ({"kind": "saddle", "escape": 0.0}, ["above 0"]),
        ({"kind": "cliff", "sharpness": -1.0}, ["cliff sharpness", "above 0", "-1"]),
        ({"kind": "rastrigin", "amplitude": float("nan")}, ["finite number", "nan"]),
        ({"kind": "himmelblau", "dim": 3}, ["field 'dim'"]),
        ({"kind": "logistic_regression", "data": "brest_cancer"}, ["Did you mean 'breast_cancer'"]),
        ({"kind": "logistic_regression", "ridge": 0.0}, ["above 0"]),
        ({"kind": "quadratic", "curvature": "loguniform"}, ["Did you mean 'log_uniform'?"]),
        ({"kind": "quadratic", "dim": 2, "curvature": (1.0, -1.0)}, [">= 0", "saddle"]),
        ({"kind": "quadratic", "dim": 2, "curvature": (1.0, 1.0, 1.0)}, ["2 finite", "(3,)"]),
        ({"kind": "double_well", "tilt": -0.5}, ["at least 0"]),
        ({"kind": "matrix_quadratic", "left": (1.0, -1.0)}, ["left", "semidefinite"]),
        ({"kind": "matrix_quadratic", "right": np.eye(2)}, ["right", "3 x 3", "(2, 2)"]),
        ({"kind": "matrix_quadratic", "left": [[1, 2], [0, 1]]}, ["left must be symmetric"]),
        ({"kind": "matrix_quadratic", "left": [[1, 2], [2, 1]]}, ["left", "semidefinite"]),
        ({"kind": "matrix_quadratic", "rows": 0}, ["rows", "at least 1"]),
    ],
)
def test_wrong_fields_are_refused_in_words(given: Any, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the words are the match)
        configuration.alternative(LANDSCAPES, given, "landscape")
    for word in words:
        assert word in str(caught.value)
