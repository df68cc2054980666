"""Rules in a frame as optimizers: the moves that they make in the environment."""

import numpy as np
import pytest
import torch

from landscape_gym import REGIMES, load_rule
from landscape_gym.optim import RuleOptimizer
from landscape_gym.optim.frame_rule import MOST
from landscape_gym.simulation import Simulation

NAMES = ("landscape-nav", "landscape-nav-parameters")
PROBLEM = REGIMES["landscape-nav"].problem.replace(landscape={"dim": 5})


def walk(name: str, optimizer_of, steps: int = 25):
    """Moves in the environment and by optimizers, (steps, d) each."""
    rule = load_rule(name)
    simulation = Simulation.begun(
        [3], problem=PROBLEM, observation=rule.observation, action=rule.action
    )
    p = torch.nn.Parameter(torch.tensor(simulation.state.theta[0], dtype=torch.float64))
    parts = [torch.nn.Parameter(part) for part in p.detach().split([2, 3])]
    optimizer, memory = optimizer_of(parts), None
    for step in range(steps):
        gradient = torch.tensor(simulation.state.learner.gradient[0], dtype=torch.float64)
        for part, g in zip(parts, gradient.split([2, 3]), strict=True):
            part.grad = g
        optimizer = optimizer_of(parts, optimizer) if step == steps // 2 else optimizer
        optimizer.step()
        seen = simulation.observe(simulation.state).astype(np.float64)
        action, memory = rule.predict(seen, memory)
        simulation.advance(action)
        yield torch.cat([part.detach() for part in parts]).numpy(), simulation.state.theta[0]


@pytest.mark.filterwarnings("ignore:this rule was learned")
@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_moves_as_the_rule_does_in_the_environment(name: str):
    def optimizer_of(parts, before=None):
        made = RuleOptimizer(parts, name)
        if before is not None:  # saved, and gone on with
            made.load_state_dict(before.state_dict())
        return made

    found = list(walk(name, optimizer_of))
    for ours, theirs in found:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert np.abs(found[-1][1] - found[0][1]).max() > 0.1


def test_more_coordinates_than_a_frame_is_for_are_refused():
    p = torch.nn.Parameter(torch.zeros(MOST + 1))
    with pytest.warns(UserWarning, match="quadratic"):
        optimizer = RuleOptimizer([p], "landscape-nav")
    p.grad = torch.ones_like(p)
    with pytest.raises(ValueError, match="at most 1000 of them, and is given 1001"):
        optimizer.step()
