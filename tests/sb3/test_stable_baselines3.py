"""Stable-Baselines3: its algorithms take a training step, and `VecEnv` means what it says."""

import copy
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from landscape_gym import REGIMES, NavigationProblem
from landscape_gym.actions import Velocity
from landscape_gym.evaluation import compare, rollout
from landscape_gym.observation import ObservationConfig
from tests.contracts.environments import BUSY, EVERYTHING, random_actions

pytest.importorskip("stable_baselines3")
sb3_contrib = pytest.importorskip("sb3_contrib")

from stable_baselines3 import PPO, SAC  # noqa: E402
from stable_baselines3.common.env_util import make_vec_env  # noqa: E402
from stable_baselines3.common.evaluation import evaluate_policy  # noqa: E402
from stable_baselines3.common.vec_env import (  # noqa: E402
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecMonitor,
    VecNormalize,
)

from landscape_gym.sb3 import (  # noqa: E402
    AgentPolicy,
    LandscapeNavVecEnv,
    LinearPolicy,
    LogStdSchedule,
)

SMALL: dict[str, Any] = {"policy_kwargs": {"net_arch": [8]}, "seed": 0, "device": "cpu"}
LSTM = {**SMALL, "policy_kwargs": {"net_arch": [8], "lstm_hidden_size": 8}}
ALGORITHMS: dict[str, tuple[Any, str, dict[str, Any], int]] = {
    "PPO": (PPO, "MlpPolicy", {**SMALL, "n_steps": 16, "batch_size": 16, "n_epochs": 1}, 32),
    "SAC": (SAC, "MlpPolicy", {**SMALL, "learning_starts": 8, "batch_size": 8}, 24),
    "TRPO": (sb3_contrib.TRPO, "MlpPolicy", {**SMALL, "n_steps": 16, "batch_size": 16}, 32),
    "RecurrentPPO": (
        sb3_contrib.RecurrentPPO,
        "MlpLstmPolicy",
        {**LSTM, "n_steps": 16, "batch_size": 16, "n_epochs": 1},
        32,
    ),
}


def made(algorithm: str, env: VecEnv, **changes: Any) -> tuple[Any, int]:
    """An agent, and for how many steps it is to train."""
    cls, policy, arguments, steps = ALGORITHMS[algorithm]
    # A copy: Stable-Baselines3 writes into policy_kwargs.
    return cls(policy, env, **copy.deepcopy({**arguments, **changes})), steps


