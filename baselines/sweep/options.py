"""What a sweep is asked: known, and checked, without importing what computes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from baselines.names import policy_names
from baselines.sweep.executors import EXECUTORS, Workers
from landscape_gym.command_line import named
from landscape_gym.configuration import count, one_of
from landscape_gym.registration import REGIMES


@dataclass(frozen=True)
class Options:
    """Evaluate policies in regimes, a cell for each block of episodes.

    Cells that are finished are not computed again: the same command goes on with a sweep that was
    stopped, and other regimes, policies and more blocks can be added to a folder.
    """

    out: Path
    """Folder of the sweep."""
    regimes: Annotated[tuple[str, ...], named(REGIMES)] = ()
    """Regimes by name, one or several; all if none is named."""
    policies: tuple[str, ...] = ()
    """Rules, rules as "tuned-RULE", shipped learned rules, and "lqg", by name; all derived rules
    and the bounds if none is named. Doing nothing and the optimum are always there."""
    blocks: int = 3
    """How many blocks of episodes."""
    episodes: int = 64
    """Episodes of a block."""
    seed: int = 1_000_000
    """Of the first episode."""
    executor: Annotated[str, named(EXECUTORS)] = "serial"
    """Where cells are computed: here, in processes by joblib, or by Ray: on the cluster at
    RAY_ADDRESS, or else on this machine."""
    workers: int = 2
    """Processes of joblib, or of Ray on this machine."""
    again: bool = False
    """Whether to compute cells again whose files are damaged, or hold something else; else such a
    file ends the command before anything is computed."""
    progress: bool = True
    """Whether to show a progress bar."""

    def __post_init__(self) -> None:
        """Check what does not depend on the folder.

        Raises:
            ValueError: for a name that is not known, or a number that is too small.
        """
        for name in self.regimes:
            one_of("regime", name, REGIMES)
        for name in self.policies:
            one_of("policy", name, policy_names())
        count("blocks", self.blocks)
        count("episodes", self.episodes)
        Workers(self.executor, self.workers)

    @property
    def packages(self) -> dict[str, tuple[str, ...]]:
        """By regime, what its data come with."""
        return {name: REGIMES[name].packages for name in self.regimes or REGIMES}
