"""Whether long trainings last: ``python -m baselines.networks.contest.lasting``.

`SelfScaledSOAP` on the judged networks for 3000 steps. A run has failed where the loss is above
that after 30 steps; and it rose where it is above what it was after a third of the steps: a rule
whose steps are too long for the noise may still be below where it began. Hours for 20 seeds of all;
trials are kept, and only those that are missing are run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from baselines.pages import ROOT, markdown, write_between_markers
from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from baselines.networks.contest.entrants import SOAP_OURS
    from baselines.networks.contest.tables import NETWORKS_ON_PAGE
    from baselines.networks.contest.trial import FAILED, Trial
    from baselines.networks.contest.trials import FILE, Trials, at
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import count, one_of

PROG = "python -m baselines.networks.contest.lasting"
STEPS, THIRD = 3000, 1000
PAGE, NAME = ROOT / "docs" / "networks.md", "lasting"
"""Where the table stands, between which markers."""
KEPT = FILE.with_name("lasting.json")
"""Trials, those of the contest are shorter."""
HEAD = ("network", "runs", "loss after 1000 steps", "after 3000", "worst", "rose", "failed")


@dataclass(frozen=True)
class Options:
    """Train for long, and count the runs that do not last."""

    networks: tuple[str, ...] = NETWORKS_ON_PAGE
    """Names of judged networks."""
    seeds: int = 20
    """Runs for each, of the seeds from 0 up."""
    file: Path = KEPT
    """Where trials are kept, and found."""
    write: bool = False
    """Whether to put the table into docs/networks.md."""

    def __post_init__(self) -> None:
        for name in self.networks:
            one_of("network", name, NETWORKS_ON_PAGE)
        count("seeds", self.seeds)


@program(PROG, "The same command goes on.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog=PROG, description=__doc__)
    torch.set_num_threads(1)
    with Trials(options.file, lambda key: print(key, file=sys.stderr, flush=True)) as trials:
        runs = {
            name: [
                trials(name, SOAP_OURS, SOAP_OURS.middle, STEPS, seed)
                for seed in range(options.seeds)
            ]
            for name in options.networks
        }
    table = markdown(HEAD, [row(name, each) for name, each in runs.items()])
    if options.write:
        write_between_markers(PAGE, {NAME: table})
    print(table)


def row(network: str, runs: Sequence[Trial]) -> tuple[str, ...]:
    """Medians of the losses, the worst at the end, and how many runs rose, or failed."""
    third, end = ([at(run, step) for run in runs] for step in (THIRD, STEPS))
    first = [run.loss[0] for run in runs]
    rose = sum(b > a for a, b in zip(third, end, strict=True))
    failed = sum(b > a or b >= FAILED for a, b in zip(first, end, strict=True))
    middle = (f"{sorted(losses)[len(losses) // 2]:.2g}" for losses in (third, end))
    return network, str(len(runs)), *middle, f"{max(end):.2g}", str(rose), str(failed)


if __name__ == "__main__":
    sys.exit(main())
