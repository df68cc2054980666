"""The simulation on tensors, on every device that is here: "meta" has shapes and no values.

On "meta" what is made on another device by mistake is refused, as it is on a GPU. Where there is
one, ``python -m pytest tests/contracts/test_torch_devices.py`` runs all of it there, too.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from landscape_gym.registration import REGIMES, TRAINING
from landscape_gym.simulation import Simulation
from landscape_gym.torch_simulation import TorchSimulation

ROWS, STEPS = 5, 4
EVERY = [*REGIMES, *TRAINING]
WITH_VALUES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def tensors_of(record: Any) -> list[torch.Tensor]:
    """All tensors of a state: the world's, the learner's, and the instances'."""
    values = [getattr(record, field.name) for field in fields(record)]
    values += [*values.pop(1)] if hasattr(record, "instances") else []
    found = [value for value in values if isinstance(value, torch.Tensor)]
    return found + (tensors_of(record.learner) if hasattr(record, "learner") else [])


@pytest.mark.parametrize("device", ["meta", *WITH_VALUES])
@pytest.mark.parametrize("regime", EVERY)
def test_everything_is_made_on_the_device_and_has_its_shape(regime: str, device: str) -> None:
    simulation = TorchSimulation(ROWS, regime, device=device)
    simulation.begin(seeds=range(ROWS))
    actions = torch.zeros(ROWS, simulation.action_size, device=device, requires_grad=True)
    for _ in range(STEPS):
        outcome = simulation.advance(actions)
    outcome.cost.sum().backward()
    assert actions.grad is not None
    assert actions.grad.shape == actions.shape
    assert {tuple(each.shape) for each in outcome} == {(ROWS,)}
    simulation.begin(rows=[1, 3])
    seen = simulation.observe()
    assert seen.shape == (ROWS, simulation.layout.size)
    here = tensors_of(simulation.state)
    assert len(here) > 8
    assert {each.device.type for each in (seen, *outcome, *here)} == {device}


@pytest.mark.parametrize("device", WITH_VALUES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("regime", EVERY)
def test_numbers_are_numpys_wherever_they_are_made(
    regime: str, dtype: str, tolerance: float, device: str
) -> None:
    numpy = Simulation(ROWS, regime, dtype)
    numpy.streams.seed(range(ROWS), range(ROWS))
    numpy.begin(np.arange(ROWS))
    ours = TorchSimulation(ROWS, regime, dtype, draws="numpy", device=device)
    ours.begin(seeds=range(ROWS))
    action = np.full((ROWS, numpy.action_size), 0.1, dtype)
    for _ in range(STEPS):
        outcome = numpy.advance(action)
        found = ours.advance(torch.from_numpy(action).to(device))
    assert_allclose(found.cost.cpu(), outcome.cost, rtol=tolerance, atol=tolerance)
    assert_allclose(ours.state.theta.cpu(), numpy.state.theta, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("device", WITH_VALUES)
@pytest.mark.parametrize("regime", ["landscape-nav", "task-switching"])
def test_a_seed_decides_one_episode_on_all_devices(regime: str, device: str) -> None:
    here, there = (TorchSimulation(ROWS, regime, device=each) for each in ("cpu", device))
    for simulation in (here, there):
        simulation.begin(seeds=range(ROWS))
        for _ in range(STEPS):
            action = torch.full((ROWS, simulation.action_size), 0.1, device=simulation.device)
            simulation.advance(action)
    assert_allclose(there.observe().cpu(), here.observe(), rtol=1e-4, atol=1e-4)
