"""The self-scaled rule: Adam in units of the initialisation, at the rate that the loss allows."""

from typing import Any

import numpy as np
import pytest
import torch

from landscape_gym.derivation.diagonal import DiagonalQuadratic, stationary
from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import Adam, SelfScaledAdam

GRADIENTS = np.random.default_rng(0).standard_normal((20, 3, 5))


def velocities(rule: SelfScaledAdam, losses: Any, convert: Any = np.asarray) -> list[np.ndarray]:
    """Of all rows and steps, with the same loss in each row."""
    found, state = [], None
    for g, value in zip(GRADIENTS, losses, strict=True):
        gradient, loss = convert(g), convert(np.full((3, 1), value))
        state = rule.init(gradient, loss=loss) if state is None else state
        u, state = rule.update(gradient, state, loss=loss)
        found.append(np.asarray(u))
    return found


def test_where_much_is_left_of_the_loss_it_is_adam_in_units_of_the_initialisation() -> None:
    units = ((2, 0.5), (3, 2.0))
    ours = velocities(SelfScaledAdam(units, lr=0.1), [1e15] * 20)
    adam, state = Adam(lr=0.1), None
    for u, gradient in zip(ours, GRADIENTS, strict=True):
        state = adam.init(gradient) if state is None else state
        v, state = adam.update(gradient, state)
        np.testing.assert_allclose(u, v * [0.5, 0.5, 2.0, 2.0, 2.0], rtol=1e-12)


@pytest.mark.parametrize("rate", [0.01, 0.3, 1.0, 4.0])
def test_what_it_closes_of_the_distance_is_the_riccati_solutions_gain(rate: float) -> None:
    # One coordinate at distance e = 1 from the target of L = e^2 / 2, without discount: the
    # ballistic rate per step r is lr at the first step, where M / V^(1/2) = 1.
    rule = SelfScaledAdam(lr=rate, stiffness=1.0, eps=0.0)
    one = np.ones((1, 1))
    u, _ = rule.update(one, rule.init(one, loss=one / 2), loss=one / 2)
    h = np.array([[rate**2]])  # q / c = r^2 with eta = k = dt = 1
    law = stationary(DiagonalQuadratic(h, 1.0, 1.0, 0.0, 1.0, np.ones((1, 1)), 0.0, 0.0))
    np.testing.assert_allclose(-u, law.K, rtol=1e-9)


def test_no_step_promises_more_than_there_is() -> None:
    loss = 0.7
    rule = SelfScaledAdam(lr=1e6, stiffness=3.0)
    g, left = GRADIENTS[0], np.full((3, 1), loss)
    u, _ = rule.update(g, rule.init(g, loss=left), loss=left)
    np.testing.assert_allclose(-(u * g).sum(-1), 2 * loss / 3.0, rtol=1e-6)
    bolder, _ = SelfScaledAdam(lr=1e6, stiffness=1.0).update(g, rule.init(g, loss=left), loss=left)
    assert (-(bolder * g).sum(-1) > 2.9 * 2 * loss / 3.0).all()


def test_a_bound_of_the_loss_counts_from_there() -> None:
    losses = np.linspace(2.0, 0.5, 20)
    shifted = velocities(SelfScaledAdam(lowest=-4.0), losses - 4.0)
    for u, v in zip(velocities(SelfScaledAdam(), losses), shifted, strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-12)


def test_tensors_move_as_arrays_do_and_rows_by_themselves() -> None:
    rule, losses = SelfScaledAdam(((2, 0.5), (3, 2.0))), np.geomspace(2.0, 1e-3, 20)
    arrays = velocities(rule, losses)
    for u, v in zip(arrays, velocities(rule, losses, torch.from_numpy), strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-12)
    alone, row = None, GRADIENTS[:, [1]]
    for gradient, loss, together in zip(row, losses, arrays, strict=True):
        left = np.full((1, 1), loss)
        alone = rule.init(gradient, loss=left) if alone is None else alone
        u, alone = rule.update(gradient, alone, loss=left)
        np.testing.assert_allclose(u[0], together[1], rtol=1e-12)


def test_units_are_those_of_torchs_initialisation() -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(4, 8, 2), torch.nn.Linear(25, 12))
    units = SelfScaledAdam.for_parameters(layers.parameters()).units
    assert units == ((128, 0.25), (8, 0.25), (300, 0.2), (12, 0.2))
    for p, (count, unit) in zip(layers.parameters(), units, strict=True):
        assert p.numel() == count
        assert 0.5 * unit < p.abs().max() <= unit


def test_it_trains_a_network_in_a_loop_that_gives_it_the_loss() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 6)
    y = (x[:, 0] * x[:, 1] > 0).long()
    model = torch.nn.Sequential(torch.nn.Linear(6, 32), torch.nn.Tanh(), torch.nn.Linear(32, 2))
    rule = SelfScaledAdam.for_parameters(model.parameters())
    optimizer = RuleOptimizer(model.parameters(), rule)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(100)]
    assert losses[-1] < 1e-3 * losses[0]
    with pytest.raises(ValueError, match="reads the loss"):
        optimizer.step()
    with pytest.raises(ValueError, match="do not fit a group"):
        RuleOptimizer(torch.nn.Linear(3, 3).parameters(), rule)
