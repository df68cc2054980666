"""Observations split into rows, one per coordinate, and actions joined from them."""

import numpy as np
import pytest

from landscape_gym import NavigationProblem, ObservationConfig
from landscape_gym.actions import StepSize
from landscape_gym.coordinates import Coordinates
from landscape_gym.simulation import Simulation

MIXED = ObservationConfig(
    ("gradient", "elapsed", "averages", "secant", "log_loss"), rates=(0.5, 0.9)
)


def seen(dim: int, batch: int = 3) -> tuple[Simulation, np.ndarray]:
    landscape = {"kind": "quadratic", "dim": dim, "curvature": {"kind": "log_uniform"}}
    problem = NavigationProblem(landscape=landscape)
    simulation = Simulation.begun(
        np.arange(batch), problem=problem, observation=MIXED, action=StepSize()
    )
    simulation.advance(np.random.default_rng(0).uniform(-1, 1, (batch, 2 * dim)))
    return simulation, simulation.observe(simulation.state)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_a_row_holds_what_the_channels_say_of_its_coordinate(dim: int):
    simulation, observation = seen(dim)
    coordinates, state = Coordinates(MIXED), simulation.state
    rows = coordinates.rows(observation).reshape(3, dim, coordinates.features)
    assert coordinates.features == 1 + 1 + 2 + 2 + 1
    assert coordinates.dim(observation.shape[1]) == dim
    np.testing.assert_array_equal(rows[:, :, 0], state.learner.gradient)
    np.testing.assert_array_equal(rows[:, :, 1], 1 / simulation.problem.steps)
    np.testing.assert_array_equal(rows[:, :, 2:4], state.learner.averages.swapaxes(1, 2))
    assert set(np.unique(rows[:, :, 5])) <= {0.0, 1.0}
    np.testing.assert_array_equal(rows[:, :, 6], np.log(state.loss)[:, None].repeat(dim, 1))


def test_joined_rows_act_as_blocks():
    rows = np.arange(12.0).reshape(6, 2)  # two environments of three coordinates
    joined = Coordinates(MIXED).joined(rows, 3)
    np.testing.assert_array_equal(joined, [[0, 2, 4, 1, 3, 5], [6, 8, 10, 7, 9, 11]])


def test_a_channel_that_belongs_to_no_coordinate_is_refused():
    with pytest.raises(ValueError, match="'hessian' cannot be split"):
        Coordinates(ObservationConfig(("gradient", "hessian")))


def test_a_size_that_no_number_of_coordinates_has_is_refused():
    with pytest.raises(ValueError, match="5 numbers per coordinate and 2 shared ones; 9"):
        Coordinates(MIXED).dim(9)
