"""What all ways of training have in common: settings, and a trainer that is set up from them.

A way of training is a frozen dataclass of settings (`Training`) in `agents.algorithms.ALGORITHMS`.
Set up for a regime and a seed it is a `Trainer`, which is made once: what cannot be trained is
refused then, and nothing is written. `agents.training.train` lets it learn.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, get_args, get_origin, get_type_hints

from stable_baselines3.common.logger import Logger

from landscape_gym.actions import ACTIONS, Action
from landscape_gym.configuration import alternative, count, number, one_of, plain
from landscape_gym.learned import LearnedRule
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime

HELD_OUT = 1_000_000
"""The first seed of held-out episodes. No training draws an episode whose seed is from here on."""
OWN = 2**40 + 2**31
"""The first seed of training episodes where seeds as they are would reach `HELD_OUT`."""


def training_seed(first: int, episodes: int) -> int:
    """The seed of the first of some training episodes, whose seeds follow one another.

    That is `first`, unless the last of them would reach those of held-out episodes. They are then
    in a space of their own, also in the 32 bits that torch takes of a seed: its upper half, where
    no held-out episode is.

    Args:
        first: 0 or more.
        episodes: How many.

    Example:
        >>> training_seed(3, 512), training_seed(999_999, 512) % 2**32 > 2**31
        (3, True)
    """
    return first if first + episodes <= HELD_OUT else OWN + first % (2**31 - episodes)


@dataclass(frozen=True)
class Training(ABC):
    """Settings: how a rule is learned."""

    algorithm: ClassVar[str]
    lowest: ClassVar[Mapping[str, int]] = {}
    """The smallest numbers that are accepted of some settings; of the others it is 1."""

    observation: ObservationConfig | None = None
    """Channels, instead of the regime's."""
    action: Action | None = None
    """What actions mean, instead of the regime's."""

    def __post_init__(self) -> None:
        """Check the types and ranges, and make channels and actions from mappings.

        Raises:
            ValueError: for a value that is not accepted.
            TypeError: for a value of another type.
        """
        for name, kind in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if kind is int:
                count(name, value, low=self.lowest.get(name, 1))
            elif kind is float:
                number(name, value, low=-math.inf if name.startswith("log_") else 0.0)
            elif kind == tuple[int, ...]:
                if not isinstance(value, tuple | list):
                    raise TypeError(f"{name} must be a list of widths, got {value!r}.")
                object.__setattr__(self, name, tuple(count(name, width) for width in value))
            elif get_origin(kind) is Literal:
                one_of(name, value, get_args(kind))
        if self.observation is not None:
            object.__setattr__(self, "observation", ObservationConfig.of(self.observation))
        if self.action is not None:
            object.__setattr__(self, "action", alternative(ACTIONS, self.action, "action"))

    def met(self, regime: Regime) -> Regime:
        """The regime as the learner meets it: with its own channels and actions."""
        return replace(
            regime,
            observation=self.observation or regime.observation,
            action=self.action or regime.action,
        )

    @abstractmethod
    def steps(self, problem: NavigationProblem) -> int:
        """Environment steps that it takes in a problem."""

    @abstractmethod
    def trainer(self, regime: Regime, seed: int) -> Trainer:
        """Set the training up.

        Args:
            regime: The problem, the channels and the actions.
            seed: Of all that is drawn; the same one gives the same rule on the same machine.

        Raises:
            ValueError: for what cannot be trained in this regime.
        """


class Watch(Protocol):
    """What a trainer tells of its training (`agents.course.Course`)."""

    def begin(self) -> None:
        """It begins; the trainer is then brought to where it goes on, if it was stopped."""

    def boundary(self) -> None:
        """Nothing is half done: `Trainer.parts` are all that the rest depends on."""

    def step(self) -> None:
        """Some steps have been taken."""

    def end(self) -> None:
        """It has ended."""


class Trainer(ABC):
    """A training that is set up, once a run: the regime as it is met, and who learns in it.

    Args:
        training: The settings.
        regime: As it is asked for.
        seed: Of all that is drawn.
    """

    def __init__(self, training: Training, regime: Regime, seed: int) -> None:
        self.training, self.regime, self.seed = training, training.met(regime), seed

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides what the training comes to, as far as it is plain data."""
        settings = {
            "seed": self.seed,
            "algorithm": self.training.algorithm,
            **plain(self.training),
        }
        for name in ("problem", "observation", "action"):
            try:
                settings[name] = plain(getattr(self.regime, name))
            except ValueError:  # an object in code
                settings[name] = None
        return settings

    @property
    def total(self) -> int:
        """Environment steps that it is to take."""
        return self.training.steps(self.regime.problem)

    @property
    @abstractmethod
    def done(self) -> int:
        """Environment steps that it has taken."""

    @property
    @abstractmethod
    def started(self) -> int:
        """When it began, in nanoseconds; of a resumed one, when it would have begun."""

    @started.setter
    @abstractmethod
    def started(self, when: int) -> None: ...

    @property
    @abstractmethod
    def parts(self) -> list[Any]:
        """Objects whose attributes are all that the rest of the training depends on."""

    @abstractmethod
    def log_to(self, logger: Logger) -> None:
        """Log there."""

    @abstractmethod
    def learn(self, watch: Watch) -> None:
        """Train to the end, and tell `watch` of it."""

    @abstractmethod
    def rule(self, about: Mapping[str, Any] | None = None) -> LearnedRule:
        """What is learned so far; taking it changes nothing.

        Args:
            about: What the rule is to say of where it comes from, in JSON's types.
        """

    def save(self, folder: Path) -> None:
        """Write what else there is to keep of a training that has ended."""
        del folder
