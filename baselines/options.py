"""What a comparison is asked: known, and checked, without importing rules and solvers."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from landscape_gym.command_line import named
from landscape_gym.configuration import one_of
from landscape_gym.names import RULES
from landscape_gym.registration import REGIMES

ALL_REGIMES = "all"


@dataclass(frozen=True)
class Options:
    """Compare learning rules, derived and tuned, with what bounds them."""

    regime: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], named((*REGIMES, ALL_REGIMES))
    ] = ()
    """A regime by name, or "all", which is also taken if none is named."""
    rules: Annotated[tuple[str, ...], named(RULES)] = ()
    """Rules by name, one or several, with _ for blanks; all if none is named."""
    tuned: bool = True
    """Whether to tune the rules that have a search space, too."""
    plan_paths: bool = True
    """Whether to plan whole paths where nothing faster gives the optimum; a fifth of a second for
    each of at most 64 episodes."""
    episodes: int = 256
    """Test episodes."""
    seed: int = 1_000_000
    """Of the first test episode."""
    out: Path | None = None
    """Folder for CSV, Parquet where pyarrow is installed, JSON and pictures; it appears when it is
    complete."""
    run: Path | None = None
    """Folder of a finished run of train_agent.py, whose learned rule takes part in the run's own
    problem."""
    learned: str | None = None
    """A learned rule that takes part: the name of a shipped one, or a file. Files cannot hold code:
    they may be a stranger's."""
    write: bool = False
    """Whether to write baselines/README.md."""
    progress: bool = True
    """Whether to show a progress bar."""

    def __post_init__(self) -> None:
        """Check what does not depend on the disk.

        Raises:
            ValueError: for a name that is not known, or a run beside a regime or rule.
        """
        for name in self.regime:
            one_of("regime", name, (*REGIMES, ALL_REGIMES))
        for kind in self.rules:
            one_of("rule", kind, RULES)
        if self.run is not None and (self.regime or self.learned is not None):
            raise ValueError("--run brings its own regime and rule: leave others out.")

    @property
    def regimes(self) -> list[str]:
        """Where to compare; nowhere but in the run's own regime, if there is a run."""
        if self.run is not None:
            return []
        everywhere = not self.regime or ALL_REGIMES in self.regime
        return list(REGIMES) if everywhere else list(dict.fromkeys(self.regime))

    @property
    def packages(self) -> dict[str, tuple[str, ...]]:
        """By regime, what its data come with."""
        return {name: REGIMES[name].packages for name in self.regimes}


def command(options: Options) -> str:
    """What computes the same again and writes the page.

    Example:
        >>> command(Options(regime=("geometry",), tuned=False, episodes=64, progress=False))
        'python -m baselines --write --regime geometry --no-tuned --episodes 64'
    """
    words = ["python", "-m", "baselines", "--write"]
    for name in options.regime:
        words += ["--regime", name]
    if options.rules:
        words += ["--rules", *options.rules]
    for name in ("tuned", "plan_paths"):
        words += [] if getattr(options, name) else [f"--no-{name.replace('_', '-')}"]
    for name in ("episodes", "seed", "run", "learned"):
        if (given := getattr(options, name)) != getattr(Options(), name):
            words += [f"--{name}", str(given)]
    return shlex.join(words)
