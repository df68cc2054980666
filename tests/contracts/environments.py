"""What the environment's tests share: registries as parameters, and comparisons of batches."""

from typing import Any

import numpy as np
import pytest

from landscape_gym.actions import ACTIONS
from landscape_gym.channels import CHANNELS
from landscape_gym.registration import REGIMES

IDS = [regime.id for regime in REGIMES.values()]
MODES = ["next_step", "same_step", "disabled"]

EVERYTHING: dict[str, Any] = {
    "landscape": {"kind": "quadratic", "dim": 3, "rotated": True, "optimum_std": 1.0},
    "noise": {"kind": "isotropic", "std": 0.2},
    "drift": 0.1,
    "hazard": 3.0,
    "signalled": True,
}
"""A problem that offers all that is not a model's, with all that can be random about one."""

OFFERED = [name for name, c in CHANNELS.items() if c.needs not in ("fisher", "tensors")]
"""What that problem offers; only models have a Fisher information, or tensors."""

BUSY: dict[str, Any] = {"episode_steps": 5, "max_norm": 6.0}
"""Changes to a regime after which rows end often, at different steps and both ways."""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{id: (id, BUSY) for id in IDS},
    "everything": (IDS[0], {**EVERYTHING, **BUSY, "observation": OFFERED}),
}
"""Ids and changes with which batches are compared."""

each_id = pytest.mark.parametrize("id", IDS)
each_case = pytest.mark.parametrize(("id", "changes"), CASES.values(), ids=CASES)
each_mode = pytest.mark.parametrize("mode", MODES)
each_channel = pytest.mark.parametrize("channel", OFFERED)
each_action = pytest.mark.parametrize("action", ACTIONS)


def random_actions(envs: Any, steps: int, seed: int = 0) -> np.ndarray:
    """Actions that reach beyond the box now and then, (steps, *shape)."""
    shape, dtype = envs.action_space.shape, envs.action_space.dtype
    return np.random.default_rng(seed).normal(size=(steps, *shape)).astype(dtype)


def play(envs: Any, actions: np.ndarray, seed: Any = 0, each: Any = lambda: None) -> list[Any]:
    """All that a vector environment returns, resetting by hand what it does not reset itself.

    `each` is called after every reset and step.
    """
    returned: list[Any] = [envs.reset(seed=seed)]
    each()
    for action in actions:
        returned.append(envs.step(action))
        ended = returned[-1][2] | returned[-1][3]
        if envs.metadata["autoreset_mode"].name == "DISABLED" and ended.any():
            returned.append(envs.reset(options={"reset_mask": ended}))
        each()
    return returned


def assert_close(actual: Any, expected: Any, **tolerance: Any) -> None:
    """The same structure, keys, masks and object arrays, and numbers within the tolerance."""
    if isinstance(expected, dict):
        assert set(actual) == set(expected)
        for key in expected:
            assert_close(actual[key], expected[key], **tolerance)
    elif isinstance(expected, list | tuple):
        assert len(actual) == len(expected)
        for a, b in zip(actual, expected, strict=True):
            assert_close(a, b, **tolerance)
    elif isinstance(expected, np.ndarray) and expected.dtype.hasobject:
        assert_close(list(actual), list(expected), **tolerance)
    elif expected is None:
        assert actual is None
    else:
        assert np.asarray(actual).dtype == np.asarray(expected).dtype
        if tolerance:
            np.testing.assert_allclose(actual, expected, **tolerance)
        else:
            np.testing.assert_array_equal(actual, expected, strict=True)


def only(rows: Any, returned: Any, num_envs: int) -> Any:
    """The part of what a vector environment returns that belongs to some rows."""
    if isinstance(returned, dict):
        return {key: only(rows, value, num_envs) for key, value in returned.items()}
    if isinstance(returned, list | tuple):
        return [only(rows, value, num_envs) for value in returned]
    assert len(returned) == num_envs
    return returned[rows]


def drawn(simulation: Any, row: int) -> list[np.ndarray]:
    """All that one row of a simulation has drawn and that is in force."""
    state, streams = simulation.state, simulation.streams
    arrays = [*(a for a in state.instances if a is not None), state.learner.start, state.switched]
    arrays += [streams.normal, streams.uniform]
    arrays += [] if state.shift is None else [state.shift]
    return [array[row if len(array) > 1 else 0].copy() for array in arrays]


def snapshot(simulation: Any) -> dict[str, Any]:
    """A copy of all of a simulation's state."""
    copies = {}
    for name, value in {**vars(simulation.state), **vars(simulation.state.learner)}.items():
        if name == "learner":
            continue
        if isinstance(value, tuple):
            value = tuple(None if a is None else a.copy() for a in value)
        copies[name] = value.copy() if isinstance(value, np.ndarray) else value
    return copies
