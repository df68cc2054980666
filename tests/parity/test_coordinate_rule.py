"""Learned rules in torch act as they do in the environment."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from landscape_gym.actions import Adaptive, Normalized, StepSize, Velocity
from landscape_gym.artifact import load_rule
from landscape_gym.channels import CHANNELS
from landscape_gym.learned import Cell, Dense, LearnedRule, Network
from landscape_gym.networks import Mlp, NetworkLandscape
from landscape_gym.observation import ObservationConfig
from landscape_gym.optim import RuleOptimizer
from landscape_gym.optim.cohort import Cohort
from landscape_gym.optim.coordinate_rule import CoordinateRule, seen_in_training
from landscape_gym.simulation import Simulation

DIM, RATES = 5, (0.9, 0.5)


def dense(rng, outputs, inputs):
    return Dense(rng.normal(size=(outputs, inputs)) / inputs**0.5, 0.1 * rng.normal(size=outputs))


def made(channels, action, *, scaled=True, activation="tanh", squashed=False, cell=False):
    """A random rule; its network is small, so that actions are not all clipped."""
    rng, config = np.random.default_rng(0), ObservationConfig(channels, RATES, scaled)
    two = ("secant", "averages", "squared_averages", "log_squares", "lags", "agreement", "fans")
    inputs = sum(2 if name in two else 1 for name in channels)
    core = Cell(dense(rng, 24, inputs), dense(rng, 24, 6)) if cell else None
    outputs = 2 if isinstance(action, StepSize | Adaptive) else 1
    layers = [dense(rng, 8, 6 if cell else inputs), dense(rng, 8, 8), dense(rng, outputs, 8)]
    network = Network(tuple(layers), activation, squashed, core)
    mean, std = 0.1 * rng.normal(size=inputs), rng.uniform(0.5, 2.0, inputs)
    return LearnedRule(config, action, network, mean, std, clip=5.0, per_coordinate=True)


SEEN = seen_in_training()
EVERYTHING = tuple(name for name in SEEN if CHANNELS[name].needs != "tensors")
MEMORIES = ("gradient", "previous_update", "previous_gradient", "secant")
RULES = {
    "shipped": load_rule("hidden-curvature"),
    "everything": made(EVERYTHING, Velocity(0.3)),
    "unscaled": made(EVERYTHING, Velocity(0.3), scaled=False),
    "relu": made(MEMORIES, Normalized(0.3), activation="relu"),
    "squashed": made(MEMORIES, StepSize(0.01, 0.5, 0.9), squashed=True),
    "adaptive": made(("agreement", "trend", "age"), Adaptive(0.01, 0.3), scaled=False),
    "cell": made(MEMORIES, Velocity(0.3), cell=True),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("chunk", [None, 2])
def test_paths_are_those_of_the_environment(name, chunk):
    rule = RULES[name]
    landscape = {"kind": "quadratic", "dim": DIM, "curvature": "power_law"}
    setup = {"problem": {"landscape": landscape, "dt": 0.2}, "action": rule.action}
    simulation = Simulation.begun([3], observation=rule.observation, **setup)
    p = torch.nn.Parameter(torch.tensor(simulation.state.theta[0]))
    optimizer = RuleOptimizer([p], CoordinateRule(rule, chunk), dt=0.2)
    start, memory = p.detach().clone(), None
    for _ in range(30):
        state = simulation.state
        p.grad = torch.tensor(state.learner.gradient[0])
        optimizer.step(lambda loss=state.loss[0]: torch.tensor(loss))
        action, memory = rule.predict(simulation.observe(state), memory)
        simulation.advance(action)
        theirs = simulation.state.theta[0]
        np.testing.assert_allclose(p.detach().numpy(), theirs, rtol=1e-7, atol=1e-9)
    assert (p.detach() - start).abs().max() > 0.05


@pytest.mark.parametrize("chunk", [None, 5])
def test_what_tensors_tell_is_what_the_environment_shows(chunk):
    rule = made(SEEN, Velocity(0.3))
    x = np.random.default_rng(1).normal(size=(6, 3))
    landscape = NetworkLandscape(Mlp((4,)), (x, np.sin(x[:, :2])))
    setup = {"problem": {"landscape": landscape, "noise": None}, "action": rule.action}
    simulation = Simulation.begun([3], observation=rule.observation, **setup)
    whole = torch.tensor(simulation.state.theta[0])
    shapes = landscape.tensors().shapes
    parts = whole.split(landscape.tensors().sizes)
    parameters = [
        torch.nn.Parameter(part.view(shape)) for part, shape in zip(parts, shapes, strict=True)
    ]
    assert shapes == ((4, 3), (4,), (2, 4), (2,))
    dt = simulation.problem.dt
    optimizer, memory = RuleOptimizer(parameters, CoordinateRule(rule, chunk), dt=dt), None
    for _ in range(20):
        state = simulation.state
        gradients = torch.tensor(state.learner.gradient[0]).split([12, 4, 8, 2])
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g.view_as(p)
        optimizer.step(lambda loss=state.loss[0]: torch.tensor(loss))
        action, memory = rule.predict(simulation.observe(state), memory)
        simulation.advance(action)
        ours = torch.nn.utils.parameters_to_vector(parameters).detach().numpy()
        np.testing.assert_allclose(ours, simulation.state.theta[0], rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore:this rule was learned")  # whether it serves is not asked
def test_float32_differs_by_rounding_alone():
    rule, rng, size = load_rule("hidden-curvature"), np.random.default_rng(0), 20_000
    zeros = np.zeros(size, np.float32), np.zeros(size)
    single, double = (torch.nn.Parameter(torch.from_numpy(start)) for start in zeros)
    optimizers = [RuleOptimizer([p], rule) for p in (single, double)]
    for _ in range(5):
        g = rng.normal(size=size)
        for p, optimizer in zip((single, double), optimizers, strict=True):
            p.grad = torch.tensor(g, dtype=p.dtype)
            optimizer.step()
    # Of the whole vector: a secant of two gradients that are nearly alike is ill-conditioned.
    assert (single.double() - double).norm() < 1e-5 * double.norm()


def test_a_step_of_another_length_is_a_secant_over_that_length():
    # A quadratic of curvature 2: whatever lr, the secant is its logarithm.
    rule = replace(
        made(("secant",), Velocity(1.0), scaled=False),
        network=Network((Dense(np.array([[0.1, 0.0]]), np.full(1, 0.3)),)),
        mean=np.zeros(2),
        std=np.ones(2),
    )
    p = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = RuleOptimizer([p], rule, dt=0.1)
    for lr in (1.0, 0.5, 3.0):
        optimizer.param_groups[0]["lr"] = lr
        before, p.grad = p.item(), 2 * p.detach()
        optimizer.step()
        moved = (p.item() - before) / (0.1 * lr)
        expected = 0.3 if lr == 1.0 else 0.3 + 0.1 * np.log(2.0)
        assert moved == pytest.approx(expected, abs=1e-12)


def test_rules_that_a_loop_cannot_serve_are_refused():
    for channels in (("gradient", "elapsed"), ("gradient", "curvature")):
        with pytest.raises(ValueError, match="which a training loop does not have"):
            CoordinateRule(made(channels, Velocity()))


def test_a_shipped_rule_trains_the_same_twice():
    def run():
        torch.manual_seed(0)
        net = torch.nn.Linear(6, 1)
        optimizer = RuleOptimizer(net.parameters(), "hidden-curvature")
        losses = []
        for _ in range(60):
            optimizer.zero_grad()
            loss = (net(torch.eye(6)) - torch.arange(6.0)[:, None]).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    first = run()
    assert first == run()
    assert first[-1] < 0.01 * first[0]


def test_state_is_views_of_vectors():
    p = [torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(()))]
    for each in p:
        each.grad = torch.ones_like(each)
    optimizer = RuleOptimizer(p, "hidden-curvature")
    optimizer.step()
    cohort: Cohort = next(iter(optimizer._cohorts.values()))
    assert [optimizer.state[each]["rule.gradient"].shape for each in p] == [(2, 3), ()]
    assert all(each.shape == (1,) for each in (optimizer.state[q]["rule.elapsed"] for q in p))
    assert cohort.remembered is not None
    whole = cohort.remembered.rule.gradient
    assert optimizer.state[p[0]]["rule.gradient"].data_ptr() == whole.data_ptr()
