"""`copy=False`: the same numbers where the library has them, and nothing that is kept is wrong."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.wrappers import FrameStackObservation

from landscape_gym import LandscapeNavVectorEnv
from landscape_gym.torch_simulation import TorchSimulation
from tests.contracts.environments import BUSY, EVERYTHING, each_case, each_mode, random_actions
from tests.contracts.test_recycling import SETTINGS

SHARING: dict[str, Any] = {
    **EVERYTHING,
    **BUSY,
    "observation": "gradient",
    "action": {"kind": "velocity", "scale": 1.0},
}
"""With which an observation can be the gradient, and a control the action."""


def batch(id: str, mode: str, **changes: Any) -> Any:
    return LandscapeNavVectorEnv(
        4, gym.spec(id).kwargs["regime"], autoreset_mode=mode, privileged=True, **changes
    )


def gentle(actions: np.ndarray) -> np.ndarray:
    """Every second step within the unit ball, where nothing has to be clipped."""
    actions[::2] *= 0.1
    return actions


def assert_same(one: Any, other: Any) -> None:
    """To the bit, and of the same kind."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), list(other.values())
    if isinstance(one, list | tuple):
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    elif isinstance(one, np.ndarray) and one.dtype == object:
        assert_same(list(one), list(other))
    else:
        np.testing.assert_array_equal(one, other, strict=isinstance(one, np.ndarray))


@each_mode
@each_case
def test_numbers_are_the_same(id: str, changes: dict[str, Any], mode: str) -> None:
    same_through_episodes(id, changes, mode)


@each_mode
def test_numbers_are_the_same_where_memory_is_shared(mode: str) -> None:
    assert same_through_episodes("LandscapeNav-v0", SHARING, mode) > 0


def same_through_episodes(id: str, changes: dict[str, Any], mode: str) -> int:
    """Two environments in step; how often the second's observation was its own memory."""
    ours, theirs = (batch(id, mode, copy=each, **changes) for each in (True, False))
    ends, shared = 0, 0
    assert_same(ours.reset(seed=3), theirs.reset(seed=3))
    for action in gentle(random_actions(ours, 24)):
        given = action.copy()
        returned = ours.step(given.copy()), theirs.step(given)
        assert_same(*returned)
        np.testing.assert_array_equal(given, action)
        given[:] = np.nan  # it is the caller's again
        assert returned[0][0].flags.writeable
        shared += not returned[1][0].flags.writeable
        ended = returned[0][2] | returned[0][3]
        ends += ended.sum()
        if mode == "disabled" and ended.any():
            mask = {"reset_mask": ended}
            assert_same(ours.reset(options=mask), theirs.reset(options=mask))
    assert ends >= 4
    return shared


def test_without_copies_observations_are_the_gradients_memory_and_cannot_be_written_to() -> None:
    ours, theirs = (batch("LandscapeNav-v0", "next_step", copy=c, **SHARING) for c in (True, False))
    for envs, shares in ((ours, False), (theirs, True)):
        observation, _ = envs.reset(seed=0)
        assert np.shares_memory(observation, envs.simulation.state.learner.gradient) == shares
        assert observation.flags.writeable != shares
    with pytest.raises(ValueError, match="read-only"):
        observation[0] = 1.0


def test_what_has_to_be_clipped_is_clipped() -> None:
    changes = {**SHARING, "noise": {"kind": "isotropic", "std": 1e7}}
    envs = batch("LandscapeNav-v0", "next_step", copy=False, **changes)
    observation, _ = envs.reset(seed=0)
    assert np.abs(envs.simulation.state.learner.gradient).max() > 1e6
    assert np.abs(observation).max() == 1e6


def test_what_has_to_be_clipped_after_a_part_was_reset_is_clipped() -> None:
    """The last step's gradients, all within the bound, say nothing of those that are new."""
    envs = LandscapeNavVectorEnv(
        2,
        autoreset_mode="disabled",
        copy=False,
        landscape={"kind": "quadratic", "dim": 1},
        start={"kind": "normal", "std": 5e5},
        noise=None,
        max_norm=1e9,
        observation="gradient",
        action={"kind": "velocity", "scale": 1.0},
    )
    still, clipped = np.zeros((2, 1), np.float32), 0
    for seed in range(200):
        envs.reset(seed=seed)
        envs.step(still)
        observation, _ = envs.reset(options={"reset_mask": np.array([True, False])})
        assert np.abs(observation).max() <= 1e6
        clipped += np.abs(envs.simulation.state.learner.gradient[0]).max() > 1e6
    assert clipped > 0


def test_a_control_that_is_shown_is_not_the_callers_array() -> None:
    changes = {**SHARING, "observation": "previous_update"}
    envs = batch("LandscapeNav-v0", "next_step", copy=False, **changes)
    envs.reset(seed=0)
    action = np.full((4, 3), 0.1, np.float32)
    observation, *_ = envs.step(action)
    action[:] = 7.0
    np.testing.assert_array_equal(observation, np.float32(0.1))


def test_where_rows_diverge_the_callers_action_stays_as_it_is() -> None:
    envs = batch("LandscapeNav-v0", "disabled", copy=False, **{**SHARING, "max_norm": 1e-3})
    envs.reset(seed=0)
    action = np.full((4, 3), 0.1, np.float32)
    _, _, terminated, *_ = envs.step(action)
    assert terminated.all()
    np.testing.assert_array_equal(action, np.float32(0.1))
    assert not envs.simulation.state.learner.previous_update.any()


