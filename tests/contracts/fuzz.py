"""Environments of every kind, given whatever actions, seeds and options: finite, or a sentence.

    python -m tests.contracts.fuzz --steps 100000

Every regime, action, dtype and autoreset mode comes up in turn, with channels, dynamics and noises
at random; single environments between the vectors. Each call returns finite numbers in the
observation space, or ends in ValueError, TypeError or ResetNeeded with a sentence, and leaves the
environment as it was.
"""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded

from landscape_gym import LandscapeNavEnv, LandscapeNavVectorEnv
from landscape_gym.actions import ACTIONS
from landscape_gym.channels import CHANNELS
from landscape_gym.landscapes import LANDSCAPES
from landscape_gym.problem import DYNAMICS, NOISES, STARTS
from landscape_gym.registration import ALL, NETWORKS, REGIMES, TRAINING
from tests.fuzzing import program

Draw = np.random.Generator
Environment = LandscapeNavEnv | LandscapeNavVectorEnv

MODES = ("next_step", "same_step", "disabled")
DTYPES = ("float32", "float64")
NAMES = [*REGIMES, *TRAINING]
"""Regimes that come up in turn."""
LARGE = [name for name, regime in NETWORKS.items() if regime.packages == ("sklearn",)]
"""Regimes of thousands of parameters, which come up now and then; of data that are quickly made."""
ENTRIES = [0.0, -0.0, 1.0, -1.0, 1e-40, -1e-300, 5.0, -1e20, 1e300, -1e300, np.inf, -np.inf]
STEPS = 80
"""Steps with one environment, at most."""
ANSWERS = (ValueError, TypeError, ResetNeeded)


def drawn(draw: Draw, options: Any) -> Any:
    """One of some options."""
    return options[int(draw.integers(len(options)))]


def magnitude(draw: Draw, low: float, high: float) -> float:
    """A positive number over orders of magnitude."""
    return float(np.exp(draw.uniform(np.log(low), np.log(high))))


# ---- what is made -------------------------------------------------------------------------------


def far(draw: Draw) -> dict[str, Any]:
    """A start so far away that losses and squares of gradients overflow, or their squares do."""
    return {"kind": "normal", "mean": 0.0, "std": magnitude(draw, 1.0, 1e15)}


def changes(draw: Draw, regime: str) -> dict[str, Any]:
    """Fields of the problem to change, each now and then."""
    dim = ALL[regime].problem.dim
    possible: dict[str, Callable[[], Any]] = {
        "eta": lambda: magnitude(draw, 1e-3, 1e3),
        "k": lambda: magnitude(draw, 1e-3, 1e3),
        "gamma": lambda: drawn(draw, [0.0, magnitude(draw, 1e-3, 10.0)]),
        "dt": lambda: magnitude(draw, 1e-3, 1.0),
        "horizon": lambda: int(draw.integers(1, 12)),
        "episode_steps": lambda: int(draw.integers(1, 12)),
        "landscape": lambda: drawn(draw, list(LANDSCAPES)),
        "start": lambda: drawn(draw, [*STARTS, far(draw)]),
        "drift": lambda: magnitude(draw, 1e-3, drawn(draw, [10.0, 1e12])),
        "hazard": lambda: magnitude(draw, 1e-2, 1e2),
        "signalled": lambda: bool(draw.integers(2)),
        "max_norm": lambda: magnitude(draw, 0.1, 1e4),
        "noise": lambda: drawn(draw, [None, *NOISES]),
        "default_dynamics": lambda: drawn(draw, [None, *DYNAMICS]),
        "metric": lambda: np.linspace(0.5, 2.0, dim).tolist(),
    }
    return {name: make() for name, make in possible.items() if draw.random() < 0.2}


def observation(draw: Draw) -> dict[str, Any] | None:
    """The regime's own channels, or some at random."""
    if draw.random() < 0.3:
        return None
    names = list(CHANNELS)
    chosen = draw.choice(names, size=int(draw.integers(1, 9)), replace=False).tolist()
    rates = drawn(draw, [(0.9,), (0.0, 0.5), (0.5, 0.9, 0.99)])
    scaled, clip = bool(draw.integers(2)), drawn(draw, [None, 0.5, 10.0])
    return {"channels": chosen, "rates": rates, "scaled": scaled, "clip": clip}


