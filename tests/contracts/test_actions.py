"""Every action parametrisation against its formula, and the box they share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from landscape_gym import LandscapeNavEnv, LandscapeNavVectorEnv
from landscape_gym.actions import ACTIONS
from tests.contracts.environments import EVERYTHING, each_action

B = np.array([[1.0, 0.2], [0.0, -1.0], [0.5, 0.3]])
ROWS, STEPS = 3, 10


def velocity(a: np.ndarray, g: list[np.ndarray], previous: np.ndarray) -> np.ndarray:
    return 2.5 * a


def normalized(a: np.ndarray, g: list[np.ndarray], previous: np.ndarray) -> np.ndarray:
    mean_square = (g[0] ** 2).mean(axis=1)
    for later in g[1:]:
        mean_square = 0.7 * mean_square + 0.3 * (later**2).mean(axis=1)
    return 0.5 * np.sqrt(mean_square)[:, None] * a


def step_size(a: np.ndarray, g: list[np.ndarray], previous: np.ndarray) -> np.ndarray:
    m = previous.shape[1]
    lr = np.exp(np.log(0.01) + (a[:, :m] + 1) / 2 * (np.log(4.0) - np.log(0.01)))
    momentum = 0.8 * (a[:, m:] + 1) / 2
    seen = g[-1] @ B if m == 2 else g[-1]
    return -lr * seen + momentum * previous


def global_step_size(a: np.ndarray, g: list[np.ndarray], previous: np.ndarray) -> np.ndarray:
    return step_size(np.repeat(a, previous.shape[1], axis=1), g, previous)


def adaptive(a: np.ndarray, g: list[np.ndarray], previous: np.ndarray) -> np.ndarray:
    m, n = previous.shape[1], len(g)
    seen = np.stack([each @ B if m == 2 else each for each in g])
    squares = np.stack([each**2 @ B**2 if m == 2 else each**2 for each in g])
    weights = [rate ** np.arange(n)[::-1] for rate in RATES]
    fast, slow = (np.tensordot(w / w.sum(), seen, 1) for w in weights)
    share = (a[:, m:] + 1) / 2
    square = np.tensordot(weights[1] / weights[1].sum(), squares, 1)
    lr = np.exp(np.log(0.01) + (a[:, :m] + 1) / 2 * (np.log(4.0) - np.log(0.01)))
    return -lr * 0.5 * ((1 - share) * fast + share * slow) / np.sqrt(square)


RATES = (0.6, 0.9)
RANGES = {"low": 0.01, "high": 4.0, "max_momentum": 0.8}
FORMULAE: dict[str, tuple[dict[str, float], Callable[..., np.ndarray]]] = {
    "velocity": ({"scale": 2.5}, velocity),
    "normalized": ({"scale": 0.5}, normalized),
    "step_size": (RANGES, step_size),
    "global_step_size": (RANGES, global_step_size),
    "adaptive": ({"low": 0.01, "high": 4.0}, adaptive),
}
"""A new action needs its formula here."""


def made(action: str, **changes: Any) -> LandscapeNavVectorEnv:
    fields, _ = FORMULAE[action]
    return LandscapeNavVectorEnv(
        ROWS,
        problem={**EVERYTHING, "start": {"kind": "normal", "mean": 0.5, "std": 0.0}, **changes},
        observation={
            "channels": ["gradient", "previous_update"],
            "rates": RATES,
            "scale_rate": 0.7,
        },
        action={"kind": action, **fields},
        dtype="float64",
    )


@each_action
@pytest.mark.parametrize("control_matrix", [None, B], ids=["identity", "two controls"])
def test_an_action_means_what_its_formula_says(action: str, control_matrix: Any):
    envs = made(action, control_matrix=control_matrix)
    m = 3 if control_matrix is None else 2
    observation, _ = envs.reset(seed=0)
    gradients, previous = [observation[:, :3]], np.zeros((ROWS, m))
    for seed in range(STEPS):
        a = np.random.default_rng(seed).uniform(-1, 1, size=envs.action_space.shape)
        u = FORMULAE[action][1](a, gradients, previous)
        observation, *_ = envs.step(a)
        np.testing.assert_allclose(observation[:, 3:], u, rtol=1e-12, atol=1e-14)
        gradients.append(observation[:, :3])
        previous = u


@pytest.mark.parametrize(("action", "size"), [("step_size", 3), ("global_step_size", 1)])
def test_without_momentum_an_action_is_step_sizes_alone(action: str, size: int):
    envs = LandscapeNavVectorEnv(
        ROWS,
        problem=EVERYTHING,
        observation=["gradient", "previous_update"],
        action={"kind": action, **RANGES, "max_momentum": 0.0},
        dtype="float64",
    )
    seen, _ = envs.reset(seed=0)
    assert envs.single_action_space.shape == (size,)
    for seed in range(STEPS):
        a = np.random.default_rng(seed).uniform(-1, 1, size=envs.action_space.shape)
        lr, gradient = 0.01 * 400.0 ** ((a + 1) / 2), seen[:, :3]
        seen, *_ = envs.step(a)
        np.testing.assert_allclose(seen[:, 3:], -lr * gradient, rtol=1e-12)


@each_action
def test_actions_outside_the_box_are_clipped_to_it(action: str):
    envs, inside = made(action), made(action)
    wild = np.random.default_rng(0).normal(size=(STEPS, *envs.action_space.shape)) * 3
    wild[:, 0] = np.where(wild[:, 0] > 0, np.inf, -np.inf)
    wild[:, 1] *= 1e300
    for env in (envs, inside):
        env.reset(seed=1)
    for a in wild:
        for x, y in zip(envs.step(a)[:4], inside.step(np.clip(a, -1, 1))[:4], strict=True):
            np.testing.assert_array_equal(x, y)


@each_action
@pytest.mark.parametrize("given", [np.float16, np.float64, np.int8, np.uint8, bool, list])
def test_real_numbers_of_every_type_are_accepted(action: str, given: Any):
    envs = LandscapeNavVectorEnv(ROWS, problem=EVERYTHING, action=action)
    ones = np.ones(envs.action_space.shape)
    results = []
    for a in (ones.tolist() if given is list else ones.astype(given), ones.astype(np.float32)):
        envs.reset(seed=0)
        results.append(envs.step(a)[1])
    np.testing.assert_array_equal(*results)


WRONG = {
    "complex": np.ones(3) * 1j,
    "text": np.array(["0.5"] * 3),
    "objects": np.array([None] * 3, dtype=object),
    "ragged": [[1.0], [1.0, 2.0], 3.0],
    "mapping": {},
    "too long": np.zeros(4),
    "too short": np.zeros(2),
    "scalar": 0.0,
    "matrix": np.zeros((3, 1)),
    "nothing": None,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("batched", [False, True], ids=["one", "batch"])
def test_what_is_no_action_is_refused_and_changes_nothing(wrong: Any, batched: bool):
    make = LandscapeNavVectorEnv if batched else LandscapeNavEnv
    env, twin = make(problem=EVERYTHING), make(problem=EVERYTHING)
    env.reset(seed=0)
    twin.reset(seed=0)
    with pytest.raises(ValueError, match=r"action|inhomogeneous"):
        env.step([wrong] if batched else wrong)
    still = np.zeros(env.action_space.shape)
    np.testing.assert_array_equal(env.step(still)[0], twin.step(still)[0])


REFUSED = [
    *({"kind": kind, "scale": s} for kind in ("velocity", "normalized") for s in (0.0, -1.0)),
    *({"kind": k, "low": 0.0} for k in ("step_size", "global_step_size", "adaptive")),
    {"kind": "step_size", "low": 1.0, "high": 0.5},
    {"kind": "step_size", "max_momentum": 1.5},
    {"kind": "velocity", "scale": float("nan")},
]


@pytest.mark.parametrize("fields", REFUSED, ids=str)
def test_wrong_ranges_are_refused(fields: dict[str, Any]):
    with pytest.raises(ValueError, match="action"):
        LandscapeNavVectorEnv(action=fields)


def test_every_action_has_its_formula_here():
    assert set(FORMULAE) == set(ACTIONS)
