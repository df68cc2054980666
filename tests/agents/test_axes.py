"""Agents of Stable-Baselines3 along the axes of a belief, from the weights of a rule or anew."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents import ablation
from agents.presets import BELIEVER, FINE_TUNED
from agents.training import train
from landscape_gym import REGIMES
from landscape_gym.artifact import save_rule
from landscape_gym.belief_frame import BeliefFrame
from landscape_gym.control import NoisyQuasiNewtonPolicy
from landscape_gym.evaluation import rollout
from landscape_gym.learned import LearnedRule

REGIME = REGIMES["landscape-nav"].configured(landscape={"dim": 3})
SMALL = replace(
    FINE_TUNED, layers=(8,), num_envs=4, episode_steps=8, n_steps=8, batch_size=16, timesteps=64
)


@pytest.fixture
def learned() -> LearnedRule:
    """A rule that has begun to learn."""
    few = replace(BELIEVER, rounds=1, num_envs=8, episode_steps=10, batch_size=40, layers=(8,))
    return train(few.trainer(REGIME, 0)).rule()


def weights(rule: LearnedRule) -> list[np.ndarray]:
    return [rule.mean, rule.std, *(part for layer in rule.network.layers for part in layer)]


def test_an_agent_begins_with_the_weights_of_a_rule_and_goes_on(
    tmp_path: Path, learned: LearnedRule
):
    save_rule(learned, tmp_path / "rule.safetensors")
    trainer = replace(SMALL, begins=str(tmp_path / "rule.safetensors")).trainer(REGIME, 0)
    for ours, theirs in zip(weights(trainer.rule()), weights(learned), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    after = weights(train(trainer).rule())
    assert not np.array_equal(after[2], weights(learned)[2])
    np.testing.assert_array_equal(after[1], learned.std)


def test_without_a_rule_an_agent_begins_as_the_believer_with_its_features_scaled():
    rule = replace(SMALL, begins=None).trainer(REGIME, 0).rule()
    assert (rule.std < 1).any()
    frame = rule.frame
    assert isinstance(frame, BeliefFrame)
    trusted = frame.vectors.index("believed move")
    np.testing.assert_allclose(rule.network.layers[-1].bias[trusted], 1)
    believer = NoisyQuasiNewtonPolicy(REGIME.problem, "displacement", rounds=None)
    cost, best = (
        rollout(REGIME.problem, policy, episodes=32, seed=5).cost.mean()
        for policy in (rule, believer)
    )
    assert cost == pytest.approx(best, rel=0.2)


def test_rules_that_an_agent_cannot_begin_with_are_refused():
    with pytest.raises(ValueError, match="in the same frame"):
        replace(SMALL, begins="hidden-curvature").trainer(REGIME, 0)
    with pytest.raises(ValueError, match="only an agent that sees 'axes'"):
        replace(SMALL, begins="landscape-nav", sees="observation").trainer(REGIME, 0)


def test_parts_that_are_left_out_are_left_out():
    few = ablation.Options(rounds=1, num_envs=4)
    made = {left_out: make for left_out, _, make in ablation.trainings(few)[:6]}
    unturned, ungated = (made[name]() for name in ("frame", "gating"))
    assert isinstance(unturned, ablation.InFrame)
    assert isinstance(ungated, ablation.InFrame)
    observation = np.random.default_rng(0).normal(size=(2, 110)).astype(np.float32)
    frame = unturned.actor.frame
    turned = BeliefFrame(frame.config, REGIMES["landscape-nav"].problem)
    framed, state = frame.see(observation, frame.begin(observation))
    rotated, theirs = turned.see(observation, turned.begin(observation))
    assert (state.basis == np.eye(10)).all()
    back = np.einsum("bij,bjv->biv", theirs.basis, rotated.vectors)
    np.testing.assert_allclose(framed.vectors, back, atol=1e-4)
    one, other = (np.random.default_rng(seed).normal(size=(1, 15)) for seed in (1, 2))
    given = [ungated.actor.coefficients(ablation.torch.as_tensor(x).float()) for x in (one, other)]
    assert ablation.torch.allclose(*given, atol=1e-6)
