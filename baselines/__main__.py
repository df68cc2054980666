"""Compare learning rules, derived and tuned, with what bounds them: ``python -m baselines``.

``python -m baselines sweep`` evaluates cell by cell, on several processes or a cluster.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from baselines.contest import Contest, Settings, cells, contest
from baselines.learned import load_run
from baselines.picture import save_pictures
from baselines.readme import readme
from baselines.records import as_csv, as_json
from baselines.screen import Bar, show
from baselines.sweep import command as command_sweep
from benchmarks.table import revision
from landscape_gym.artifact import load_rule
from landscape_gym.configuration import one_of
from landscape_gym.files import write_whole
from landscape_gym.policy import Policy
from landscape_gym.registration import REGIMES, Regime
from landscape_gym.rules import RULES

README = Path(__file__).with_name("README.md")
ALL = "all"


@dataclass(frozen=True)
class Options:
    """Compare learning rules, derived and tuned, with what bounds them."""

    regime: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A regime by name, or "all", which is also taken if none is named."""
    rules: tuple[str, ...] = ()
    """Rules by name, with _ for blanks; all if none is named."""
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
    """Folder for CSV, JSON and pictures; it appears when it is complete."""
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
        _check_free(options.out)
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
    show(contests)
    if options.out is not None:
        write_folder(options.out, contests)
        print(f"Tables and pictures are in {options.out}.")
    if options.write:
        write_whole(README, readme(contests, command(options), revision()))
    return contests


def write_folder(folder: Path, contests: Sequence[Contest]) -> None:
    """Write CSV, JSON and pictures; the folder appears when it is complete."""
    partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        (partial / "results.csv").write_text(as_csv(contests))
        (partial / "results.json").write_text(as_json(contests, revision()))
        for each in contests:
            list(save_pictures(partial, each))
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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


def _check_free(folder: Path) -> None:
    """Refuse a folder that holds something, before anything is computed."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} holds something already; name a new folder with --out.")


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


def _run(words: list[str]) -> int:
    """The command that the first word names, or the comparison; the exit status."""
    if words[:1] == ["sweep"]:
        prog = "python -m baselines sweep"
        return command_sweep.main(tyro.cli(command_sweep.Options, prog=prog, args=words[1:]))
    main(tyro.cli(Options, prog="python -m baselines", description=Options.__doc__, args=words))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(_run(sys.argv[1:]))
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"baselines: {error}", file=sys.stderr)
        sys.exit(2)
