"""How coordinates' velocities fade: by whose steepness, by how much, and within which bounds."""

import math

import pytest
import torch

from landscape_gym.optim import SelfScaledSOAP
from landscape_gym.optim.fading import FADED, INTERVAL, PRIOR, YOUNG
from landscape_gym.optim.pieces import CHUNK
from landscape_gym.optim.rates import FASTEST, RATE, SLOWEST

DOUBLE = torch.float64


def velocities(rate: float, gradients: list[torch.Tensor]) -> list[torch.Tensor]:
    """Of vectors (frames have none) that see their gradient in all of 10 steps, or the last 3."""
    parameters = [torch.nn.Parameter(torch.zeros(2, dtype=DOUBLE)) for _ in gradients]
    optimizer = SelfScaledSOAP(parameters, scale=1.0, eps=1e-300)
    for t in range(10):
        for k, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
            p.grad = None if k == 1 and t < 7 else g
        optimizer.step(loss=1.0)
        for p in parameters:
            if optimizer.state[p]:
                optimizer.state[p][RATE].fill_(rate)
    return [optimizer.state[p]["velocity"] for p in parameters]


def test_the_steeper_a_coordinate_of_all_of_the_network_the_sooner_it_fades():
    gradients = torch.tensor([[1.0, 100.0], [10.0, 4.0]], dtype=DOUBLE)
    found = torch.stack(velocities(1.0, list(gradients)))
    # Vectors' units are of the layer they belong to; of these alone, one each.
    f = (gradients / gradients.mean()).sqrt()
    age = torch.tensor([[10.0], [3.0]], dtype=DOUBLE)
    torch.testing.assert_close(found, -1 / (1 + f * age / PRIOR), rtol=1e-9, atol=0)


@pytest.mark.parametrize(("rate", "bound"), [(1e9, FASTEST), (1e-9, SLOWEST)])
def test_rates_are_bounded_with_what_they_faded_by(rate: float, bound: float):
    (found,) = velocities(rate, [torch.tensor([1.0, 1e-6], dtype=DOUBLE)])
    torch.testing.assert_close(found, torch.full_like(found, -bound), rtol=1e-9, atol=0)


def test_what_velocities_have_faded_to_is_told_every_fifth_step_once_they_are_not_young():
    p = torch.nn.Parameter(torch.zeros(2, dtype=DOUBLE))
    optimizer = SelfScaledSOAP([p], scale=1.0)
    told = [[]]
    for _ in range(30):
        p.grad = torch.tensor([1.0, 3.0], dtype=DOUBLE)
        optimizer.step(loss=1.0)
        told.append(optimizer.state[p][FADED].tolist())
    for age in range(1, 30):
        then = age if age < YOUNG else age - age % INTERVAL
        expected = [1 / (1 + math.sqrt(g / 2) * then / PRIOR) for g in (1.0, 3.0)]
        assert told[age] == pytest.approx(expected, rel=1e-9)


def test_where_nothing_is_steep_nothing_moves():
    (found,) = velocities(1.0, [torch.zeros(2, dtype=DOUBLE)])
    assert found.tolist() == [0.0, 0.0]


def test_large_parameters_fade_as_small_ones_do():
    """A vector longer than a piece, whose coordinates are all alike but one."""
    p = torch.nn.Parameter(torch.zeros(2 * CHUNK + 1, dtype=DOUBLE))
    optimizer = SelfScaledSOAP([p], scale=1.0, eps=1e-300)
    p.grad = torch.ones_like(p)
    p.grad[-1] = 16.0
    optimizer.step(loss=1.0)
    mean = 1 + 15 / len(p)
    expected = [-1 / (1 + math.sqrt(g / mean) / PRIOR) for g in (1.0, 16.0)]
    velocity = optimizer.state[p]["velocity"]
    assert velocity[0].item() == pytest.approx(expected[0], rel=1e-12)
    assert velocity[-1].item() == pytest.approx(expected[1], rel=1e-12)
