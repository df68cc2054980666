"""Judge learning rules on networks: ``python -m baselines.networks [--write]``.

Trainings are kept in docs/networks/trainings.json, and only those that are missing there are run;
times are measured anew if docs/networks/costs.json is missing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from baselines.networks import figure_2e
    from baselines.networks.costs import Cost, cost_table, step_times, update_costs
    from baselines.networks.page import TABLES
    from baselines.networks.pictures import save_curves
    from baselines.networks.results import FILE, SEEDS, TUNING_SEEDS, Trainings
    from baselines.pages import ROOT, machine, source, write_between_markers
    from landscape_gym.command_line import parsed
    from landscape_gym.files import write_whole

PAGE = ROOT / "docs" / "networks.md"
PICTURES = ROOT / "docs" / "images" / "networks"
COSTS = FILE.with_name("costs.json")


@dataclass(frozen=True)
class Options:
    """Judge learning rules on networks."""

    write: bool = False
    """Whether to put tables and pictures into docs/networks.md."""


@program("python -m baselines.networks", "The same command goes on.")
def main(argv: Sequence[str] | None = None) -> None:
    options = parsed(Options, argv, prog="python -m baselines.networks", description=__doc__)
    torch.set_num_threads(1)
    names = (*TABLES, "costs", "figure-2e", "provenance")
    if options.write:
        write_between_markers(PAGE, dict.fromkeys(names, ""), check_only=True)
    trainings = Trainings()
    tables = {name: table(trainings) for name, table in TABLES.items()}
    times, costs = read_or_measure()
    runs = {name: figure_2e.both(rule) for name, rule in figure_2e.RULES.items()}
    tables |= {"costs": cost_table(costs), "figure-2e": figure_2e.table(runs)}
    tables["provenance"] = provenance()
    print("\n\n".join(f"{name}\n{table}" for name, table in tables.items()))
    if options.write:
        save_curves(trainings, PICTURES / "steps.png")
        save_curves(trainings, PICTURES / "time.png", times)
        figure_2e.draw(runs)
        write_between_markers(PAGE, tables)


def read_or_measure() -> tuple[dict[str, dict[str, float]], list[Cost]]:
    """Times of steps and costs of updates, from the file; measured if there is none."""
    if not COSTS.exists():
        record = {"steps": step_times(), "updates": [asdict(cost) for cost in update_costs()]}
        COSTS.parent.mkdir(parents=True, exist_ok=True)
        write_whole(COSTS, json.dumps(record, indent=1) + "\n")
    record = json.loads(COSTS.read_text())
    return record["steps"], [Cost(**cost) for cost in record["updates"]]


def provenance() -> str:
    return (
        f"{source('make networks ARGS=--write')}; {machine()}; "
        f"torch {torch.__version__}. Seeds {SEEDS[0]} to {SEEDS[-1]}; "
        f"learning rates were chosen on seeds {TUNING_SEEDS[0]} to {TUNING_SEEDS[-1]}. Ratios are "
        "geometric means over seeds, paired, with 95 % intervals by Student's t."
    )


if __name__ == "__main__":
    sys.exit(main())
