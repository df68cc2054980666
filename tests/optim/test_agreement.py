"""Coordinates that do not descend wait, and the others go further, by how many they are."""

import math

import pytest
import torch

from landscape_gym.optim import SelfScaledSOAP, agreement
from landscape_gym.optim.pieces import CHUNK

DOUBLE = torch.float64


def last_velocities(*gradients: list[list[float]]) -> list[list[float]]:
    """Of vectors, which have no frame, after the gradients that each has been given in turn.

    Only the signs of gradients change, so that none is steeper than others.
    """
    parameters = [torch.nn.Parameter(torch.zeros(len(each[0]), dtype=DOUBLE)) for each in gradients]
    optimizer = SelfScaledSOAP(parameters, scale=1.0, eps=1e-300, adaptation=0.0)
    for together in zip(*gradients, strict=True):
        for p, g in zip(parameters, together, strict=True):
            p.grad = torch.tensor(g, dtype=DOUBLE)
        before = [p.detach().clone() for p in parameters]
        optimizer.step(loss=1.0)
    rate = optimizer.diagnostics()["effective_rate"]
    moves = [p.detach() - b for p, b in zip(parameters, before, strict=True)]
    return [(move / rate).tolist() for move in moves]


def test_a_coordinate_whose_gradient_has_turned_waits_and_the_others_go_further():
    """While its mean of gradients still points the old way; then it goes back."""
    (found,) = last_velocities([[1.0] * 4] * 9 + [[1.0, 1.0, 1.0, -1.0]])
    assert found == [pytest.approx(-4 / 3)] * 3 + [0.0]
    (found,) = last_velocities([[1.0] * 4] * 3 + [[1.0, 1.0, 1.0, -1.0]] * 6)
    assert found[:3] == [pytest.approx(-1.0)] * 3
    assert 0 < found[3] < 1


def test_the_others_go_at_most_twice_as_far():
    (found,) = last_velocities([[1.0] * 5] * 9 + [[1.0] + [-1.0] * 4])
    assert found == [pytest.approx(-2.0)] + [0.0] * 4


def test_where_all_have_turned_nothing_moves():
    (found,) = last_velocities([[1.0] * 3] * 9 + [[-1.0] * 3])
    assert found == [0.0] * 3


def test_those_are_counted_that_have_a_gradient_in_all_of_the_network():
    """Rows of an embedding that are not seen wait, and are no reason to go further."""
    seen, unseen = last_velocities([[1.0, 1.0]] * 10, [[1.0] * 8] * 9 + [[0.0] * 7 + [-1.0]])
    assert seen == [pytest.approx(-3 / 2)] * 2
    assert unseen == [0.0] * 8


def test_without_any_gradient_none_is_counted():
    velocity = torch.ones(3)
    counts = agreement.stop_uphill(velocity, torch.zeros(3))
    assert velocity.tolist() == [0.0] * 3
    assert agreement.further([counts]) == 1.0


def test_large_parameters_wait_as_small_ones_do():
    """A vector longer than a piece, of which a quarter turns, and a small one beside it."""
    n = 2 * CHUNK
    turned = [-1.0] * (n // 4) + [1.0] * (3 * n // 4)
    large, small = last_velocities([[1.0] * n] * 9 + [turned], [[1.0]] * 10)
    part = (3 * n // 4 + 1) / (n + 1)
    assert set(large[: n // 4]) == {0.0}
    assert math.isclose(large[-1], -1 / part, rel_tol=1e-12)
    assert small == [pytest.approx(-1 / part)]


def test_a_step_without_gradients_is_none():
    p = torch.nn.Parameter(torch.ones(2))
    assert SelfScaledSOAP([p]).step(loss=1.0) == 1.0
    assert p.tolist() == [1.0, 1.0]
