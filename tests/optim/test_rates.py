"""How coordinates' factors grow: by how far gradients agree, less a margin."""

import numpy as np
import pytest
import torch

from landscape_gym.optim import rates


@pytest.mark.parametrize("margin", [0.0, 0.8])
def test_factors_grow_by_agreement_less_its_square_and_the_less_the_smaller_they_are(margin: float):
    rate = torch.tensor([0.1, 0.5, 1.0, 4.0], dtype=torch.float64)
    x, c = torch.tensor([1.0, -1.0, 0.5, 0.5], dtype=torch.float64), 0.1
    y = x - margin * torch.tensor([0.1, 0.5, 1.0, 1.0]) * x**2
    expected = rate * (1 + c * y + (c * x) ** 2 / 2)
    rates.grow(rate, x.clone(), c, 1.0, margin)
    torch.testing.assert_close(rate, expected)


def test_where_gradients_are_noise_they_fall_as_the_gain_of_a_kalman_filter():
    """Agreement of 0 in the mean: ``1 / (1 + c margin x^2 t)``, whatever the size of x."""
    sizes = np.array([0.0, 0.2, 0.5])
    rate, c, margin, steps = torch.ones(3, dtype=torch.float64), 0.01, 0.8, 4000
    for t in range(steps):
        rates.grow(rate, torch.tensor((-1) ** t * sizes), c, 1.0, margin)
    expected = 1 / (1 + c * margin * sizes**2 * steps)
    np.testing.assert_allclose(rate, expected, rtol=0.01)
