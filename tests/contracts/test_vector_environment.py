"""The batched face: equal to single environments, row by row, in all three autoreset modes."""

import copy
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from landscape_gym import LandscapeNavVectorEnv
from tests.contracts.environments import (
    BUSY,
    EVERYTHING,
    assert_close,
    drawn,
    each_case,
    each_id,
    each_mode,
    only,
    play,
    random_actions,
    snapshot,
)


def native(id: str, num_envs: int, mode: str, **changes: Any) -> Any:
    return gym.make_vec(
        id,
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=mode,
        **changes,
    )


def singles(id: str, num_envs: int, mode: str, **changes: Any) -> SyncVectorEnv:
    make = lambda: gym.make(id, disable_env_checker=True, **changes)  # noqa: E731
    return SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode[mode.upper()])


@each_case
@each_mode
def test_a_batch_equals_as_many_single_environments(id: str, changes: dict[str, Any], mode: str):
    ours, theirs = (make(id, 3, mode, privileged=True, **changes) for make in (native, singles))
    states: tuple[list[Any], list[Any]] = ([], [])

    def note(simulations: list[Any], rows: list[int], into: list[Any]) -> None:
        into.append([drawn(s, row) for s, row in zip(simulations, rows, strict=True)])

    actions = random_actions(ours, 14)
    batch = [ours.simulation] * 3
    single = [env.unwrapped.simulation for env in theirs.envs]
    actual = play(ours, actions, 7, lambda: note(batch, [0, 1, 2], states[0]))
    expected = play(theirs, actions, 7, lambda: note(single, [0, 0, 0], states[1]))
    assert_close(states[0], states[1])
    assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    steps = [returned for returned in expected if len(returned) == 5]
    assert sum(terminated.sum() + truncated.sum() for _, _, terminated, truncated, _ in steps) >= 3


@each_mode
@pytest.mark.parametrize("horizon", [None, 4])
def test_both_ways_to_end_are_those_of_single_environments(mode: str, horizon: int | None):
    changes = {**BUSY, "horizon": horizon, "action": {"scale": 40.0}, "landscape": {"dim": 2}}
    ours, theirs = (make("LandscapeNav-v0", 4, mode, **changes) for make in (native, singles))
    actions = random_actions(ours, 16)
    actual, expected = play(ours, actions), play(theirs, actions)
    assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    steps = [returned for returned in expected if len(returned) == 5]
    lengths = {bool(terminated.any()) for _, _, terminated, _, _ in steps}
    assert lengths == {True, False}
    assert any(truncated.any() for _, _, _, truncated, _ in steps) == (horizon is None)
    assert any(t.any() and not t.all() for _, _, t, _, _ in steps), "no row ended by itself"


@each_case
@each_mode
def test_rows_never_leak(id: str, changes: dict[str, Any], mode: str):
    envs = native(id, 4, mode, privileged=True, **changes)
    actions = random_actions(envs, 12)
    other = actions.copy()
    other[:, 2] = np.where(other[:, 2] > 0, np.inf, -other[:, 2])
    rows = [0, 1, 3]
    states: list[list[Any]] = [[], []]
    histories = []
    for chosen, into in zip((actions, other), states, strict=True):
        note = lambda into=into: into.append([drawn(envs.simulation, r) for r in rows])  # noqa: E731
        histories.append(play(envs, chosen, 3, note))
    seen = [np.concatenate([returned[0][2] for returned in history]) for history in histories]
    assert not np.array_equal(*(row[: min(map(len, seen))] for row in seen))
    if mode == "disabled":  # resets by hand come at other times
        histories = [[r for r in h if len(r) == 5] for h in histories]
        states = [[s[-1]] for s in states]
    for a, b in zip(*histories, strict=True):
        kept = set(b[-1]) & set(a[-1])
        infos = [{key: r[-1][key] for key in kept} for r in (a, b)]
        assert_close(only(rows, [*a[:-1], infos[0]], 4), only(rows, [*b[:-1], infos[1]], 4))
    assert_close(*states)


@each_id
def test_a_row_is_the_same_in_batches_of_every_size(id: str):
    actions = random_actions(native(id, 7, "next_step"), 12)
    histories, draws = {}, {}
    for size in (1, 2, 7):
        envs = native(id, size, "next_step", **BUSY)
        histories[size] = play(envs, actions[:, :size], 11)
        draws[size] = drawn(envs.simulation, 0)
    for size in (2, 7):
        assert_close(draws[size], draws[1])
        first = only([0], histories[size], size)
        assert_close(first, only([0], histories[1], 1), rtol=1e-5, atol=1e-5)


@each_id
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(id: str):
    envs = native(id, 3, "same_step", **BUSY)
    actions = random_actions(envs, 8)
    first = play(envs, actions, 5)
    assert_close(play(envs, actions, 5), first)
    assert_close(play(native(id, 3, "same_step", **BUSY), actions, 5), first)
    assert not (play(envs, actions, 105)[0][0] == first[0][0]).all(axis=1).any()


def test_seeds_may_be_given_row_by_row():
    envs = native("LandscapeNav-v0", 3, "next_step")
    counted, _ = envs.reset(seed=20)
    listed, _ = envs.reset(seed=[22, 20, 21])
    np.testing.assert_array_equal(listed, counted[[2, 0, 1]])
    numpy_seed, _ = envs.reset(seed=np.int64(20))
    np.testing.assert_array_equal(numpy_seed, counted)
    assert envs.np_random_seed == 20


