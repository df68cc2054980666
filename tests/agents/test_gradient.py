"""Trainers that differentiate or perturb rules: what they come to, and what stops change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from agents.checkpoint import restore, snapshot
from agents.framed import FramedRule
from agents.gradient import Gradient, TerminalValue
from agents.logs import LogPosition
from agents.perturbation import EvolutionStrategy, PersistentEvolutionStrategy
from agents.presets import PRESETS
from agents.rounds import RoundsTrainer
from agents.trainable import TrainableRule
from agents.trainer import Training
from agents.windows import WindowTraining
from landscape_gym.control import LinearQuadraticPolicy
from landscape_gym.evaluation import compare
from landscape_gym.registration import regime
from landscape_gym.simulation import Simulation
from landscape_gym.torch_simulation import TorchSimulation

FRAME: Any = PRESETS["gradient-frame"]
SMALL: dict[str, Training] = {
    "gradient": Gradient(windows=7, window=4, num_envs=8, episode_steps=12),
    "recurrent": Gradient(windows=5, window=4, num_envs=8, episode_steps=12, recurrent=3),
    "framed": replace(FRAME, windows=7, window=4, num_envs=8, episode_steps=12, layers=(4,)),
    "es": EvolutionStrategy(windows=7, window=4, pairs=4, episode_steps=12),
    "pes": PersistentEvolutionStrategy(windows=7, window=4, pairs=4, episode_steps=12, recurrent=2),
}


def trainer(training: Training, name: str = "landscape-nav", **changes: Any) -> RoundsTrainer:
    made = training.trainer(regime(name).configured(**changes), 3)
    assert isinstance(made, RoundsTrainer)
    return made


def weights(made: RoundsTrainer) -> np.ndarray:
    layers = made.rule().network.layers
    return np.concatenate([np.r_[layer.weight.ravel(), layer.bias] for layer in layers])


@pytest.mark.parametrize("name", SMALL)
def test_a_training_that_goes_on_after_a_stop_ends_as_it_would_have(name: str) -> None:
    whole, first, second = (trainer(SMALL[name]) for _ in range(3))
    for _ in range(whole.rounds):
        whole.round()
    for _ in range(2):
        first.round()
    restore(second, snapshot(first, {}, LogPosition(0, 0)))
    for _ in range(whole.rounds - 2):
        second.round()
    assert np.ptp(weights(whole)) > 0
    assert_array_equal(weights(second), weights(whole))
    assert second.ended == whole.rounds
    assert second.done == whole.total


@pytest.mark.parametrize(
    ("training", "bar"),
    [
        (Gradient(windows=80), 1.01),
        pytest.param(EvolutionStrategy(windows=100), 1.05, marks=pytest.mark.slow),
        pytest.param(PersistentEvolutionStrategy(windows=120), 1.3, marks=pytest.mark.slow),
    ],
)
def test_known_curvature_is_learnt_in_seconds(training: Training, bar: float) -> None:
    made = trainer(training, "long-horizon")
    for _ in range(made.rounds):
        made.round()
    problem = made.regime.problem
    policies = {"learned": made.rule(), "optimum": LinearQuadraticPolicy(problem)}
    found = compare(problem, policies, episodes=256, optimum="optimum")
    assert found["learned"].ratio.value < bar  # pyright: ignore[reportOptionalMemberAccess]


def test_the_terminal_value_is_the_optimums_with_its_slope() -> None:
    problem = regime("hidden-curvature").configured().problem
    simulation = TorchSimulation(4, "hidden-curvature", "float64")
    simulation.begin(seeds=range(4))
    value, policy = TerminalValue.of(problem), LinearQuadraticPolicy(problem)
    assert value is not None
    same = Simulation.begun(range(4), problem=problem, observation=policy.observation)
    theta = simulation.state.learner.theta.requires_grad_()
    (slope,) = torch.autograd.grad(value(simulation).sum(), theta)
    move = 1e-3 * torch.ones_like(theta)
    simulation.state.learner.theta = theta.detach() + move
    above = value(simulation).detach()
    simulation.state.learner.theta = theta.detach() - move
    below = value(simulation).detach()
    assert_allclose((above - below) / 2e-3, slope.sum(1), rtol=1e-5)
    assert same.state.theta.shape == theta.shape


def test_nothing_is_added_where_no_value_is_known() -> None:
    assert TerminalValue.of(regime("double-well").configured().problem) is None
    assert TerminalValue.of(regime("long-horizon").configured(horizon=9).problem) is None


@pytest.mark.parametrize("recurrent", [0, 5])
@pytest.mark.parametrize("per_coordinate", [False, True])
def test_what_is_learned_is_what_was_trained(recurrent: int, *, per_coordinate: bool) -> None:
    setup = regime("landscape-nav").configured(observation=("gradient", "displacement"))
    rule = TrainableRule(
        setup, layers=(4,), recurrent=recurrent, per_coordinate=per_coordinate, activation="relu"
    )
    with torch.no_grad():
        for parameter in rule.parameters():
            parameter.uniform_(-0.3, 0.3, generator=torch.Generator().manual_seed(1))
    seen = torch.linspace(-2, 2, 40).view(2, 20)
    rule.standardise([seen])
    learned, memory = rule.learned(), None
    state = learned.begin(seen.numpy())
    for scale in (1.0, -0.5):
        actions, memory = rule(scale * seen, memory)
        found, state = learned.act(scale * seen.numpy(), state)
        assert_allclose(found, actions.detach().clip(-1, 1), rtol=1e-5, atol=1e-6)


def test_what_is_learned_in_a_frame_is_what_was_trained() -> None:
    made = trainer(SMALL["framed"], "hidden-curvature")
    made.round()
    rule, problem = made.progress.rule, made.regime.problem  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(rule, FramedRule)
    one, other = (
        Simulation.begun(
            range(4),
            problem=problem,
            observation=made.regime.observation,
            action=made.regime.action,
        )
        for _ in range(2)
    )
    learned, memory, state = made.rule(), None, None
    assert learned.framed
    assert learned.relative
    for _ in range(6):
        actions, memory = rule(torch.from_numpy(one.observe(one.state)).float(), memory)
        one.advance(actions.detach().numpy())
        action, state = learned.predict(other.observe(other.state), state)
        other.advance(action)
    assert_allclose(one.state.theta, other.state.theta, rtol=1e-3, atol=1e-4)
    assert np.ptp(one.state.theta - one.state.learner.start) > 0.1


def test_gradients_through_a_frame_go_through_vectors_alone() -> None:
    made = trainer(SMALL["framed"], "hidden-curvature")
    seen = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 66)).astype(np.float32))
    rule = made.progress.rule  # pyright: ignore[reportAttributeAccessIssue]
    _, memory = rule(seen.requires_grad_())
    actions, memory = rule(2 * seen, memory)
    assert not memory.basis.requires_grad
    assert not rule._frame.see(seen, memory)[0].invariants.requires_grad
    (slope,) = torch.autograd.grad(actions.sum(), seen)
    assert slope.abs().max() > 0, "axes are alike as an episode begins"
    assert slope.isfinite().all()


@pytest.mark.slow
def test_hidden_curvature_is_learnt_in_a_frame_in_a_minute() -> None:
    made = trainer(replace(FRAME, windows=300), "hidden-curvature")
    for _ in range(made.rounds):
        made.round()
    problem = made.regime.problem
    policies = {"learned": made.rule(), "optimum": LinearQuadraticPolicy(problem)}
    found = compare(problem, policies, episodes=128, optimum="optimum")
    assert found["learned"].ratio.value < 1.06  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize("training", [SMALL["gradient"], SMALL["es"]])
def test_features_have_the_spread_of_a_window_and_its_episode_begins_anew(
    training: Training,
) -> None:
    made = trainer(training, "hidden-curvature")
    made._begin(np.arange(getattr(training, training.batch)))  # pyright: ignore[reportAttributeAccessIssue]
    begun = made.simulation.state.learner  # pyright: ignore[reportAttributeAccessIssue]
    assert not np.any(np.asarray(begun.elapsed))
    assert not np.any(np.asarray(begun.previous_update))
    assert np.all(made.rule().std > 1e-4), "previous gradients and secants are 0 at first alone"


@pytest.mark.parametrize("name", SMALL)
def test_episodes_are_at_all_ages_at_once_and_begin_one_by_one(name: str) -> None:
    made = trainer(SMALL[name])
    ages = []
    for _ in range(5):
        made.round()
        elapsed = np.asarray(made.simulation.state.learner.elapsed)  # pyright: ignore[reportAttributeAccessIssue]
        ages.append((elapsed[:4] // 4).tolist())
    assert ages == [[1, 1, 1, 1], [1, 2, 2, 1], [2, 1, 3, 2], [3, 2, 1, 3], [1, 3, 2, 1]]


def test_a_frame_remembers_the_present_episode_alone() -> None:
    made = trainer(SMALL["framed"], "hidden-curvature")
    for _ in range(5):
        made.round()
        elapsed = made.simulation.state.learner.elapsed  # pyright: ignore[reportAttributeAccessIssue]
        seen = made.progress.remembered.n  # pyright: ignore[reportAttributeAccessIssue]
        assert_array_equal(seen, elapsed)
    assert len(set(elapsed.tolist())) == 3


@pytest.mark.parametrize("algorithm", [Gradient, PersistentEvolutionStrategy])
def test_logarithms_of_losses_are_objectives_too(algorithm: type[WindowTraining]) -> None:
    batch: dict[str, Any] = {algorithm.batch: 4}
    told = algorithm(windows=3, window=5, episode_steps=15, objective="log_loss", **batch)
    problem = regime("small-networks").problem
    assert told.discount(problem) == 1.0
    simulation = Simulation.begun(range(2), problem=problem)
    outcome = simulation.advance(np.zeros((2, simulation.action_size), np.float32))
    assert_allclose(told.judged(outcome), np.log(outcome.loss + 1e-4), rtol=1e-5)
    made = trainer(replace(told, per_coordinate=True), "small-networks")
    (cost,) = [value for name, value in made.round().items() if name.endswith("/cost")]
    assert -5 * 10 < cost < 5 * 10
    assert np.ptp(weights(made)) > 0


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="windows"):
        Gradient(windows=0)
    with pytest.raises(ValueError, match="one seed"):
        Gradient(windows=100_000, num_envs=128)
    with pytest.raises(ValueError, match="framed"):
        Gradient(framed=True, recurrent=3)
    with pytest.raises(ValueError, match="spread"):
        EvolutionStrategy(spread=0.0)
    with pytest.raises(ValueError, match="split"):
        trainer(Gradient(per_coordinate=True), observation="hessian")
