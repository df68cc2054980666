"""What a recording is asked: known, and checked, without importing what makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from baselines.names import policy_names
from landscape_gym.command_line import named
from landscape_gym.configuration import count, one_of
from landscape_gym.registration import ALL

FIRST_SEED = 3_000_000
"""Of the first episode, away from those of training and of comparisons."""
FORMATS = ("minari", "csv", "parquet")


@dataclass(frozen=True)
class Options:
    """Record a policy's episodes: for Minari, whose data set recovers its environment, or a table.

    A rule is recorded with the observations of the regime and with velocities as actions, a learned
    policy with what it sees and does itself. All numbers are in float64.
    """

    regime: str | None = None
    """A regime by name."""
    policy: str | None = None
    """Who acts, by name: "nothing", a rule, "tuned-RULE", a shipped learned rule, "optimum" or
    "lqg"."""
    run: Path | None = None
    """Folder of a finished run of train_agent.py instead, whose learned rule acts in the run's own
    problem."""
    learned: str | None = None
    """A learned rule instead: a file, or the name of a shipped one."""
    episodes: int = 64
    """How many."""
    seed: int = FIRST_SEED
    """Of the first episode; the next one's is one more."""
    channels: tuple[str, ...] = ()
    """What is observed instead, by the names of landscape_gym.channels.CHANNELS."""
    scale: float | None = None
    """Of the velocities that are a rule's actions; else the regime's, doubled until every control
    fits. Data sets are of one environment if it is the same."""
    privileged: bool = False
    """Whether infos tell the hidden state: target, curvature, a network's accuracy."""
    format: Annotated[str, named(FORMATS)] = "minari"
    """What is written."""
    name: str | None = None
    """Of Minari's data set: NAMESPACE/NAME-vVERSION; landscape-nav/REGIME-POLICY-v0 if none is
    given."""
    out: Path | None = None
    """For Minari the folder of data sets, instead of its own; else the folder of the table, which
    appears when it is complete."""
    progress: bool = True
    """Whether to show a progress bar."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for a name that is not known, or a number that is too small.
        """
        if self.regime is not None:
            one_of("regime", self.regime, ALL)
        if self.policy is not None:
            one_of("policy", self.policy, policy_names())
        one_of("format", self.format, FORMATS)
        count("episodes", self.episodes)
        count("seed", self.seed, low=0)

    @property
    def packages(self) -> dict[str, tuple[str, ...]]:
        """By regime, what its data come with."""
        return {} if self.regime is None else {self.regime: ALL[self.regime].packages}
