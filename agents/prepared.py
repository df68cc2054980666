"""A run that is set up, once: the regime that is asked for, and the trainer that meets it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from agents.config import RunConfig, provenance
from agents.folder import alone_in, new_folder
from agents.trainer import Trainer
from baselines import LineUp, line_up
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import Regime


@dataclass(frozen=True)
class Prepared:
    """What a run needs; what cannot be run has been refused, and nothing is written."""

    config: RunConfig
    """What is run, which is the stopped run's where one is resumed."""
    regime: Regime
    """As it is asked for: policies are compared in it."""
    trainer: Trainer
    """The training, set up in the regime as its learner meets it."""
    resume: bool

    @classmethod
    def of(cls, config: RunConfig, problem: NavigationProblem | None = None) -> Prepared:
        """Set a run up.

        Args:
            config: What to run; of one seed.
            problem: Instead of the regime's; for landscapes that are objects in code.

        Raises:
            ValueError: for values that are not accepted, naming those that are.
            FileNotFoundError: if there is no run to resume.
        """
        resume = config.resume is not None
        if resume:
            config = config.resumed()
        regime = config.configured(problem)
        return cls(config, regime, config.training().trainer(regime, config.seed), resume)

    @cached_property
    def lineup(self) -> LineUp:
        """The policies that the learned rule is compared with."""
        return line_up(
            self.regime.problem,
            self.regime.observation,
            plan_paths=self.config.plan_paths,
            episodes=self.config.episodes,
        )

    @property
    def about(self) -> dict[str, Any]:
        """Where what is learned comes from, in JSON's types."""
        return provenance(self.config, self.regime, self.trainer.training)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """The run's folder, which no other process writes to meanwhile.

        Raises:
            FileExistsError: if the folder of a new run holds something already.
            BlockingIOError: if another process is at work there.
        """
        config = self.config
        if self.resume:
            assert config.out is not None  # `RunConfig.resumed` has it from the folder
            with alone_in(config.out):
                yield config.out
        else:
            stem = f"{config.regime}-{config.preset_name}-seed{config.seed}"
            with new_folder(config.out, stem) as folder:
                yield folder