def test_rows_without_seed_go_on_with_their_streams():
    envs, again = (native("LandscapeNav-v0", 2, "next_step") for _ in range(2))
    for each in (envs, again):
        each.reset(seed=[None, 3])
    np.testing.assert_array_equal(envs.reset()[0][1], again.reset()[0][1])
    envs.reset(seed=[1, 3])
    later, _ = envs.reset(seed=[9, None])
    np.testing.assert_array_equal(later[1], again.reset(seed=[1, 3]) and again.reset()[0][1])
    assert not np.array_equal(envs.reset()[0], later)


def test_environments_without_seed_differ():
    a, b = (native("LandscapeNav-v0", 2, "next_step").reset()[0] for _ in range(2))
    assert not np.array_equal(a, b)
    assert not np.array_equal(a[0], a[1])


@pytest.mark.parametrize("seed", [[1], [1, 2, 3]])
def test_another_number_of_seeds_is_refused(seed: list[int]):
    with pytest.raises(ValueError, match="one seed per row, 2"):
        native("LandscapeNav-v0", 2, "next_step").reset(seed=seed)


@each_mode
def test_what_was_returned_stays_as_it_was(mode: str):
    envs = native("LandscapeNav-v0", 3, mode, privileged=True, **EVERYTHING, **BUSY)
    actions = random_actions(envs, 10)
    copies: list[Any] = []

    def copying(method: Any) -> Any:
        return lambda *args, **named: copies.append(copy.deepcopy(r := method(*args, **named))) or r

    envs.step, envs.reset = copying(envs.step), copying(envs.reset)
    returned = play(envs, actions)
    assert_close(returned, copies)


def test_disabled_autoreset_asks_for_the_rows_that_ended():
    envs = native("LandscapeNav-v0", 3, "disabled", episode_steps=1)
    with pytest.raises(ResetNeeded, match=r"call reset\(\)"):
        envs.step(np.zeros((3, 10)))
    with pytest.raises(ResetNeeded, match="all rows once"):
        envs.reset(options={"reset_mask": np.array([True, False, False])})
    envs.reset(seed=0)
    envs.step(np.zeros((3, 10)))
    envs.reset(options={"reset_mask": np.array([True, False, False])})
    with pytest.raises(ResetNeeded, match=r"rows \[1, 2\] have ended"):
        envs.step(np.zeros((3, 10)))


def test_a_reset_mask_leaves_the_other_rows_alone():
    envs = native("LandscapeNav-v0", 3, "disabled")
    envs.reset(seed=0)
    observation = envs.step(random_actions(envs, 1)[0])[0]
    before = snapshot(envs.simulation)
    masked, info = envs.reset(options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal(masked[[0, 2]], observation[[0, 2]])
    assert not np.array_equal(masked[1], observation[1])
    np.testing.assert_array_equal(info["_loss"], [False, True, False])
    after = snapshot(envs.simulation)
    for name in ("theta", "start", "elapsed", "gradient", "previous_update"):
        np.testing.assert_array_equal(after[name][[0, 2]], before[name][[0, 2]])
    np.testing.assert_array_equal(after["elapsed"], [1, 0, 1])


def test_a_reset_mask_takes_the_seeds_of_its_rows():
    envs = native("LandscapeNav-v0", 3, "disabled")
    first, _ = envs.reset(seed=30)
    envs.reset(seed=0)
    masked, _ = envs.reset(seed=30, options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal(masked[1], first[1])
    assert not np.array_equal(masked[0], first[0])


@pytest.mark.parametrize(
    ("mask", "error"),
    [
        ([True, False], TypeError),
        (np.array([1, 0]), TypeError),
        (np.array([True]), ValueError),
        (np.array([False, False]), ValueError),
    ],
)
def test_wrong_reset_masks_are_refused(mask: Any, error: type[Exception]):
    envs = native("LandscapeNav-v0", 2, "disabled")
    envs.reset(seed=0)
    with pytest.raises(error, match="reset_mask"):
        envs.reset(options={"reset_mask": mask})


def test_final_keys_are_there_only_when_something_ended():
    envs = native("LandscapeNav-v0", 2, "same_step", episode_steps=2, privileged=True)
    envs.reset(seed=0)
    final = {"final_obs", "_final_obs", "final_info", "_final_info"}
    running = envs.step(np.zeros((2, 10)))[-1]
    assert not final & set(running)
    ended = envs.step(np.zeros((2, 10)))[-1]
    assert final <= set(ended)
    assert set(ended["final_info"]) == set(running)


@pytest.mark.parametrize("count", [0, -1, 1.5])
def test_the_number_of_environments_is_checked(count: Any):
    with pytest.raises((ValueError, TypeError), match="num_envs"):
        LandscapeNavVectorEnv(count)


def test_a_channel_that_is_the_same_for_all_rows_can_be_seen_alone():
    """The curvature of a bowl, say: episodes that begin anew write what they see over it."""
    envs = LandscapeNavVectorEnv(
        3, "long-horizon", observation="curvature", episode_steps=2, autoreset_mode="same_step"
    )
    first, _ = envs.reset(seed=0)
    for _ in range(4):
        assert_close(envs.step(np.zeros((3, 2)))[0], first)


@pytest.mark.parametrize("given", [1.5, "1", b"1", {}, True, [1.5] * 2, [None, "a"], np.zeros(2)])
def test_a_seed_that_is_no_integer_is_told(given: object):
    with pytest.raises(TypeError, match="seed"):
        LandscapeNavVectorEnv(2).reset(seed=given)


@pytest.mark.parametrize("given", [[], "reset_mask", 3])
def test_options_that_are_no_mapping_are_told(given: object):
    with pytest.raises(TypeError, match="options of reset are a mapping or None"):
        LandscapeNavVectorEnv(2).reset(options=given)


def test_actions_of_unequal_lengths_are_told():
    envs = LandscapeNavVectorEnv(2, "long-horizon")
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="actions have rows of unequal lengths"):
        envs.step([[0.0], [0.0, 1.0]])
