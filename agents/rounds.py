"""Trainings in rounds: what regression and evolution have in common beside what a round is."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping

from stable_baselines3.common.logger import Logger, configure

from agents.trainer import Trainer, Training, Watch
from landscape_gym.registration import Regime

SEEDS = 1_000_000
"""Seeds of episodes from one seed of a training to the next."""


class RoundsTrainer(Trainer):
    """A training that has its boundaries between rounds, all of which take as many steps.

    Args:
        training: The settings.
        regime: As it is asked for.
        seed: Of all that is drawn.
    """

    def __init__(self, training: Training, regime: Regime, seed: int) -> None:
        super().__init__(training, regime, seed)
        self._started = time.time_ns()
        self._logger = configure(format_strings=[])  # nowhere

    @property
    @abstractmethod
    def rounds(self) -> int:
        """How many there are to be."""

    @property
    @abstractmethod
    def ended(self) -> int:
        """How many have ended."""

    @abstractmethod
    def round(self) -> Mapping[str, float]:
        """Do the next one, after which one more has ended.

        Returns:
            What there is to log of it, by column.
        """

    @property
    def done(self) -> int:
        """Environment steps of the rounds that have ended."""
        return self.total * self.ended // self.rounds

    @property
    def started(self) -> int:
        """When it began, in nanoseconds."""
        return self._started

    @started.setter
    def started(self, when: int) -> None:
        self._started = when

    def log_to(self, logger: Logger) -> None:
        """Log there."""
        self._logger = logger

    def learn(self, watch: Watch) -> None:
        """Do what rounds are left."""
        watch.begin()
        while self.ended < self.rounds:
            watch.boundary()
            for name, value in self.round().items():
                self._logger.record(name, value)
            self._logger.record("time/time_elapsed", (time.time_ns() - self.started) // 10**9)
            self._logger.record("time/total_timesteps", self.done, exclude="tensorboard")
            self._logger.dump(self.done)
            watch.step()
        watch.end()