def test_an_action_that_is_not_a_number_is_refused_and_nothing_has_changed() -> None:
    envs = batch("LandscapeNav-v0", "disabled", copy=False, **SHARING)
    envs.reset(seed=0)
    action, theta = np.full((4, 3), 0.1, np.float32), envs.simulation.state.theta.copy()
    action[2, 1] = np.nan
    with pytest.raises(ValueError, match="environment 2 is NaN"):
        envs.step(action)
    np.testing.assert_array_equal(envs.simulation.state.theta, theta)


def test_last_observations_are_not_those_of_the_next_episode() -> None:
    envs = batch("LandscapeNav-v0", "same_step", copy=False, **SHARING)
    envs.reset(seed=0)
    for action in gentle(random_actions(envs, 12)):
        observation, _, terminated, truncated, info = envs.step(action)
        for row in np.flatnonzero(terminated | truncated):
            assert (info["final_obs"][row] != observation[row]).any()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))])
def test_copies_go_on_alike_and_apart(again: Callable[[Any], Any]) -> None:
    envs = batch("LandscapeNav-v0", "next_step", copy=False, **SHARING)
    envs.reset(seed=0)
    actions = gentle(random_actions(envs, 12))
    for action in actions[:4]:
        envs.step(action)
    other = again(envs)
    for action in actions[4:]:
        assert_same(envs.step(action), other.step(action))


def single(**changes: Any) -> Any:
    return gym.make("LandscapeNav-v0", **SHARING, **changes)


@pytest.mark.parametrize("wrap", [lambda env: env, lambda env: FrameStackObservation(env, 3)])
def test_single_environments_and_wrappers_that_keep_observations(
    wrap: Callable[[Any], Any],
) -> None:
    ours, theirs = wrap(single()), wrap(single(copy=False))
    assert_same(ours.reset(seed=1), theirs.reset(seed=1))
    for action in gentle(random_actions(ours, 5)):
        returned = ours.step(action), theirs.step(action)
        assert_same(*returned)
        if returned[0][2] or returned[0][3]:
            break
    assert theirs.unwrapped.simulation.copy is False


def test_stable_baselines3_copies_single_environments_and_refuses_a_batch_without() -> None:
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")
    from landscape_gym.sb3.vec_env import LandscapeNavVecEnv

    ours, theirs = (
        vec_env.DummyVecEnv([lambda each=each: single(copy=each)] * 2) for each in (True, False)
    )
    kept = []
    for envs in (ours, theirs):
        envs.seed(0)
        kept.append([envs.reset()])
        for action in gentle(random_actions(batch("LandscapeNav-v0", "disabled", **SHARING), 12)):
            observation, reward, *_ = envs.step(action[:2])
            kept[-1] += [observation, reward]
    assert_same(*kept)
    with pytest.raises(ValueError, match="copy=False"):
        LandscapeNavVecEnv(2, copy=False)


def test_torchrl_refuses_to_go_without() -> None:
    pytest.importorskip("torchrl")
    from landscape_gym.torchrl_env import LandscapeNavTorchRL

    with pytest.raises(ValueError, match="copy=False"):
        LandscapeNavTorchRL(2, copy=False)


def batch_of(rows: int) -> Any:
    return LandscapeNavVectorEnv(rows, **SHARING)


@pytest.mark.parametrize("gradients", [True, False])
def test_tensors_are_the_same_too(gradients: bool) -> None:
    ours, theirs = (TorchSimulation(4, copy=each, **SHARING) for each in (True, False))
    scale = torch.tensor(1.0, requires_grad=gradients)
    slopes = []
    for simulation in (ours, theirs):
        simulation.begin(seeds=range(4))
        found = [simulation.observe()]
        for action in torch.from_numpy(gentle(random_actions(batch_of(4), 8))):
            outcome = simulation.advance(scale * action)
            found += [*outcome, simulation.observe()]
        slopes.append(found)
    for one, other in zip(*slopes, strict=True):
        assert torch.equal(one, other)
    shares = theirs.observe().data_ptr() == theirs.state.learner.gradient.data_ptr()
    assert shares
    assert ours.observe().data_ptr() != ours.state.learner.gradient.data_ptr()
    if gradients:
        one, other = (torch.autograd.grad(f[-4].sum(), scale)[0] for f in slopes)
        assert torch.equal(one, other)


def test_large_networks_are_the_same_and_what_is_kept_of_one_stays() -> None:
    """Their memory is used again, but for what somebody holds."""
    settings: dict[str, Any] = {**SETTINGS, "observation": "gradient", "episode_steps": 9}
    ours, theirs = (
        LandscapeNavVectorEnv(1, "digits", copy=each, **settings) for each in (True, False)
    )
    kept = [(ours.reset(seed=0)[0], theirs.reset(seed=0)[0])]
    action = np.empty_like(kept[0][0])
    for _ in range(24):
        np.multiply(kept[-1][1], np.float32(-0.1), out=action)
        returned = ours.step(-0.1 * kept[-1][0]), theirs.step(action)
        assert_same(*returned)
        kept.append((returned[0][0], returned[1][0]))
    assert sum(not observation.flags.writeable for _, observation in kept) > 20
    for each in kept:
        assert_same(*each)


def test_tensors_of_large_networks_are_the_same() -> None:
    settings: dict[str, Any] = {**SETTINGS, "observation": "gradient"}
    ours, theirs = (TorchSimulation(1, "digits", copy=each, **settings) for each in (True, False))
    action = torch.empty_like(theirs.begin(seeds=[0]).theta)
    ours.begin(seeds=[0])
    with torch.no_grad():
        for _ in range(16):
            mine = ours.advance(-0.1 * ours.observe())
            other = theirs.advance(torch.mul(theirs.observe(), -0.1, out=action))
            assert all(torch.equal(*pair) for pair in zip(mine, other, strict=True))
            assert torch.equal(ours.observe(), theirs.observe())
            assert torch.equal(ours.state.theta, theirs.state.theta)
