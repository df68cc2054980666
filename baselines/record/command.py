"""``python -m baselines record``: a policy's trajectories, for Minari or as a table."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path

from baselines.files import check_free
from baselines.learned import load_run
from baselines.record import dataset
from baselines.record.about import about
from baselines.record.acting import record
from baselines.record.options import Options
from baselines.record.table import check_parquet, write_csv, write_parquet
from baselines.record.transcript import Episode
from baselines.screen import Bar
from baselines.sweep.cell import fitting, made
from landscape_gym.policy import Policy
from landscape_gym.registration import ALL, Regime, regime

WRITERS = {"csv": write_csv, "parquet": write_parquet}
"""Of tables, by format."""


def main(options: Options) -> int:
    """Record, and say where the transcript is.

    Returns:
        The exit status: 130 if it was interrupted, and nothing written, else 0.

    Raises:
        ValueError: for a name or number that is not accepted, or a policy that the regime has not.
        ImportError: without the package that writes the format.
        OSError: if there is such a transcript already, or files cannot be read or written.
    """
    name, setup, label, policy_of = _entrant(options)
    title = options.name or dataset.default_name(name, label)
    folder = _free_folder(options, title)
    try:
        policy = policy_of()
        transcript = record(
            name,
            setup,
            policy,
            episodes=options.episodes,
            seed=options.seed,
            channels=options.channels,
            scale=options.scale,
            privileged=options.privileged,
        )
        origin = about(transcript, label, policy, command(options))
        with Bar(options.episodes, shown=options.progress) as bar:
            blocks = _watched(transcript.blocks(), bar)
            if options.format == "minari":
                dataset.write_dataset(folder, title, transcript.spec, blocks, origin)
            else:
                WRITERS[options.format](folder, blocks, origin)
    except KeyboardInterrupt:
        print("Interrupted: nothing is written.", file=sys.stderr)
        return 130
    cost = f"mean cost J {transcript.costs.mean():.5g}"
    print(f"{options.episodes} episodes of {label} in {name}, {cost}, are in {folder}.")
    return 0


def _entrant(options: Options) -> tuple[str, Regime, str, Callable[[], Policy]]:
    """The regime's name, the regime, what the policy is called, and what makes it."""
    given = [options.policy, options.run, options.learned]
    if sum(each is not None for each in given) != 1:
        raise ValueError("say who acts by one of --policy NAME, --run FOLDER and --learned FILE.")
    if options.run is not None:
        if options.regime is not None:
            raise ValueError("--run brings its own regime: leave --regime out.")
        name, setup, rule = load_run(options.run)
        return name, setup, options.run.resolve().name, lambda: rule
    if options.regime is None:
        raise ValueError(f"--regime is missing; accepted: {', '.join(map(repr, ALL))}.")
    setup = regime(options.regime)
    if options.learned is not None:
        learned = options.learned
        return options.regime, setup, Path(learned).stem, lambda: fitting(setup.problem, learned)
    policy = str(options.policy)
    return options.regime, setup, policy, lambda: made(setup, policy)


def _free_folder(options: Options, title: str) -> Path:
    """Where to write, where nothing is yet; and what writes is installed."""
    if options.format == "minari":
        return dataset.check(title, options.out)
    if options.name is not None:
        raise ValueError(f"--name is for --format minari; name a folder with --out, got {title!r}.")
    if options.format == "parquet":
        check_parquet()
    if options.out is None:
        raise ValueError(f"--format {options.format} needs --out FOLDER.")
    check_free(options.out)
    return options.out


def _watched(blocks: Iterable[list[Episode]], bar: Bar) -> Iterator[list[Episode]]:
    """The blocks, with a bar that shows how many episodes have been written."""
    for block in blocks:
        yield block
        for episode in block:
            bar.ended(f"seed {episode.seed}")


def command(options: Options) -> str:
    """What records the same again, wherever it is then written.

    Example:
        >>> command(Options(regime="geometry", policy="adam", privileged=True, progress=False))
        'python -m baselines record --regime geometry --policy adam --privileged'
    """
    words = ["python", "-m", "baselines", "record"]
    for field in fields(options):
        given = getattr(options, field.name)
        if given == field.default or field.name in ("out", "progress"):
            continue
        words.append(f"--{field.name}")
        if not isinstance(given, bool):
            words += map(str, given) if isinstance(given, tuple) else [str(given)]
    return shlex.join(words)
