"""Agents in the frame of gradients: what they see and do is what the rule sees and does."""

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from landscape_gym import REGIMES
from landscape_gym.control import optimum
from landscape_gym.frame import INVARIANTS, Frame
from landscape_gym.observation import ObservationConfig
from landscape_gym.refusal import Refusal
from landscape_gym.sb3 import (
    SEEN_IN_A_FRAME,
    FrameVecEnv,
    GatedPolicy,
    LandscapeNavVecEnv,
    learned_rule,
)

SEEN = ObservationConfig(
    ("gradient", "previous_update", "displacement", "averages", "lags"), rates=(0.5, 0.9)
)
REGIME = REGIMES["landscape-nav"].configured(
    observation=SEEN, action={"scale": 10.0}, episode_steps=6
)
SETUP = {"problem": REGIME.problem, "observation": SEEN, "action": REGIME.action}
GIVEN = {"channels": SEEN, "scale": 10.0}


def agent(env: FrameVecEnv, **given) -> PPO:
    torch.manual_seed(0)
    agent = PPO(GatedPolicy, env, n_steps=8, batch_size=8, seed=0, policy_kwargs=GIVEN | given)
    actor = agent.policy.mlp_extractor.actor
    with torch.no_grad():
        actor.net[-1].weight.mul_(3)  # and actions stay within their box
    actor.standardise(np.random.default_rng(0).normal(size=(50, actor.invariants)))
    return agent


@pytest.mark.parametrize("belief", [False, True])
def test_an_agent_in_the_frame_does_what_its_rule_does_outside_of_it(belief: bool):
    framed, plain = FrameVecEnv(5, belief=belief, **SETUP), LandscapeNavVecEnv(5, **SETUP)
    learner = agent(framed, believes=REGIME.problem if belief else None)
    rule = learned_rule(learner.policy, REGIME.problem, SEEN, REGIME.action)
    framed.seed(7)
    plain.seed(7)
    inside, outside = framed.reset(), plain.reset()
    state, dones, ended = None, None, 0
    for _ in range(15):  # over the ends of two episodes
        action, _ = learner.predict(inside, deterministic=True)
        by_rule, state = rule.predict(outside, state, dones)
        inside, reward, _, infos = framed.step(action)
        outside, same, dones, _ = plain.step(by_rule)
        np.testing.assert_allclose(reward, same, rtol=1e-3)
        ended += dones.sum()
        for row in np.flatnonzero(dones):
            assert infos[row]["terminal_observation"].shape == inside[row].shape
    assert ended == 10


def test_the_last_observation_of_an_episode_is_seen_in_its_own_frame():
    env = FrameVecEnv(2, **SETUP)
    env.seed(3)
    rows = env.reset()
    width = len(Frame(SEEN).vectors) + len(INVARIANTS)
    for step in range(6):
        rows, _, dones, infos = env.step(np.zeros((2, 10)))
        last = infos[0]["terminal_observation"] if dones.all() else rows[0]
        age = last.reshape(10, width)[0, len(Frame(SEEN).vectors) + INVARIANTS.index("young age")]
        n = step + 2
        assert age == pytest.approx(n / (n + 5))
    fresh = rows.reshape(2, 10, width)[0, 0, len(Frame(SEEN).vectors) + 5]
    assert fresh == pytest.approx(1 / 6)


def test_turning_axes_over_or_exchanging_them_does_the_same_to_the_moves():
    env = FrameVecEnv(1, **SETUP)
    actor = agent(env).policy.mlp_extractor.actor
    rows = torch.randn(1, 10, actor.vectors + len(INVARIANTS))
    moves = actor(rows.flatten(1))[0]
    signs, order = torch.tensor([1.0, -1.0] * 5), torch.randperm(10)
    turned = rows.clone()
    turned[:, :, : actor.vectors] *= signs[:, None]
    torch.testing.assert_close(actor(turned[:, order].flatten(1))[0], (signs * moves)[order])


def test_an_agent_with_a_privileged_critic_trains_in_the_frame_and_is_read_again(tmp_path):
    env = FrameVecEnv(4, privileged=True, **SETUP)
    learner = agent(env, critic="privileged")
    before = learner.policy.mlp_extractor.actor.net[0].weight.clone()
    learner.learn(64)
    assert not torch.equal(before, learner.policy.mlp_extractor.actor.net[0].weight)
    learner.save(tmp_path / "agent.zip")
    again, observation = PPO.load(tmp_path / "agent.zip"), env.reset()
    np.testing.assert_array_equal(
        again.predict(observation, deterministic=True)[0],
        learner.predict(observation, deterministic=True)[0],
    )


def test_actions_that_are_no_velocities_are_refused():
    with pytest.raises(Refusal, match="velocities, not 'step_size'"):
        FrameVecEnv(2, observation=SEEN, action="step_size")


def test_the_environment_tells_its_policy_what_it_sees_and_its_agent_what_rule_it_is():
    env = FrameVecEnv(3, privileged=True, **SETUP)
    told = env.policy_kwargs
    assert told["channels"] == SEEN
    assert (told["scale"], told["critic"]) == (10.0, "privileged")
    mean, _ = told["standard"]
    n = np.arange(1, 8)  # gradients seen in an episode of six steps
    assert mean[INVARIANTS.index("young age")] == pytest.approx(np.mean(n / (n + 5)))
    learner = PPO(GatedPolicy, env, n_steps=8, batch_size=8, seed=0, policy_kwargs=told)
    actor = learner.policy.mlp_extractor.actor
    np.testing.assert_allclose(actor.mean, mean, rtol=1e-5)
    rule = env.rule(learner)
    assert rule.action == REGIME.action
    seen = LandscapeNavVecEnv(2, **SETUP).reset()
    by_hand = learned_rule(learner.policy, REGIME.problem, SEEN, REGIME.action)
    np.testing.assert_array_equal(rule.predict(seen)[0], by_hand.predict(seen)[0])


def test_with_a_privileged_critic_rewards_are_in_its_unit():
    plain, told = FrameVecEnv(3, **SETUP), FrameVecEnv(3, privileged=True, **SETUP)
    for env in (plain, told):
        env.seed(5)
        env.reset()
    (_, reward, _, _), (_, in_units, _, _) = (env.step(np.zeros((3, 10))) for env in (plain, told))
    np.testing.assert_allclose(in_units * optimum(REGIME.problem).cost, reward, rtol=1e-5)


def test_channels_need_not_be_named():
    assert FrameVecEnv(2).regime.observation == SEEN_IN_A_FRAME
