"""Divergence: it ends the episode, stays finite, and profits nobody. NaN is refused."""

import copy
import math
from typing import Any

import numpy as np
import pytest

from landscape_gym import LandscapeNavEnv, LandscapeNavVectorEnv
from landscape_gym.landscapes import LANDSCAPES
from tests.contracts.environments import EVERYTHING, OFFERED, assert_close, each_action, snapshot

QUIET = {"noise": None, "drift": 0.0, "hazard": 0.0}
FAR = {"kind": "velocity", "scale": 1e6}
"""An action that leaves any bound in one step."""


def test_a_row_that_leaves_the_bound_ends_where_it_was():
    envs = LandscapeNavVectorEnv(
        2,
        problem={**EVERYTHING, **QUIET},
        observation=OFFERED,
        action=FAR,
        autoreset_mode="disabled",
    )
    envs.reset(seed=0)
    before = snapshot(envs.simulation)
    action = np.zeros((2, 3))
    action[0] = 1.0
    observation, reward, terminated, truncated, info = envs.step(action)
    np.testing.assert_array_equal(terminated, [True, False])
    assert not truncated.any()
    after = envs.simulation.state
    for name in ("theta", "loss", "grad"):
        np.testing.assert_array_equal(getattr(after, name)[0], before[name][0])
    np.testing.assert_array_equal(after.learner.previous_update[0], 0)
    assert observation in envs.observation_space
    assert np.isfinite(reward).all()
    assert reward[0] < reward[1]
    np.testing.assert_array_equal(info["loss"], before["loss"])


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"gamma": 0.5}, math.inf),
        ({"gamma": 0.5, "horizon": 9}, 7),
        ({"gamma": 0.0}, 198),
        ({"gamma": 0.0, "horizon": 9}, 7),
    ],
)
def test_divergence_costs_its_control_and_the_largest_cost_for_the_rest(
    changes: dict[str, Any], steps: float
):
    """After two steps, of an episode of 200 or 9, for a discounted sum of `steps` terms."""
    envs = LandscapeNavVectorEnv(
        3,
        problem={**EVERYTHING, **QUIET, "max_norm": 20.0, **changes},
        action={"kind": "velocity", "scale": 300.0},
        dtype="float64",
    )
    envs.reset(seed=0)
    costs = [-envs.step(np.full((3, 3), a))[1] for a in (0.01, -0.02)]
    state, problem = envs.simulation.state, envs.problem
    standing = problem.dt * problem.k * (state.loss - state.minimum_loss)
    worst = np.max([*costs, standing], axis=0)
    assert (worst > standing).any()
    scale = 1 - problem.discount**steps
    terms = steps if problem.discount == 1 else scale / (1 - problem.discount)
    _, reward, terminated, *_ = envs.step(np.ones((3, 3)))
    assert terminated.all()
    charge = problem.dt / (2 * problem.eta) * 3 * 300.0**2
    np.testing.assert_allclose(reward, -(charge + worst * terms), rtol=1e-9)


@pytest.mark.parametrize("kind", LANDSCAPES)
@pytest.mark.parametrize("changes", [{"horizon": 15}, {"episode_steps": 15}], ids=str)
@pytest.mark.parametrize(("gamma", "walked"), [(0.0, 4), (1.0, 4), (1.0, 0)])
def test_nobody_profits_from_divergence(
    kind: str, changes: dict[str, Any], gamma: float, walked: int
):
    """From random states, with a control that costs nothing, against standing still."""
    envs = LandscapeNavVectorEnv(
        32,
        problem={"landscape": kind, "noise": None, "gamma": gamma, "eta": 1e20, **changes},
        action=FAR,
        autoreset_mode="disabled",
    )
    envs.reset(seed=0)
    for seed in range(walked):
        step = np.random.default_rng(seed).normal(size=envs.action_space.shape)
        _, _, terminated, *_ = envs.step(step * 1e-5)
        assert not terminated.any()
    diverging, standing = envs, copy.deepcopy(envs)
    _, price, terminated, *_ = diverging.step(np.ones(envs.action_space.shape))
    assert terminated.all()
    rest = np.zeros(32)
    for t in range(15 - walked):
        _, reward, *_ = standing.step(np.zeros(envs.action_space.shape))
        rest += envs.problem.discount**t * reward
    assert (price <= rest + 1e-5 * np.abs(rest)).all()


ENORMOUS: dict[str, dict[str, Any]] = {
    "weight": {"k": 1e38},
    "change": {"eta": 1e-38},
    "both": {"k": 1e38, "eta": 1e-38, "gamma": 1e-9},
    "curvature": {"landscape": {"kind": "quadratic", "dim": 3, "curvature": (1e15, 1.0, 1.0)}},
}


@pytest.mark.parametrize("changes", ENORMOUS.values(), ids=ENORMOUS)
def test_rewards_are_finite_whatever_overflows(changes: dict[str, Any]):
    envs = LandscapeNavVectorEnv(
        3, problem={**EVERYTHING, **QUIET, **changes}, autoreset_mode="same_step"
    )
    envs.reset(seed=0)
    for seed in range(5):
        action = np.random.default_rng(seed).uniform(-1, 1, size=(3, 3))
        observation, reward, _, _, info = envs.step(action)
        assert np.isfinite(reward).all()
        assert np.isfinite(info["control_cost"]).all()
        assert observation in envs.observation_space


@each_action
def test_nan_is_refused_and_the_state_stays_as_it_was(action: str):
    envs, twin = (LandscapeNavVectorEnv(3, problem=EVERYTHING, action=action) for _ in range(2))
    for env in (envs, twin):
        env.reset(seed=0)
        env.step(np.zeros(env.action_space.shape))
    before = snapshot(envs.simulation)
    bad = np.full(envs.action_space.shape, 0.5)
    bad[1, -1] = np.nan
    with pytest.raises(ValueError, match="environment 1 is NaN"):
        envs.step(bad)
    assert_close(snapshot(envs.simulation), before)
    good = np.full(envs.action_space.shape, 0.5)
    for _ in range(3):
        assert_close(envs.step(good), twin.step(good))


def test_nan_is_refused_by_the_single_face_too():
    env, twin = LandscapeNavEnv(), LandscapeNavEnv()
    env.reset(seed=0)
    twin.reset(seed=0)
    with pytest.raises(ValueError, match="NaN"):
        env.step(np.full(10, np.nan))
    assert_close(list(env.step(np.ones(10))), list(twin.step(np.ones(10))))


def test_nan_is_excused_in_rows_whose_episode_is_over():
    envs = LandscapeNavVectorEnv(2, episode_steps=1, autoreset_mode="next_step")
    envs.reset(seed=0)
    envs.step(np.zeros((2, 10)))
    observation, reward, *_ = envs.step(np.full((2, 10), np.nan))
    assert np.isfinite(observation).all()
    np.testing.assert_array_equal(reward, 0)


def test_divergence_in_the_last_step_is_no_truncation():
    env = LandscapeNavEnv(episode_steps=1, action=FAR)
    env.reset(seed=0)
    assert env.step(np.ones(10))[2:4] == (True, False)


def test_default_dynamics_can_diverge_by_themselves():
    env = LandscapeNavEnv(default_dynamics=50 * np.eye(10))
    env.reset(seed=0)
    for _ in range(20):
        observation, reward, terminated, *_ = env.step(np.zeros(10))
        assert np.isfinite(observation).all()
        assert math.isfinite(reward)
        if terminated:
            return
    raise AssertionError("theta grows sixfold a step")