def action(draw: Draw, kind: str) -> dict[str, Any] | None:
    """The regime's own action, or one of a kind, at scales that may diverge at once."""
    if draw.random() < 0.3:
        return None
    if "scale" in ACTIONS[kind].__dataclass_fields__:
        return {"kind": kind, "scale": magnitude(draw, 1e-6, 1e12)}
    return {"kind": kind}


def environment(draw: Draw, turn: int) -> Environment:
    """An environment; the registries take turns.

    Raises:
        ValueError: for what does not go together, such as a channel that a landscape lacks.
    """
    large = draw.random() < 0.01
    regime = drawn(draw, LARGE) if large else NAMES[turn % len(NAMES)]
    setup: dict[str, Any] = {
        "problem": changes(draw, regime),
        "observation": None if large else observation(draw),
        "action": action(draw, list(ACTIONS)[turn % len(ACTIONS)]),
        "dtype": DTYPES[turn % 2],
        "privileged": bool(draw.integers(2)),
    }
    if turn % 4 == 3:
        return LandscapeNavEnv(regime, **setup)
    mode = MODES[turn // 2 % 3]
    return LandscapeNavVectorEnv(int(draw.integers(1, 6)), regime, autoreset_mode=mode, **setup)


# ---- what is given ------------------------------------------------------------------------------


def good_actions(draw: Draw, shape: tuple[int, ...]) -> Any:
    """Actions that are taken: within the box and far beyond it, of any real type."""
    plain = draw.normal(size=shape)
    match int(draw.integers(8)):
        case 0:
            return draw.choice(ENTRIES, size=shape)
        case 1:
            return draw.choice(ENTRIES, size=shape).tolist()
        case 2:
            return draw.integers(-3, 4, size=shape).astype(drawn(draw, ["i1", "i8", "u1", "u8"]))
        case 3:
            with np.errstate(over="ignore"):
                return (plain * 1e30).astype(drawn(draw, ["f2", "f4", "f8", "g", ">f4"]))
        case 4:
            return plain > 0
        case 5:
            return np.asfortranarray(plain.astype("f4"))[..., ::-1]
        case _:
            return plain


def wrong_actions(draw: Draw, shape: tuple[int, ...]) -> Any:
    """Actions that are refused."""
    nan = np.zeros(shape)
    nan.flat[int(draw.integers(nan.size))] = np.nan
    return drawn(
        draw,
        [
            *(nan, nan.astype("f2"), nan.tolist(), np.full(shape, np.nan, object)),
            *(np.zeros((*shape, 1)), np.zeros(shape[:-1]), np.zeros((*shape[:-1], shape[-1] + 7))),
            *(np.zeros(shape, complex), np.full(shape, "a"), np.zeros(shape, "M8[s]")),
            *(None, "forward", b"forward", 1j, {}, {"a": 1}, object()),
            *([], [[]], [[0.0], [0.0, 1.0]], [None], [[[0.0], 1.0]], {0.5}, range(3)),
            *(np.zeros((0, *shape)), 10**400, [10**400]),
        ],
    )  # fmt: skip


WRONG_SEEDS: list[Any] = [-1, -(2**70), 1.5, "1", [], [-1], None, True, np.nan, {}, b"1", 1j]
WRONG_SEEDS += [[1.5] * 3, ["a"] * 3, [[1]] * 3, np.array([1, -2, 3]), np.array(1.0), np.zeros(3)]
GOOD_SEEDS: list[Any] = [0, 1, 2**31, 2**63, 2**100, np.int64(7), np.uint8(200), None]
OPTIONS: list[Any] = [{"foo": 1}, {"reset_masks": 1}, {1: 2}, {None: 1}, [], "reset_mask", 3]


def reset_arguments(draw: Draw, env: Environment) -> dict[str, Any]:
    """A seed and options, often wrong."""
    rows = getattr(env, "num_envs", 1)
    masks: list[Any] = [np.ones(rows, bool), np.zeros(rows, bool), draw.random(rows) < 0.5]
    masks += [np.ones(rows), np.ones(rows + 1, bool), [True] * rows, None, "all", np.array(True)]
    seeds = [*GOOD_SEEDS, *GOOD_SEEDS, *WRONG_SEEDS, [*range(rows)], [None] * rows, (1,) * rows]
    given: dict[str, Any] = {"seed": drawn(draw, seeds)}
    if draw.random() < 0.4:
        options = [*OPTIONS, None, {}, *({"reset_mask": mask} for mask in masks)]
        given["options"] = drawn(draw, options)
    return given


# ---- what comes of it ---------------------------------------------------------------------------


class Wrong(Exception):
    """What should not have come of it."""


def check(env: Environment, returned: Any) -> None:
    """Refuse what is not finite, or not in the space."""
    seen, *_, info = returned
    if seen not in env.observation_space:
        raise Wrong(f"an observation outside its space: {seen!r}")
    for name, value in numbers("observation", seen) + numbers("info", info):
        if not np.isfinite(value).all():
            raise Wrong(f"{name} is not finite: {value!r}")
    if len(returned) == 5 and not np.isfinite(returned[1]).all():
        raise Wrong(f"a reward is not finite: {returned[1]!r}")


def numbers(name: str, value: Any) -> list[tuple[str, Any]]:
    """All numbers within something, by where they are."""
    if isinstance(value, dict):
        return [each for key in value for each in numbers(f"{name}[{key!r}]", value[key])]
    array = np.asarray(value)
    if array.dtype == object:
        return [each for item in array.flat if item is not None for each in numbers(name, item)]
    return [(name, array)]


def check_answer(error: Exception) -> None:
    """Refuse an error that is not a sentence of one of the kinds that are told."""
    text = str(error)
    if type(error).__mro__[0] is not ResetNeeded and not isinstance(error, ANSWERS):
        raise Wrong(f"{type(error).__name__}: {text}") from error
    ours = "landscape_gym" in (traceback.extract_tb(error.__traceback__)[-1].filename)
    sentence = 15 <= len(text) <= 2_000 and " " in text and text.rstrip()[-1] in ".?)'"
    sentence &= "inhomogeneous" not in text  # NumPy's, of lists
    if not ours or not sentence:
        raise Wrong(f"an unclear {type(error).__name__}: {text}") from error


class Trial:
    """One environment and what is done with it.

    Args:
        seed: Of all of it.
        turn: Whose turn it is.
    """

    def __init__(self, seed: int, turn: int) -> None:
        self._draw = np.random.default_rng([seed, turn])
        self._turn = turn
        self.seen: Counter[str] = Counter()
        self.last: Any = None
        """What was given last."""

    def run(self) -> None:
        """Make it, and go through an episode or several.

        Raises:
            Wrong: for what should not have come of it.
        """
        draw = self._draw
        self.last = "its making"
        env = self._tried(lambda: environment(draw, self._turn))
        if env is None:
            self.seen["refused environments"] += 1
            return
        self.last = env.problem, env.layout, env.action_space, vars(env).get("autoreset_mode")
        if draw.random() < 0.1:
            self._call(env, lambda: env.step(np.zeros(env.action_space.shape)))
        check(env, env.reset(seed=int(draw.integers(1000))))
        for _ in range(int(draw.integers(5, STEPS))):
            self._act(env)

    def _act(self, env: Environment) -> None:
        draw, shape = self._draw, env.action_space.shape
        assert shape is not None
        if draw.random() < 0.1:
            given = reset_arguments(draw, env)
            self.last = given
            self._call(env, lambda: env.reset(**given))
        wrong = draw.random() < 0.15
        self.last = actions = (wrong_actions if wrong else good_actions)(draw, shape)
        self.seen["steps"] += 1
        returned = self._call(env, lambda: env.step(actions))
        if returned is None and not wrong:
            env.reset()  # an episode that has ended
            check(env, env.step(actions))
        if returned is None:
            return
        ended = int(np.sum(returned[2])) + int(np.sum(returned[3]))
        self.seen["endings"] += ended
        if ended and isinstance(env, LandscapeNavEnv):
            env.reset()

    def _call(self, env: Environment, do: Callable[[], Any]) -> Any:
        returned = self._tried(do)
        if returned is not None:
            check(env, returned)
        return returned

    def _tried(self, do: Callable[[], Any]) -> Any:
        """What is returned, or None where it is refused in a sentence."""
        try:
            return do()
        except Wrong:
            raise
        except Exception as error:
            check_answer(error)
            self.seen["refusals"] += 1
            return None


if __name__ == "__main__":
    sys.exit(program(Trial, __doc__, steps=100_000))
