"""Small parameters are worked on together, and come to what each alone comes to."""

import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP, loss_reading
from landscape_gym.optim.blocks import Packed


def trained(make, absent=lambda t: False):
    """A small network's parameters after 25 steps, in some of which the first has no gradient."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
    x = torch.randn(16, 3, generator=generator, dtype=torch.float64)
    optimizer = make(model.parameters())
    for t in range(25):
        optimizer.zero_grad()
        loss = (model(x) - x[:, :2].sin()).square().mean()
        loss.backward()
        if absent(t):
            model[0].weight.grad = None
        optimizer.step(loss=loss)
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("absent", [lambda t: False, lambda t: t % 3 == 1])
@pytest.mark.parametrize(
    "make",
    [SelfScaledSOAP, SelfScaledAdam, FilterBank, lambda p: SelfScaledAdam(p, adaptation=0.0)],
)
def test_together_they_come_to_what_each_alone_does(make, absent, monkeypatch):
    together = trained(make, absent)
    monkeypatch.setattr(loss_reading, "LARGE", 0)
    torch.testing.assert_close(together, trained(make, absent), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("first", [1.0, float("nan")])
@pytest.mark.parametrize("size", [3, 2**16])
def test_gradients_are_not_held_between_steps(size, first):
    p = nn.Parameter(torch.zeros(size))
    optimizer = SelfScaledAdam([p])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for value in (first, 1.0):
            gradient = np.full(size, value, np.float32)
            held = sys.getrefcount(gradient)
            p.grad = torch.from_numpy(gradient)
            optimizer.step(loss=1.0)
            assert sys.getrefcount(gradient) == held + 1, "by more than the parameter"
            optimizer.zero_grad()
            assert sys.getrefcount(gradient) == held


def test_a_state_that_is_taken_away_is_begun_anew():
    p = nn.Parameter(torch.zeros(3))
    optimizer = SelfScaledAdam([p])
    for _ in range(3):
        p.grad = torch.ones(3)
        optimizer.step(loss=1.0)
    del optimizer.state[p]
    optimizer.step(loss=1.0)
    assert optimizer.state[p]["step"] == 1


def test_a_vector_stays_until_a_state_has_another_tensor():
    states = [{"mean": torch.ones(2, 2)}, {"mean": torch.zeros(3)}]
    packed = Packed()
    whole = packed.vector("mean", states)
    whole.add_(1)
    assert torch.equal(states[0]["mean"], torch.full((2, 2), 2.0)), "no part of the vector"
    assert packed.vector("mean", states) is whole
    states[1]["mean"] = torch.full((3,), 5.0)
    assert packed.vector("mean", states).tolist() == [2.0] * 4 + [5.0] * 3
    assert packed.vector("mean", states[:1]).tolist() == [2.0] * 4


@pytest.mark.parametrize("sizes", [(3, 5), (3,)])
def test_a_tensor_that_is_put_into_a_state_counts(sizes):
    def moved(change):
        parameters = [nn.Parameter(torch.zeros(size)) for size in sizes]
        optimizer = SelfScaledAdam(parameters)
        for t in range(5):
            if t == 3:
                change(optimizer.state[parameters[0]])
            for p in parameters:
                p.grad = torch.ones_like(p)
            optimizer.step(loss=1.0)
        return parameters[0].detach()

    overwritten = moved(lambda state: state["exp_avg"].zero_())
    assert not torch.equal(moved(lambda state: None), overwritten)
    assert torch.equal(moved(lambda state: state.update(exp_avg=torch.zeros(3))), overwritten)
