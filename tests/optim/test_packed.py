"""Small parameters are worked on together, and come to what each alone comes to."""

import pytest
import torch
from torch import nn

from landscape_gym.optim import SelfScaledAdam, SelfScaledSOAP, adam_steps
from landscape_gym.optim.packed import Packed


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
    "make", [SelfScaledSOAP, SelfScaledAdam, lambda p: SelfScaledAdam(p, adaptation=0.0)]
)
def test_together_they_come_to_what_each_alone_does(make, absent, monkeypatch):
    together = trained(make, absent)
    monkeypatch.setattr(adam_steps, "CHUNK", 0)
    torch.testing.assert_close(together, trained(make, absent), rtol=1e-9, atol=1e-12)


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
