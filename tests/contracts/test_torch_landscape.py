"""What a landscape made of a PyTorch loss promises beyond what `test_landscapes` checks."""

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import torch

from landscape_gym.landscapes import TorchLandscape
from landscape_gym.streams import RowDraws


def draws(*seeds: int, dtype: Any = np.float64) -> RowDraws:
    return RowDraws([np.random.default_rng(seed) for seed in seeds], np.dtype(dtype))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dim": 0}, "at least 1"),
        ({"dim": 2, "start": (1.0,)}, "vector of 2 numbers"),
        ({"dim": 2, "optimum": (1.0, 2.0, 3.0)}, "vector of 2 numbers"),
        ({"dim": 2, "box": (1.0, -1.0)}, "low, high"),
        ({"dim": 2, "start_std": 1.0}, "give `start`"),
    ],
)
def test_wrong_torch_landscapes_are_refused_in_words(fields: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TorchLandscape(lambda x: x.sum(), **fields)


def float32_network() -> tuple[torch.nn.Module, TorchLandscape, Any]:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    x = torch.randn(64, 2)
    y = x[:, :1] * x[:, 1:]

    def loss(model: Any) -> torch.Tensor:
        return torch.nn.functional.mse_loss(model(x), y)

    def on_minibatch(model: Any, uniform: torch.Tensor) -> torch.Tensor:
        rows = (64 * uniform).long()
        return torch.nn.functional.mse_loss(model(x[rows]), y[rows])

    return net, TorchLandscape.from_module(net, loss, minibatch_loss=on_minibatch), loss


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_float32_module_serves_theta_of_either_dtype(dtype: Any) -> None:
    net, landscape, loss = float32_network()
    start = landscape.default_start(draws(0, 1, dtype=dtype))
    value, grad = landscape.loss_and_grad(landscape.sample(draws(0, 1)), start)
    expected = loss(net)
    expected.backward()
    flat = torch.cat([torch.as_tensor(p.grad).flatten() for p in net.parameters()]).numpy()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-5)
    np.testing.assert_allclose(grad, np.tile(flat, (2, 1)), rtol=1e-4, atol=1e-6)
    assert grad.dtype == dtype
    every = np.tile((np.arange(64, dtype=dtype) + dtype(0.5)) / 64, (2, 1))
    minibatch = landscape.minibatch_grad(landscape.instances(), start, every)
    np.testing.assert_allclose(np.asarray(minibatch), grad, rtol=1e-4, atol=1e-6)


def test_making_a_landscape_of_a_module_leaves_the_module_alone() -> None:
    net, landscape, _ = float32_network()
    before = [p.clone() for p in net.parameters()]
    start = landscape.default_start(draws(0))
    landscape.loss_and_grad(landscape.instances(), start + 1.0)
    for p, old in zip(net.parameters(), before, strict=True):
        torch.testing.assert_close(p, old, rtol=0, atol=0)
        assert p.grad is None
        with torch.no_grad():
            p.add_(1.0)  # and what becomes of it does not matter to the landscape
    np.testing.assert_array_equal(landscape.default_start(draws(0)), start)


def test_data_of_another_dtype_get_a_hint() -> None:
    data = torch.ones(3, 2)
    landscape = TorchLandscape(lambda theta: (data @ theta).sum(), dim=2)
    with pytest.raises(RuntimeError) as caught:
        landscape.loss(landscape.instances(), np.zeros((1, 2)))
    assert "dtype=" in caught.value.__notes__[0]
    cast = dataclasses.replace(landscape, dtype=torch.float32)
    assert cast.loss(cast.instances(), np.ones((1, 2))) == 6.0


def test_read_only_and_strided_arrays_are_taken_without_complaint() -> None:
    landscape = TorchLandscape(lambda x: (x**3).sum(), dim=3)
    instances, theta = landscape.instances(), np.arange(12.0).reshape(4, 3)
    expected = landscape.loss(instances, theta)
    frozen = theta.copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(landscape.loss(instances, frozen), expected)
    columns = np.asfortranarray(theta)
    np.testing.assert_array_equal(landscape.loss(instances, columns), expected)
    backwards = np.ascontiguousarray(theta[::-1])[::-1]
    np.testing.assert_array_equal(landscape.loss(instances, backwards), expected)


def test_large_torch_landscapes_offer_no_hessian() -> None:
    landscape = TorchLandscape(lambda x: (x**2).sum(), dim=101)
    instances, theta = landscape.instances(), np.zeros((2, 101))
    assert landscape.hessian(instances, theta) is None
    assert landscape.curvature_diagonal(instances, theta) is None
    assert landscape.curvature_noise(instances, theta, theta) is None
    assert landscape.minibatch_grad(instances, theta, theta) is None
    assert landscape.minimum(instances) is None


def test_torch_instances_survive_copies_and_pickles() -> None:
    landscape = TorchLandscape(
        lambda x, a, b: a * (x - b).sum(),
        dim=2,
        draw_instances=lambda draw: (draw.uniform(1)[:, 0], draw.normal(2)),
    )
    instances = landscape.sample(draws(0, 1))
    for again in (copy.deepcopy(instances), pickle.loads(pickle.dumps(instances))):
        assert type(again) is type(instances)
        for a, b in zip(again, instances, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_torch_minimum_holds_for_each_instance() -> None:
    landscape = TorchLandscape(
        lambda x, height: (x**2).sum() + height,
        dim=2,
        optimum=(0.0, 0.0),
        draw_instances=lambda draw: (draw.uniform(1)[:, 0],),
    )
    instances = landscape.sample(draws(0, 1, 2))
    minimum = landscape.minimum(instances)
    assert minimum is not None
    np.testing.assert_array_equal(minimum.loss, instances[0])
