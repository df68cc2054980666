"""Steps write where earlier results lay, and never where somebody still looks."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landscape_gym import LandscapeNavVectorEnv
from landscape_gym.networks import Mlp, NetworkLandscape
from landscape_gym.networks.batched import Networks
from landscape_gym.networks.chain import Chain
from landscape_gym.recycling import LARGE, MOST, Recycling, paused, room
from landscape_gym.torch_simulation import TorchSimulation

DATA = (np.eye(16, 200, dtype=np.float32), np.arange(16) % 4)
LANDSCAPE = NetworkLandscape(Mlp((1500,)), DATA)
SETTINGS: dict[str, Any] = {
    "landscape": LANDSCAPE,
    "noise": {"kind": "minibatch", "batch_size": 4, "exact_loss": False},
    "observation": ("gradient", "previous_update"),
    "action": "velocity",
}


def of_numpy() -> Iterator[tuple[Any, ...]]:
    """Large arrays that a caller can come by, step by step."""
    envs = LandscapeNavVectorEnv(1, "digits", **SETTINGS)
    observation, _ = envs.reset(seed=0)
    while True:
        learner = envs.simulation.state.learner
        yield observation, observation[0, 5:9], learner.theta, learner.gradient, learner.start
        observation, *_ = envs.step(-0.1 * observation[:, : LANDSCAPE.dim])


def of_torch() -> Iterator[tuple[Any, ...]]:
    simulation = TorchSimulation(1, "digits", **SETTINGS)
    simulation.begin(seeds=[0])
    while True:
        with torch.no_grad():
            observation, learner = simulation.observe(), simulation.state.learner
            yield observation, observation[0, 5:9].numpy(), learner.theta, learner.gradient
            simulation.advance(-0.1 * observation[:, : LANDSCAPE.dim])


@pytest.mark.parametrize("play", [of_numpy, of_torch])
def test_what_a_caller_keeps_is_never_written_over(play: Callable[[], Any]) -> None:
    assert LANDSCAPE.dim * 4 > LARGE
    kept, then = [], []
    for _, arrays in zip(range(MOST + 6), play(), strict=False):
        kept.append(arrays)
        then.append(copy.deepcopy(arrays))
    for now, before in zip(kept, then, strict=True):
        for array, copied in zip(now, before, strict=True):
            assert (array == copied).all()
    assert (kept[0][2] != kept[1][2]).any()


@pytest.mark.parametrize("play", [of_numpy, of_torch])
def test_what_nobody_keeps_gives_its_memory_to_later_steps(play: Callable[[], Any]) -> None:
    def address(array: Any) -> int:
        return array.data_ptr() if isinstance(array, torch.Tensor) else array.ctypes.data

    places = [
        tuple(map(address, arrays[2:4])) for _, arrays in zip(range(30), play(), strict=False)
    ]
    for each in zip(*places, strict=True):
        assert len(set(each)) < 8


def test_a_state_that_has_gradients_goes_on_without() -> None:
    simulation = TorchSimulation(1, "digits", **SETTINGS)
    simulation.begin(seeds=[0])
    rate = torch.tensor(-0.1, requires_grad=True)
    simulation.advance(rate * simulation.observe()[:, : LANDSCAPE.dim])
    with torch.no_grad():
        cost = simulation.advance(rate * simulation.observe()[:, : LANDSCAPE.dim]).cost
    assert not cost.requires_grad


def test_memory_is_given_of_a_shape_and_dtype_and_only_where_it_pays() -> None:
    large, recycling = np.zeros((2, LARGE), np.float32), Recycling()
    assert room(large) is None
    with recycling:
        assert room(large).shape == large.shape
        assert room(large.astype(float)).dtype == float
        assert room(torch.zeros(LARGE, dtype=torch.float64)).dtype == torch.float64
        for other in (large[:, :9], large.astype(int), torch.zeros(LARGE, device="meta")):
            assert room(other) is None
        with Recycling():
            pass
        assert room(large) is not None  # the outer one's, again

        elsewhere: list[Any] = []
        thread = threading.Thread(target=lambda: elsewhere.append(room(large)))
        thread.start()
        thread.join()
        assert elsewhere == [None]
        with paused():
            assert room(large) is None
        assert room(large) is not None
        with pytest.raises(ZeroDivisionError), paused():
            _ = 1 / 0
        assert room(large) is not None
    assert room(large) is None
    assert len(pickle.dumps(recycling)) < 200


def test_slopes_that_share_memory_are_not_written_over() -> None:
    module = nn.Sequential(nn.Linear(3, 5), nn.Tanh())
    theta = nn.utils.parameters_to_vector(module.parameters()).detach()[None]
    x = torch.randn(7, 3)
    *_, grads = Chain(list(module), module).learn(theta, x, lambda outputs: outputs.sum((1, 2)))
    found = torch.autograd.grad(module(x).sum(), list(module.parameters()))
    assert torch.equal(grads[0], nn.utils.parameters_to_vector(found))


SAME = nn.Linear(5, 5)


@pytest.mark.parametrize(
    ("shape", "between", "written"),
    [
        ((3,), (nn.Linear(5, 5),), True),
        ((3,), (nn.ReLU(), nn.Linear(5, 5), nn.Sigmoid(), nn.Tanh()), True),
        ((3,), (nn.Linear(5, 5), nn.Identity(), nn.ReLU(), nn.Flatten(), nn.Tanh()), True),
        ((3,), (nn.Linear(5, 5), nn.GELU(), nn.Linear(5, 5), nn.Softplus()), True),
        ((4, 3), (nn.Linear(5, 5),), False),
        ((3,), (SAME, nn.ReLU(), SAME), False),
        ((3,), (nn.Linear(5, 5), nn.ReLU(inplace=True)), False),
    ],
    ids=[
        "one vector",
        "written over, and not",
        "layers that do nothing",
        "of what they take",
        "several vectors",
        "a layer twice",
        "in place",
    ],
)
@pytest.mark.parametrize("ends", [(), (nn.Tanh(),)], ids=["", "between others"])
def test_gradients_of_one_network_are_autograds_to_the_bit(
    shape: tuple[int, ...],
    between: tuple[nn.Module, ...],
    written: bool,
    ends: tuple[nn.Module, ...],
) -> None:
    torch.manual_seed(0)
    layers = nn.Linear(3, 5), nn.Tanh(), *between, nn.Linear(5, 2, bias=False)
    module = nn.Sequential(*ends, *layers, *ends)
    networks = Networks(module, "mse", vectorized=True)
    x, y = torch.randn(1, 7, *shape), torch.randn(1, 7, *shape[:-1], 2)
    theta = nn.utils.parameters_to_vector(module.parameters()).detach()[None]
    assert networks.chain is not None
    assert networks.chain.takes(theta, x[0]) == written
    given = x.clone()
    outputs, losses, grads = networks.learn(theta, x, y)
    assert torch.equal(x, given)
    expected = module(x[0])
    loss = networks.losses(expected[None], y)
    found = torch.autograd.grad(loss, list(module.parameters()))
    assert torch.equal(outputs[0], expected)
    assert torch.equal(losses, loss)
    assert torch.equal(grads[0], nn.utils.parameters_to_vector(found))
