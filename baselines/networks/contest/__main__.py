"""Train optimizers on small networks: ``python -m baselines.networks.contest``.

Without options the judged networks, each optimizer tuned for each of them; with ``--write`` all of
the contest on docs/networks.md. A trial of constants: ``--networks tuning --entrants SelfScaledSOAP
--marks 300``. Trials are kept in docs/networks/contest.json, and only those that are missing there
are run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from baselines.pages import ROOT, machine, source, write_between_markers
from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from baselines.networks.contest.entrants import ENTRANTS
    from baselines.networks.contest.judged import JUDGED
    from baselines.networks.contest.leagues import MARKS, SEEDS
    from baselines.networks.contest.tables import (
        Contest,
        league_table,
        network_table,
        page_tables,
        rate_table,
    )
    from baselines.networks.contest.trial import CHECKPOINTS
    from baselines.networks.contest.trials import FILE, NETWORKS, Trials
    from baselines.networks.contest.tuning import TUNING
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import one_of

PROG = "python -m baselines.networks.contest"
PAGE = ROOT / "docs" / "networks.md"
BLOCKS = (
    "contest-provenance",
    "contest-verdict",
    "contest-each",
    "contest-all",
    "contest-rates",
    "contest-300",
    "contest-1000",
    "contest-large",
    "contest-target",
    "contest-test",
)
LISTS = {"tuning": tuple(TUNING), "judged": tuple(JUDGED)}


@dataclass(frozen=True)
class Options:
    """Train optimizers on small networks, beside AdamW tuned for each."""

    networks: tuple[str, ...] = ("judged",)
    """Names of networks, or of the lists 'tuning' and 'judged'."""
    entrants: tuple[str, ...] = tuple(ENTRANTS)
    """Which optimizers."""
    marks: tuple[int, ...] = MARKS
    """Steps after which losses are compared."""
    league: Literal["each", "all"] = "each"
    """Whether rates are tuned for each network, or there is one for all."""
    seeds: tuple[int, ...] = SEEDS
    """Of initialisation and minibatches."""
    write: bool = False
    """Whether to put the whole contest's tables into docs/networks.md."""
    file: Path = FILE
    """Where trials are kept, and found."""

    def __post_init__(self) -> None:
        for name in self.networks:
            one_of("network", name, {**LISTS, **NETWORKS})
        for name in self.entrants:
            one_of("entrant", name, ENTRANTS)
        if not self.marks or not set(self.marks) <= set(CHECKPOINTS):
            raise ValueError(f"marks are some of {CHECKPOINTS}, got {self.marks}.")
        if len(self.seeds) < 2:
            raise ValueError(f"an interval needs at least 2 seeds, got {self.seeds}.")


@program(PROG, "The same command goes on.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog=PROG, description=__doc__)
    torch.set_num_threads(1)
    with Trials(options.file, lambda key: print(key, file=sys.stderr, flush=True)) as trials:
        if options.write:
            write(trials)
        else:
            show(trials, options)


def show(trials: Trials, options: Options) -> None:
    """Losses of what was asked for."""
    names = [name for given in options.networks for name in LISTS.get(given, (given,))]
    entrants = [ENTRANTS[name] for name in options.entrants]
    contest = Contest(trials, names, entrants, options.marks, options.seeds)
    league = contest.each if options.league == "each" else contest.all
    for mark in options.marks:
        print(f"training loss over AdamW's, tuned for each, after {mark} steps\n")
        print(network_table(contest, league, mark), "\n")
    print(league_table(contest, league))
    if league is contest.all:
        print("\nrates\n", rate_table(contest), sep="\n")


def write(trials: Trials) -> None:
    """The page's blocks."""
    write_between_markers(PAGE, dict.fromkeys(BLOCKS, ""), check_only=True)
    tables = page_tables(trials)
    tables["contest-provenance"] = (
        f"{source('make networks ARGS=--write')}; {machine()}; torch {torch.__version__}. Seeds "
        f"{SEEDS[0]} to {SEEDS[-1]}; 95 % intervals by Student's t."
    )
    write_between_markers(PAGE, tables)


if __name__ == "__main__":
    sys.exit(main())
