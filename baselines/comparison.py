"""``python -m baselines``: learning rules, derived and tuned, compared with what bounds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from baselines.contest import Contest, Settings, cells, contest
from baselines.files import appearing, check_free, write_table
from baselines.learned import load_run
from baselines.options import Options, command
from baselines.pages import revision
from baselines.picture import save_pictures
from baselines.readme import readme
from baselines.records import COLUMNS, as_json, lines
from baselines.screen import Bar, show
from landscape_gym.artifact import load_rule
from landscape_gym.files import write_whole
from landscape_gym.policy import Policy
from landscape_gym.registration import REGIMES, Regime
from landscape_gym.rules import RULES

README = Path(__file__).with_name("README.md")


def main(options: Options) -> list[Contest]:
    """Compare, print, and write what is asked for.

    Raises:
        ValueError: for settings that are not accepted, or a learned rule that is refused.
        OSError: if a folder cannot be read or written.
    """
    settings = Settings(
        kinds=options.rules or tuple(RULES),
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
        return [load_run(options.run)]
    rule = None if options.learned is None else load_rule(options.learned)
    return [(name, REGIMES[name], rule) for name in options.regimes]
