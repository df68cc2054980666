"""Whatever the problem and whatever the actions: finite, within the space, or a clear error."""

from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from landscape_gym import LandscapeNavVectorEnv, NavigationProblem
from landscape_gym.registration import REGIMES
from tests.contracts.environments import MODES
from tests.contracts.fuzz import Trial
from tests.contracts.problems import action_kinds, observations, problems
from tests.fuzzing import search

ROWS = 3
ENTRIES = [0.0, 1.0, -1.0, 0.3, 1e-40, -1e-300, 5.0, -1e20, 1e300, np.inf, -np.inf, np.nan]
WRONG: list[Any] = [
    np.zeros((ROWS, 77)),
    np.zeros(ROWS),
    np.zeros((ROWS, 2), complex),
    np.full((ROWS, 2), "a"),
    None,
    "forward",
    [[0.0], [0.0, 1.0], []],
]


def actions(size: int) -> st.SearchStrategy[Any]:
    entry = st.one_of(st.sampled_from(ENTRIES), st.floats(-1, 1))
    row = st.lists(entry, min_size=size, max_size=size)
    tiled = st.lists(entry, min_size=ROWS, max_size=ROWS).map(
        lambda column: np.repeat(np.array(column)[:, None], size, axis=1)
    )
    right = tiled if size > 8 else st.lists(row, min_size=ROWS, max_size=ROWS).map(np.array)
    seeded = st.integers(0, 99).map(lambda s: np.random.default_rng(s).normal(size=(ROWS, size)))
    return st.one_of(seeded, seeded, seeded, right, st.sampled_from(WRONG))


def assert_fine(envs: LandscapeNavVectorEnv, returned: Any) -> None:
    observation, reward, *_, info = returned
    assert np.isfinite(observation).all()
    assert observation in envs.observation_space
    assert np.isfinite(reward).all()
    assert np.isfinite(info["control_cost"]).all()
    for row in np.flatnonzero(info.get("_final_obs", [])):
        assert info["final_obs"][row] in envs.single_observation_space


@pytest.mark.slow
@settings(max_examples=250)
@given(
    problem=problems(),
    observation=observations(),
    action=action_kinds(),
    mode=st.sampled_from(MODES),
    dtype=st.sampled_from(["float32", "float64"]),
    data=st.data(),
)
def test_no_problem_and_no_action_leaves_the_space(
    problem: NavigationProblem,
    observation: Any,
    action: dict[str, Any],
    mode: str,
    dtype: str,
    data: st.DataObject,
):
    envs = LandscapeNavVectorEnv(
        ROWS,
        problem=problem,
        observation=observation,
        action=action,
        autoreset_mode=mode,
        dtype=dtype,
    )
    assert envs.reset(seed=0)[0] in envs.observation_space
    drawn = data.draw(st.lists(actions(envs.single_action_space.shape[0]), min_size=5, max_size=25))
    for given_action in drawn:
        refusal, returned = None, None
        try:
            returned = envs.step(given_action)
        except ValueError as error:
            refusal = str(error)
        if refusal is not None:
            event("refused")
            assert "action" in refusal
            continue
        assert_fine(envs, returned)
        ended = returned[2] | returned[3]
        event("terminated" if returned[2].any() else "truncated" if ended.any() else "running")
        if mode == "disabled" and ended.any():
            envs.reset(options={"reset_mask": ended})


@settings(max_examples=10)
@given(regime=st.sampled_from(sorted(REGIMES)), seed=st.integers(0, 1000))
def test_long_runs_of_every_regime_stay_within_the_space(regime: str, seed: int):
    envs = LandscapeNavVectorEnv(ROWS, regime, autoreset_mode="same_step")
    envs.reset(seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(250):
        assert_fine(envs, envs.step(rng.normal(size=envs.action_space.shape)))


def test_whatever_is_made_and_given_is_finite_or_refused_in_a_sentence():
    """`python -m tests.contracts.fuzz` goes on from here."""
    seen, wrong = search(Trial, steps=600, seed=1)
    assert not wrong
    assert seen["refusals"] > 50
    assert seen["endings"] > 50
