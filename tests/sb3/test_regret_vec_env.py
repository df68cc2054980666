"""Rewards that are regrets: their sum is what a policy pays over the optimum, and luck is out."""

import numpy as np
import pytest

from agents.algorithms import PPO
from agents.training import train
from landscape_gym import REGIMES
from landscape_gym.actions import StepSize, Velocity
from landscape_gym.control import LQGPolicy
from landscape_gym.evaluation import rollout
from landscape_gym.policy import UNBOUNDED, RulePolicy
from landscape_gym.refusal import Refusal
from landscape_gym.rules import GradientDescent
from landscape_gym.sb3 import RegretVecEnv
from landscape_gym.sb3.policies import HIDDEN, SEEN

PROBLEM = REGIMES["noisy-gradient"].problem
BOTH = ("gradient", "parameters")


def regrets(problem, lr, rows):
    """What gradient descent regrets in whole episodes, discounted, (rows,), in units of cost."""
    env = RegretVecEnv(rows, problem=problem, observation=BOTH, action=UNBOUNDED)
    env.seed(3)
    observation, total, weight = env.reset(), np.zeros(rows), env.unit
    for _ in range(problem.steps):
        gradient = observation[SEEN][:, : problem.dim]
        observation, reward, _, _ = env.step(-lr * gradient / UNBOUNDED.scale)
        total, weight = total - weight * reward, weight * env.discount
    return total


def test_regrets_add_up_to_what_is_paid_over_the_optimum():
    """The performance difference lemma; episodes are so long that what they leave is nothing."""
    problem = PROBLEM.replace(episode_steps=600)
    found = regrets(problem, 0.3, 256)
    policies = (RulePolicy(GradientDescent(0.3)), LQGPolicy(problem))
    mine, best = (rollout(problem, each, episodes=256, seed=3).cost for each in policies)
    over = mine - best
    error = np.hypot(found.std(), over.std()) / 16
    assert over.mean() > 10 * error
    assert found.mean() == pytest.approx(over.mean(), abs=3 * error)


@pytest.mark.parametrize("rotated", [False, True])
def test_the_optimum_has_no_regret(rotated):
    landscape = {"dim": 3, "curvature": {"kind": "log_uniform", "low": 0.2, "high": 2.0}}
    problem = PROBLEM.replace(landscape={**landscape, "rotated": rotated}, episode_steps=20)
    best = LQGPolicy(problem)
    env = RegretVecEnv(4, problem=problem, observation=best.observation, action=UNBOUNDED)
    env.seed(0)
    observation, state, begins, regrets = env.reset(), None, None, []
    for _ in range(45):  # over two ends of episodes
        action, state = best.predict(observation[SEEN], state, begins)
        observation, reward, begins, infos = env.step(action)
        regrets.append(-reward)
        assert (observation[HIDDEN][begins] == 0).all()
        if begins.any():
            last = infos[0]["terminal_observation"]
            assert last[SEEN].shape == observation[SEEN][0].shape
            assert last[HIDDEN] == pytest.approx(-reward[:1])
    assert np.max(regrets) < 1e-5
    _, reward, _, _ = env.step(action + 1.0 / UNBOUNDED.scale)
    assert (reward < -1e-3).all()


def test_agents_see_their_own_channels_and_critics_the_last_regret():
    env = RegretVecEnv(3, "noisy-gradient")
    seen = env.observation_space[SEEN]
    assert env.reset()[SEEN].shape == (3, *seen.shape)
    observation, reward, _, _ = env.step(np.zeros((3, 2), np.float32))
    np.testing.assert_array_equal(observation[HIDDEN][:, 0], -reward)


@pytest.mark.parametrize(
    ("regime", "changes", "said"),
    [
        ("double-well", {}, "beside LQG"),
        ("noisy-gradient", {"horizon": 20}, "without end"),
        ("noisy-gradient", {"observation": {"channels": "gradient", "scaled": True}}, "unscaled"),
        ("noisy-gradient", {"metric": ((2.0, 0.5), (0.5, 1.0))}, "elementwise"),
        ("noisy-gradient", {"metric": (1, 2), "landscape": {"rotated": True}}, "elementwise"),
    ],
)
def test_where_regrets_are_not_known_they_are_refused(regime, changes, said):
    with pytest.raises(Refusal, match=said):
        RegretVecEnv(2, regime, action=Velocity(), **changes)


def test_one_coordinate_learns_for_all():
    training = PPO(
        per_coordinate=True,
        one_coordinate=True,
        rewards="regrets",
        critic="fitted",
        action=StepSize(),
        timesteps=64,
        num_envs=4,
        n_steps=8,
        batch_size=16,
    )
    trainer = train(training.trainer(REGIMES["drifting-target"], 0))
    assert trainer.normalizer.get_attr("simulation")[0].problem.dim == 1
    problem = REGIMES["drifting-target"].problem.replace(episode_steps=3)
    assert np.isfinite(rollout(problem, trainer.rule(), episodes=2, seed=0).cost).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"one_coordinate": True}, "per_coordinate=True"),
        ({"rewards": "regrets", "critic": "privileged"}, "or 'fitted'"),
        ({"rewards": "regrets", "sees": "belief"}, "sees is 'observation'"),
        ({"rewards": "regrets", "hold": 10}, "hold 0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        PPO(**settings)
