"""Compare learning rules, derived and tuned, with what bounds them: ``python -m baselines``.

``python -m baselines sweep`` evaluates cell by cell, on several processes or a cluster;
``python -m baselines record`` writes a policy's trajectories as a data set.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from baselines.pages import revision
from landscape_gym.artifact import load_rule
from landscape_gym.configuration import one_of
from landscape_gym.extras import needed_by
from landscape_gym.files import write_whole
from landscape_gym.policy import Policy
from landscape_gym.program import program
from landscape_gym.registration import REGIMES, Regime
from landscape_gym.rules import RULES

with needed_by(__name__):
    import tyro

    from baselines.contest import Contest, Settings, cells, contest
    from baselines.files import appearing, check_free, write_table
    from baselines.learned import load_run
    from baselines.picture import save_pictures
    from baselines.readme import readme
    from baselines.record import command as command_record
    from baselines.records import COLUMNS, as_json, lines
    from baselines.screen import Bar, named, show
    from baselines.sweep import command as command_sweep

README = Path(__file__).with_name("README.md")
ALL = "all"
COMMANDS: dict[str, Any] = {"sweep": command_sweep, "record": command_record}
"""Other commands than the comparison, by the first word."""


@dataclass(frozen=True)
class Options:
    """Compare learning rules, derived and tuned, with what bounds them."""

    regime: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], named((*REGIMES, ALL))] = ()
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


def main(options: Options) -> list[Contest]:
    """Compare, print, and write what is asked for.

    Raises:
        ValueError: for a name that is not known, or settings that are not accepted.
        OSError: if a folder cannot be read or written.
    """
    settings = Settings(
        kinds=tuple(one_of("rule", kind, RULES) for kind in options.rules) or tuple(RULES),
        tuned=options.tuned,
        plan_paths=options.plan_paths,
        episodes=options.episodes,
        seed=options.seed,
    )
    arena = _arena(options)
    if options.out is not None:
        check_free(options.out)
    with Bar(cells(settings) * len(arena), shown=options.progress) as bar:
        contests = [
            contest(
                name,
                regime,
                settings,
                learned=learned,
                watch=lambda cell, name=name: bar.begin(f"{name}: {cell}"),
            )
            for name, regime, learned in arena
        ]
    try:
        if options.out is not None:
            write_folder(options.out, contests)
        if options.write:
            write_whole(README, readme(contests, command(options), revision()))
    finally:  # whatever cannot be written can still be read
        show(contests)
    if options.out is not None:
        print(f"Tables and pictures are in {options.out}.")
    return contests


def write_folder(folder: Path, contests: Sequence[Contest]) -> None:
    """Write CSV, Parquet, JSON and pictures; the folder appears when it is complete."""
    with appearing(folder) as partial:
        write_table(partial / "results", COLUMNS, lines(contests))
        (partial / "results.json").write_text(as_json(contests, revision()))
        for each in contests:
            list(save_pictures(partial, each))


def _arena(options: Options) -> list[tuple[str, Regime, Policy | None]]:
    """Where to compare, and with which learned policy."""
    if options.run is not None:
        if options.regime or options.learned is not None:
            raise ValueError("--run brings its own regime and rule: leave others out.")
        return [load_run(options.run)]
    named = [one_of("regime", name, (*REGIMES, ALL)) for name in options.regime]
    names = list(REGIMES) if not named or ALL in named else list(dict.fromkeys(named))
    rule = None if options.learned is None else load_rule(options.learned)
    return [(name, REGIMES[name], rule) for name in names]


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


@program("baselines", "Nothing was written.")
def _run(words: list[str]) -> int:
    """The command that the first word names, or the comparison; the exit status."""
    if words and not words[0].startswith("-"):
        other = COMMANDS[one_of("command", words[0], COMMANDS)]
        prog = f"python -m baselines {words[0]}"
        return other.main(tyro.cli(other.Options, prog=prog, args=words[1:]))
    main(tyro.cli(Options, prog="python -m baselines", description=__doc__, args=words))
    return 0


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
