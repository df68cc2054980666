"""What the controls say, as a link carries it: a regime, what is changed of it, and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from landscape_gym.configuration import one_of, unknown
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.spectrum import Conditioned, LogUniform
from landscape_gym.names import RULES
from landscape_gym.noise import IsotropicNoise, Noise
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES

STEPS: dict[str, tuple[float, ...]] = {
    "gamma": (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20, 30),
    "eta": (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20),
    "noise": (0, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3),
    "hazard": (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
    "curvature": (1, 2, 3, 5, 9, 20, 50, 100, 300),
}
"""Values of the sliders, so few that an answer is often at hand when one comes back to it."""
LEARNED = "learned"
"""The regime's learned rule, beside the kinds of derived ones."""
SHOWN: dict[str, tuple[str, ...]] = {
    "long-horizon": ("gradient_descent", "ballistic", LEARNED),
    "short-horizon": ("gradient_descent", "ballistic", LEARNED),
    "geometry": ("natural_gradient", "ballistic", LEARNED),
    "noisy-gradient": ("gradient_descent", "momentum", LEARNED),
    "hidden-curvature": ("gradient_descent", "momentum", LEARNED),
    "landscape-nav": ("gradient_descent", "adam", "self_tuning", LEARNED),
    "partial-control": ("gradient_descent", "partial_control", LEARNED),
    "task-switching": ("gradient_descent", "soft_reset", LEARNED),
    "hidden-task-switching": ("gradient_descent", "soft_reset", LEARNED),
    "double-well": ("gradient_descent", "newton", LEARNED),
}
"""By regime, the rules that are shown first. Others have no optimum that is found in a moment."""
BEGIN = "long-horizon"
BRIEF = {"double-well": 100}
"""Steps of an episode where all is over sooner than elsewhere."""


@dataclass(frozen=True)
class Setting:
    """A regime with its sliders.

    Example:
        >>> Setting.of("short-horizon")
        Setting(regime='short-horizon', gamma=10, eta=1, noise=0, hazard=0, curvature=9)
    """

    regime: str
    gamma: float
    """Discount rate."""
    eta: float
    """Affordable change."""
    noise: float
    """Standard deviation of the gradient's noise: of each coordinate, or where curvature is 1."""
    hazard: float
    """Rate at which tasks change."""
    curvature: float
    """The steepest curvature over the flattest; the steepest stays."""

    def __post_init__(self) -> None:
        """Check that the controls can show it.

        Raises:
            ValueError: for a regime or value that they do not have, or one that is fixed here.
        """
        one_of("regime", self.regime, SHOWN)
        for name, steps in STEPS.items():
            value = getattr(self, name)
            if value not in steps:
                raise ValueError(unknown(name, f"{value:g}", [f"{step:g}" for step in steps]))
            if name in fixed(self.regime) and value != _given(self.regime)[name]:
                raise ValueError(f"{name} is fixed here: {fixed(self.regime)[name]}")

    @classmethod
    def of(cls, regime: str) -> Setting:
        """The regime as it is registered."""
        return cls(regime, **_given(one_of("regime", regime, SHOWN)))

    @property
    def problem(self) -> NavigationProblem:
        """What is navigated."""
        problem = REGIMES[self.regime].problem
        changes: dict[str, Any] = {"gamma": float(self.gamma), "eta": float(self.eta)}
        if "curvature" not in fixed(self.regime):
            changes["landscape"] = _with_ratio(problem.landscape, self.curvature)
        if "noise" not in fixed(self.regime):
            changes["noise"] = _with_std(problem.noise, self.noise)
        steps = BRIEF.get(self.regime, problem.episode_steps)
        return problem.replace(**changes, hazard=float(self.hazard), episode_steps=steps)


def to_query(setting: Setting, rules: tuple[str, ...]) -> str:
    """The query of a link, which says only what differs from the regime as it is registered.

    Example:
        >>> to_query(replace(Setting.of("long-horizon"), gamma=3), ("newton",))
        '?regime=long-horizon&gamma=3&rules=newton'
    """
    usual = Setting.of(setting.regime)
    words = {"regime": setting.regime}
    words |= {
        name: f"{getattr(setting, name):g}"
        for name in STEPS
        if getattr(setting, name) != getattr(usual, name)
    }
    if rules != SHOWN[setting.regime]:
        words["rules"] = " ".join(rules)
    return f"?{urlencode(words)}"


def from_query(query: str) -> tuple[Setting, tuple[str, ...]]:
    """What a link says; an empty one says the first regime.

    Raises:
        ValueError: for what the controls cannot show, with what they can.

    Example:
        >>> setting, rules = from_query("?regime=geometry&gamma=3")
        >>> setting.gamma, rules
        (3.0, ('natural_gradient', 'ballistic', 'learned'))
    """
    words = dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True))
    for name in words:
        one_of("the link's", name, ("regime", "rules", *STEPS))
    usual = Setting.of(words.pop("regime", BEGIN))
    rules = SHOWN[usual.regime]
    if (asked := words.pop("rules", None)) is not None:
        rules = tuple(one_of("rule", kind, choices(usual.regime)) for kind in asked.split())
    return replace(usual, **{name: _number(name, text) for name, text in words.items()}), rules


def choices(regime: str) -> tuple[str, ...]:
    """Rules that can be picked; not all of them can be derived everywhere."""
    return (*RULES, LEARNED)


@cache
def fixed(regime: str) -> Mapping[str, str]:
    """Sliders that have nothing to move in a regime, and why."""
    landscape = REGIMES[regime].problem.landscape
    if not isinstance(landscape, Quadratic):
        why = "the landscape is a given one."
        return {"noise": why, "hazard": why, "curvature": why}
    if not isinstance(landscape.curvature, tuple):
        return {"hazard": "no optimum is known where curvature changes with the task."}
    if landscape.optimum_std == 0:
        return {"hazard": "all tasks of this regime are the same."}
    return {}


@cache
def _given(regime: str) -> dict[str, float]:
    problem = REGIMES[regime].problem
    values = {
        "gamma": problem.gamma,
        "eta": problem.eta,
        "noise": getattr(problem.noise, "std", 0),
        "hazard": problem.hazard,
        "curvature": _ratio(problem.landscape),
    }
    # The slider's own number, so that 9 is not 9.000000000000002.
    return {name: min(STEPS[name], key=lambda x: abs(x - values[name])) for name in STEPS}


def _ratio(landscape: object) -> float:
    """Steepest over flattest curvature."""
    given: Any = getattr(landscape, "curvature", None)
    match given:
        case LogUniform(low, high):
            return high / low
        case Conditioned(condition=condition):
            return condition
        case tuple(values):
            return max(values) / min(values)
    return 1.0


def _with_ratio(landscape: Any, ratio: float) -> Quadratic:
    """The landscape with another ratio, and the same steepest curvature."""
    given = landscape.curvature
    if isinstance(given, LogUniform):
        return replace(landscape, curvature=replace(given, low=given.high / ratio))
    if isinstance(given, Conditioned):
        return replace(landscape, curvature=replace(given, condition=float(ratio)))
    steepest = max(given)
    flattest = steepest / ratio
    return replace(landscape, curvature=(flattest, *given[1:-1], steepest))


def _with_std(noise: Any, std: float) -> Noise | None:
    if std == 0:
        return None
    return replace(noise, std=float(std)) if noise is not None else IsotropicNoise(float(std))


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} is a number, got {text!r}.") from None
