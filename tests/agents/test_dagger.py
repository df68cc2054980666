"""Regression on the optimum's moves: what it comes to, and that it goes on where it was stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.dagger import Dagger, Regression
from agents.presets import PRESETS
from agents.training import train
from landscape_gym import REGIMES
from landscape_gym.control import LinearQuadraticPolicy, NoisyQuasiNewtonPolicy
from landscape_gym.evaluation import rollout
from landscape_gym.observation import ObservationConfig
from landscape_gym.refusal import Refusal
from landscape_gym.simulation import Simulation

REGIME = REGIMES["landscape-nav"].configured(landscape={"dim": 3})
SMALL = replace(
    PRESETS["frame"], rounds=4, num_envs=16, episode_steps=20, batch_size=80, layers=(8,)
)


def weights(trainer: Regression) -> list[np.ndarray]:
    learnt = trainer.learnt
    moments = [part for each in learnt.optimizer.state.values() for part in each.values()]
    tensors = [*learnt.actor.state_dict().values(), *moments]
    return [each.detach().numpy() for each in tensors]


def same(a: Regression, b: Regression) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def test_a_few_rounds_bring_a_rule_nearer_to_the_optimum():
    enough = replace(SMALL, rounds=8, num_envs=64, episode_steps=40, batch_size=640)
    trainer = enough.trainer(REGIME, 0)
    policies = [trainer.rule(), train(trainer).rule(), LinearQuadraticPolicy(REGIME.problem)]
    first, last, best = (
        rollout(REGIME.problem, policy, episodes=64, seed=1_000_000).cost.mean()
        for policy in policies
    )
    assert last - best < 0.8 * (first - best)


def test_the_optimums_moves_are_what_is_regressed_on():
    trainer = SMALL.trainer(REGIME, 0)
    (steps,) = trainer._episodes()
    assert steps.optimal.shape == (16 * 20, 3)
    assert steps.weight[0] == 1
    assert steps.weight[-1] == pytest.approx(REGIME.problem.discount**19)
    start = LinearQuadraticPolicy(REGIME.problem)
    simulation = Simulation(16, problem=REGIME.problem, observation=start.observation)
    simulation.streams.seed(np.arange(16), list(range(16)))
    simulation.begin(np.arange(16))
    action, _ = start.predict(simulation.observe(simulation.state))
    length = np.linalg.norm(action * start.action.scale, axis=1)  # no frame changes it
    np.testing.assert_allclose(np.linalg.norm(steps.optimal[:16], axis=1), length, rtol=1e-4)


def test_each_dimension_has_its_share_of_coordinates_and_seeds_of_its_own():
    several = replace(SMALL, dims=(2, 6), num_envs=8)
    assert [each[:2] for each in several.sizes(REGIME.problem)] == [(2, 6), (6, 2)]
    assert several.steps(REGIME.problem) == 4 * 8 * 20
    trainer = several.trainer(REGIME, 0)
    planar, larger = trainer._episodes()
    assert planar.optimal.shape == (6 * 20, 2)
    assert larger.optimal.shape == (2 * 20, 6)
    alone = replace(SMALL, dims=(2,), num_envs=4).trainer(REGIME, 0)._episodes()[0]
    np.testing.assert_array_equal(planar.optimal[:6], alone.optimal[:6])
    after = train(trainer).learnt
    assert after.round == 4
    rule = trainer.rule()
    for dim in (2, 6, 9):
        problem = REGIME.problem.replace(landscape={"dim": dim})
        assert np.isfinite(rollout(problem, rule, episodes=4, seed=1_000_000).cost).all()


def test_of_wide_episodes_the_first_steps_are_regressed_on_along_the_axes_that_they_span():
    training = replace(SMALL, relative=True, wide=12, wide_steps=5, batch_size=5)
    assert training.sizes(REGIME.problem)[1] == (12, 10, 5, 5)
    assert training.steps(REGIME.problem) == 4 * (16 * 20 + 10 * 5)
    trainer = training.trainer(REGIME, 0)
    before, wide = trainer._episodes()
    alone = replace(SMALL, relative=True).trainer(REGIME, 0)._episodes()[0]
    np.testing.assert_array_equal(before.optimal, alone.optimal)
    assert wide.optimal.shape == (10 * 5, 5)
    gradient = wide.vectors[..., 0].reshape(5, 10, 5)
    assert gradient[0, :, :-1].abs().max() < 1e-3 * gradient[0, :, -1].abs().min()
    whole = replace(SMALL, relative=True, dims=(12,), num_envs=40, episode_steps=5)
    trainer = whole.trainer(REGIME, 0)
    assert trainer.batches[0].size == (12, 10, 5, 12)
    # Along all axes the error is what it is along those, and what no rule could be told.
    trainer.batches = [trainer.batches[0]._replace(first=16)]
    (steps,) = trainer._episodes()
    np.testing.assert_allclose(
        (steps.optimal**2)[:, -5:].sum(axis=1), (wide.optimal**2).sum(axis=1), rtol=1e-3
    )
    np.testing.assert_allclose(wide.weight, steps.weight * 5 / 12, rtol=1e-6)
    assert np.isfinite(train(training.trainer(REGIME, 0)).round()["regression/squared_error"])


def test_wide_episodes_that_a_frame_would_not_have_are_refused():
    with pytest.raises(ValueError, match="more coordinates than steps"):
        replace(SMALL, wide=20, wide_steps=20)
    for other in (replace(SMALL, belief=True), PRESETS["frame-parameters"]):
        with pytest.raises(Refusal, match="gradients alone"):
            replace(other, wide=40).trainer(REGIME, 0)


def test_episodes_that_cost_little_count_as_much_for_what_they_cost():
    even = replace(SMALL, evenly=0.5).trainer(REGIME, 0)
    (steps,), (plain,) = even._episodes(), SMALL.trainer(REGIME, 0)._episodes()
    np.testing.assert_array_equal(steps.optimal, plain.optimal)
    counts = (steps.weight / plain.weight)[:, 0].numpy().reshape(20, 16)
    np.testing.assert_allclose(counts, counts[:1].repeat(20, axis=0), rtol=1e-5)
    start = LinearQuadraticPolicy(REGIME.problem)
    begun = Simulation(16, problem=REGIME.problem, observation=start.observation)
    begun.streams.seed(np.arange(16), list(range(16)))
    begun.begin(np.arange(16))
    costs = start.value(begun.observe(begun.state).astype(np.float64))
    np.testing.assert_allclose(counts[0] ** 2 * costs, costs.mean(), rtol=1e-4)


def test_lengths_in_units_of_the_first_gradient_weigh_what_they_are_worth():
    trainers = [replace(SMALL, relative=relative).trainer(REGIME, 0) for relative in (True, False)]
    ours, theirs = (next(trainer._walk(trainer.batches[0])) for trainer in trainers)
    (_, _, optimal, weight), (_, _, plain, _) = ours, theirs  # as each episode begins
    squared = (weight * optimal**2).sum(axis=1), (plain**2).sum(axis=1)
    np.testing.assert_allclose(*squared, rtol=1e-4)
    assert weight.std() > 0.1 * weight.mean()


def test_on_a_convex_landscape_the_optimum_is_that_along_a_path():
    regime = REGIMES["logistic-regression"].configured(observation=PRESETS["frame"].observation)
    few = replace(SMALL, rounds=6, num_envs=8, learning_rate=0.01)
    trainer = few.trainer(regime, 0)
    policies = [trainer.rule(), train(trainer).rule(), trainer.batches[0].optimum]
    problem = regime.problem.replace(episode_steps=20)
    first, last, best = (
        rollout(problem, policy, episodes=16, seed=1_000_000).cost.mean() for policy in policies
    )
    assert last - best < 0.8 * (first - best)
    with pytest.raises(ValueError, match="evenly"):
        train(replace(few, evenly=1.0).trainer(regime, 0))


class Interrupted(Exception):
    pass


def test_in_the_frame_of_a_belief_a_few_rounds_are_better_than_the_believer():
    enough = replace(SMALL, belief=True, rounds=8, num_envs=64, episode_steps=40, batch_size=640)
    trainer = enough.trainer(REGIME, 0)
    policies = [
        NoisyQuasiNewtonPolicy(REGIME.problem, "displacement", rounds=1),
        train(trainer).rule(),
        LinearQuadraticPolicy(REGIME.problem),
    ]
    believer, learned, best = (
        rollout(REGIME.problem, policy, episodes=256, seed=1_000_000).cost.mean()
        for policy in policies
    )
    assert learned - best < 0.9 * (believer - best)


@pytest.mark.parametrize("after", [1, 3])
def test_a_stopped_regression_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
):
    whole = train(SMALL.trainer(REGIME, 5))
    fit = Regression._fit

    def once_more(self, steps):
        if self.learnt.round == after:
            raise Interrupted
        return fit(self, steps)

    monkeypatch.setattr(Regression, "_fit", once_more)
    with pytest.raises(Interrupted):
        train(SMALL.trainer(REGIME, 5), folder=tmp_path, checkpoint_seconds=0.0)
    monkeypatch.setattr(Regression, "_fit", fit)
    torch.rand(7)  # nothing depends on the global generator
    again = train(SMALL.trainer(REGIME, 5), folder=tmp_path, resume=True, checkpoint_seconds=0.0)
    assert again.learnt.round == 4
    assert same(again, whole)
    assert not same(again, train(SMALL.trainer(REGIME, 6)))


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("landscape-nav", {"observation": ("gradient", "elapsed")}, "a frame reads"),
        ("landscape-nav", {"action": "step_size"}, "sets velocities"),
        ("landscape-nav", {"horizon": 10}, "forever"),
        ("double-well", {}, "quadratic"),
    ],
)
def test_what_cannot_be_regressed_on_is_refused(name: str, changes: dict, said: str):
    seen = {} if "observation" in changes else {"observation": PRESETS["frame"].observation}
    regime = REGIMES[name].configured(**seen, **changes)
    with pytest.raises(ValueError, match=said):
        Dagger().trainer(regime, 0)


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="episodes of one seed"):
        Dagger(rounds=10_000)
    with pytest.raises(ValueError, match="num_envs"):
        Dagger(num_envs=0)
    assert PRESETS["frame"].observation != ObservationConfig()
