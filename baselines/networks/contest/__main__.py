"""Train optimizers on small networks: ``python -m baselines.networks.contest``.

Without options the whole contest on the judged networks, as docs/networks.md has it. For a trial of
constants: ``--networks tuning --entrants SelfScaledSOAP --league each --marks 300``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from baselines.networks.contest.entrants import ENTRANTS
    from baselines.networks.contest.judged import JUDGED
    from baselines.networks.contest.leagues import MARKS, SEEDS
    from baselines.networks.contest.tables import Contest, league_table, network_table
    from baselines.networks.contest.trials import FILE, NETWORKS, Trials
    from baselines.networks.contest.tuning import TUNING
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import one_of

PROG = "python -m baselines.networks.contest"
LISTS = {"tuning": tuple(TUNING), "judged": tuple(JUDGED)}


@dataclass(frozen=True)
class Options:
    """Train optimizers on small networks, beside AdamW tuned for each."""

    networks: tuple[str, ...] = ("judged",)
    """Names of networks, or of the lists 'tuning' and 'judged'."""
    entrants: tuple[str, ...] = tuple(ENTRANTS)
    """Which optimizers."""
    marks: tuple[int, ...] = MARKS
    """Steps after which losses are compared: 100, 300 or 1000."""
    league: Literal["each", "all"] = "each"
    """Whether rates are tuned for each network, or there is one for all."""
    seeds: tuple[int, ...] = SEEDS
    """Of initialisation and minibatches."""
    file: Path = FILE
    """Where trials are kept, and found."""

    def __post_init__(self) -> None:
        for name in self.networks:
            one_of("network", name, {**LISTS, **NETWORKS})
        for name in self.entrants:
            one_of("entrant", name, ENTRANTS)
        if not set(self.marks) <= set(MARKS):
            raise ValueError(f"marks are some of {MARKS}, got {self.marks}.")
        if len(self.seeds) < 2:
            raise ValueError(f"an interval needs at least 2 seeds, got {self.seeds}.")


@program(PROG, "The same command goes on.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog=PROG, description=__doc__)
    torch.set_num_threads(1)
    names = [name for given in options.networks for name in LISTS.get(given, (given,))]
    trials = Trials(options.file, lambda key: print(key, file=sys.stderr, flush=True))
    entrants = [ENTRANTS[name] for name in options.entrants]
    contest = Contest(trials, names, entrants, options.marks, options.seeds)
    league = contest.each if options.league == "each" else contest.all
    try:
        for mark in options.marks:
            print(f"training loss over AdamW's, tuned for each, after {mark} steps\n")
            print(network_table(contest, league, mark), "\n")
        print(league_table(contest, league))
    finally:
        trials.save()


if __name__ == "__main__":
    sys.exit(main())