DOORS = {
    "LandscapeNavVecEnv": lambda: VecNormalize(
        VecMonitor(LandscapeNavVecEnv(2, "hidden-curvature", episode_steps=6))
    ),
    "make_vec_env": lambda: make_vec_env(
        "landscape_gym:LandscapeNav-v0", n_envs=2, seed=0, env_kwargs={"episode_steps": 6}
    ),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("door", DOORS)
def test_every_algorithm_takes_a_training_step(algorithm: str, door: str):
    env = DOORS[door]()
    agent, steps = made(algorithm, env, gamma=0.9)
    before = {name: value.clone() for name, value in agent.policy.state_dict().items()}
    agent.learn(steps)
    assert agent.num_timesteps == steps
    after = agent.policy.state_dict()
    assert any((after[name] != before[name]).any() for name in before)
    assert all(value.isfinite().all() for value in after.values())
    episodes = agent.ep_info_buffer
    assert episodes
    assert {episode["l"] for episode in episodes} == {6}


@pytest.mark.slow
def test_a_training_step_runs_in_spawned_processes():
    env = make_vec_env(
        "landscape_gym:LandscapeNav-v0",
        n_envs=2,
        seed=0,
        vec_env_cls=SubprocVecEnv,
        vec_env_kwargs={"start_method": "spawn"},
    )
    try:
        agent, steps = made("PPO", env)
        assert agent.learn(steps).num_timesteps == steps
    finally:
        env.close()


def single(regime: str, **changes: Any) -> Any:
    return lambda: gym.make(REGIMES[regime].id, disable_env_checker=True, **changes)


def played(env: VecEnv, actions: np.ndarray, seed: int) -> list[Any]:
    env.seed(seed)
    return [(env.reset(),), *(env.step(action) for action in actions)]


@pytest.mark.parametrize("regime", REGIMES)
def test_the_batch_equals_a_dummy_of_single_environments(regime: str):
    ours = LandscapeNavVecEnv(3, regime, **BUSY)
    theirs = DummyVecEnv([single(regime, **BUSY)] * 3)
    actions = np.clip(random_actions(ours.envs, 14), -1, 1)
    ended = 0
    for a, b in zip(played(ours, actions, 5), played(theirs, actions, 5), strict=True):
        np.testing.assert_allclose(a[0], b[0], rtol=1e-5, atol=1e-5)
        if len(a) == 1:
            continue
        np.testing.assert_allclose(a[1], b[1], rtol=1e-5, atol=1e-5)
        assert a[1].dtype == b[1].dtype == np.float32
        np.testing.assert_array_equal(a[2], b[2], strict=True)
        for row in np.flatnonzero(a[2]):
            ended += 1
            x, y = a[3][row], b[3][row]
            assert set(x) == set(y)
            assert x["TimeLimit.truncated"] is y["TimeLimit.truncated"]
            for name in set(x) - {"TimeLimit.truncated"}:
                np.testing.assert_allclose(x[name], y[name], rtol=1e-5, atol=1e-5)
    assert ended >= 3


@pytest.mark.parametrize("horizon", [None, 2])
def test_only_time_limits_are_truncations(horizon: int | None):
    env = LandscapeNavVecEnv(2, horizon=horizon, episode_steps=2)
    env.reset()
    env.step(np.zeros((2, 10)))
    before = env.envs.simulation.state.theta.copy()
    _, _, dones, infos = env.step(np.zeros((2, 10)))
    assert dones.all()
    assert [info["TimeLimit.truncated"] for info in infos] == [horizon is None] * 2
    assert not (env.envs.simulation.state.theta == before).any()


def test_terminal_observations_are_the_last_of_their_episode():
    env = LandscapeNavVecEnv(2, observation=["parameters", "elapsed"], episode_steps=2)
    first = env.reset()
    env.step(np.zeros((2, 10)))
    observation, _, _, infos = env.step(np.zeros((2, 10)))
    for row in range(2):
        terminal = infos[row]["terminal_observation"]
        np.testing.assert_array_equal(terminal[:10], first[row, :10])
        assert terminal[10] == 1
    assert (observation[:, 10] == 0).all()
    assert (observation[:, :10] != first[:, :10]).all()


def test_what_was_returned_stays_as_it_was():
    env = LandscapeNavVecEnv(3, problem=EVERYTHING, episode_steps=3)
    returned = [[env.reset()]]
    copies = [[returned[0][0].copy()]]
    for action in random_actions(env.envs, 8):
        returned.append(list(env.step(action)[:3]))
        copies.append([array.copy() for array in returned[-1]])
    for now, then in zip(returned, copies, strict=True):
        for a, b in zip(now, then, strict=True):
            np.testing.assert_array_equal(a, b)


def test_seeds_apply_at_the_next_reset_and_only_there():
    env = LandscapeNavVecEnv(2)
    assert env.seed(3) == [3, 4]
    first, second = env.reset(), env.reset()
    assert not np.array_equal(first, second)
    env.seed(3)
    np.testing.assert_array_equal(env.reset(), first)
    np.testing.assert_array_equal(env.reset(), second)


def test_environments_without_seed_differ():
    a, b = (LandscapeNavVecEnv(2).reset() for _ in range(2))
    assert not np.array_equal(a, b)


def test_attributes_are_those_of_the_batch_and_single_rows_cannot_be_changed():
    env = LandscapeNavVecEnv(3, "long-horizon")
    assert env.get_attr("discount", [0, 2]) == [env.discount] * 2
    assert env.env_is_wrapped(gym.Wrapper) == [False] * 3
    with pytest.raises(AttributeError, match="make a new environment"):
        env.set_attr("discount", 1.0)
    with pytest.raises(AttributeError, match="envs"):
        env.env_method("reset")
    with pytest.raises(AttributeError):
        env.get_attr("no_such_attribute")


def test_evaluate_policy_runs_through_the_batch():
    env = VecMonitor(LandscapeNavVecEnv(2, episode_steps=4))
    agent = made("PPO", env)[0]
    mean, std = evaluate_policy(agent, env, n_eval_episodes=4)
    assert np.isfinite([mean, std]).all()
    assert mean < 0


def test_an_agent_with_its_normaliser_is_a_policy_among_others():
    problem = NavigationProblem(episode_steps=5)
    observation, action = ObservationConfig(("gradient", "elapsed")), Velocity(2.0)
    env = VecNormalize(
        LandscapeNavVecEnv(2, problem=problem, observation=observation, action=action)
    )
    agent = made("PPO", env)[0]
    agent.learn(32)
    policy = AgentPolicy(agent, observation, action, env)
    seen = np.random.default_rng(0).normal(size=(3, 3))
    expected, _ = agent.predict(env.normalize_obs(seen.astype(np.float32)), deterministic=True)
    np.testing.assert_array_equal(policy.predict(seen)[0], expected)
    plain = AgentPolicy(agent, observation, action)
    assert not np.array_equal(plain.predict(seen)[0], expected)
    assert np.isfinite(compare(problem, {"agent": policy}, episodes=4)["agent"].cost)


def test_a_recurrent_agent_remembers_within_an_evaluation():
    regime = REGIMES["long-horizon"]
    env = LandscapeNavVecEnv(2, "long-horizon")
    policy = AgentPolicy(made("RecurrentPPO", env)[0], regime.observation, regime.action)
    seen = np.ones((2, 2))
    first, state = policy.predict(seen, None, np.ones(2, bool))
    second, _ = policy.predict(seen, state, np.zeros(2, bool))
    again, _ = policy.predict(seen, state, np.ones(2, bool))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)
    run = rollout(regime.problem.replace(episode_steps=3), policy, episodes=2, seed=0)
    assert np.isfinite(run.cost).all()


