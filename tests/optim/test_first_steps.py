"""How long first steps are, all coordinates together, and the warm-up that comes of it."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from baselines.networks.contest.small_network import residual
from landscape_gym.optim import SelfScaledAdam
from landscape_gym.optim.units import signed_step, units


@pytest.mark.parametrize(("inputs", "outputs"), [(200, 300), (300, 40)])
def test_a_signed_step_is_as_long_as_it_is(inputs, outputs):
    torch.manual_seed(0)
    W = nn.Linear(inputs, outputs).weight.detach()
    (unit,) = units([{"params": [W]}]).values()
    step = torch.full_like(W, unit)
    found = torch.linalg.matrix_norm(step, 2) / torch.linalg.matrix_norm(W, 2)
    assert signed_step([W]) == pytest.approx(found.item(), rel=0.05)


def test_layers_add_up_and_vectors_add_nothing():
    layer, convolution = nn.Linear(18, 4), nn.Conv2d(2, 4, 3)
    one = signed_step([layer.weight])
    assert signed_step(layer.parameters()) == one
    assert signed_step([convolution.weight]) == pytest.approx(one), "unfolded, 4 x 18"
    assert signed_step([*layer.parameters(), layer.weight]) == 2 * one
    assert signed_step([layer.bias]) == 0


def test_warm_up_is_longer_the_wider_and_the_deeper_a_network_is():
    narrow, wide, deep = (
        SelfScaledAdam(residual(4, width, blocks, 2)().parameters()).bound.warm_up
        for width, blocks in ((16, 1), (64, 1), (16, 6))
    )
    assert narrow < wide < deep


def test_groups_that_come_later_count():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = SelfScaledAdam(model[0].parameters())
    before = optimizer.bound.warm_up
    optimizer.add_param_group({"params": list(model[2].parameters())})
    assert before < optimizer.bound.warm_up == SelfScaledAdam(model.parameters()).bound.warm_up


def test_a_network_without_matrices_needs_no_warm_up():
    assert SelfScaledAdam([nn.Parameter(torch.zeros(3))]).bound.warm_up == 1


def memorised(seed, warm_up=None):
    """The loss of random labels after 200 steps."""
    torch.manual_seed(seed)
    model = residual(10, 96, 6, 4)()
    x, y = torch.randn(512, 10), torch.randint(4, (512,))
    optimizer, losses = SelfScaledAdam(model.parameters()), []
    if warm_up:
        optimizer.bound = replace(optimizer.bound, warm_up=warm_up)
    for _ in range(200):
        rows = torch.randint(512, (64,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step(loss=loss)
        losses.append(loss.item())
    return sum(losses[-20:]) / 20


def test_wide_residual_layers_are_not_thrown_far():
    assert memorised(1) + memorised(2) < 0.85 * (memorised(1, 50) + memorised(2, 50))