def test_a_linear_policy_is_linear_and_its_critic_quadratic():
    env = LandscapeNavVecEnv(2, "long-horizon")
    agent = PPO(LinearPolicy, env, n_steps=8, batch_size=16, device="cpu", seed=0)
    x = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32) * 0.1
    act = lambda value: agent.predict(value, deterministic=True)[0]  # noqa: E731
    bias = act(np.zeros((1, 2), np.float32))
    np.testing.assert_allclose(act(2 * x) - bias, 2 * (act(x) - bias), atol=1e-6)
    value = lambda z: agent.policy.predict_values(agent.policy.obs_to_tensor(z)[0])  # noqa: E731
    v = [value(np.float32(s) * x).detach().numpy() for s in (-1, 0, 1, 2)]
    np.testing.assert_allclose(v[3] - 3 * v[2] + 3 * v[1] - v[0], 0, atol=1e-5)
    assert np.abs(v[2] - 2 * v[1] + v[0]).max() > 1e-4


def test_the_log_std_schedule_moves_from_start_to_end():
    env = LandscapeNavVecEnv(2, "long-horizon")
    agent = made("PPO", env)[0]
    seen: list[float] = []

    class Noted(LogStdSchedule):
        def _on_rollout_start(self) -> None:
            super()._on_rollout_start()
            seen.append(float(self.model.policy.log_std[0]))

    agent.learn(4 * 32, callback=Noted(-0.5, -2.5))
    np.testing.assert_allclose(seen, [-0.5, -1.0, -1.5, -2.0], rtol=1e-6)
    assert float(agent.policy.log_std.detach()[0]) == pytest.approx(-2.0)


def test_a_saved_agent_acts_as_before(tmp_path: Path):
    env = LandscapeNavVecEnv(2, "long-horizon")
    agent = PPO(LinearPolicy, env, n_steps=8, batch_size=16, device="cpu", seed=0).learn(16)
    agent.save(tmp_path / "agent")
    again = PPO.load(tmp_path / "agent", device="cpu")
    x = np.ones((3, 2), np.float32)
    np.testing.assert_array_equal(
        again.predict(x, deterministic=True)[0], agent.predict(x, deterministic=True)[0]
    )
