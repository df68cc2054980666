"""Write docs/learning.md's table of other regimes: ``python -m docs.generate.elsewhere``.

CPU seconds until a rule is near the optimum, by gradients through the simulation, and by PPO with
``--agents 1``; and what the rule for any dimension comes to where it was not trained.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from baselines.pages import ROOT, machine, markdown, source, write_between_markers
from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    from docs.generate.following import (
        SEED,
        Judged,
        followed,
        middle_and_slowest,
        seconds_to,
    )
    from landscape_gym.command_line import parsed
    from landscape_gym.control import optimum
    from landscape_gym.evaluation import rollout
    from landscape_gym.policy import DoNothing, Policy
    from landscape_gym.registration import regime

PAGE = ROOT / "docs" / "learning.md"
COMMAND = "python -m docs.generate.elsewhere"


class Race(NamedTuple):
    """A regime, what is near its optimum, and presets: by gradients, and of PPO."""

    regime: str
    bar: float
    gradient: str
    ppo: str


RACES = (
    Race("partial-control", 1.001, "gradient", "linear"),
    Race("geometry", 1.001, "gradient", "linear"),
    Race("task-switching", 1.001, "gradient", "resets"),
    Race("hidden-curvature", 1.035, "gradient-frame", "per-coordinate"),
)
HEAD = ("regime", "within", "by gradients, s", "at the end")
AGENTS = ("by PPO, s", "at the end")
APART = 2.0
"""By what factor looks at a training are apart."""
DIMS = {2: 256, 6: 512, 100: 16, 1000: 1}
"""Dimensions in which the last rule acts, and in how many episodes: in each step rule and optimum
decompose a matrix."""


@dataclass(frozen=True)
class Options:
    """Write a page's generated parts."""

    seeds: int = 3
    """Trainings by gradients."""
    agents: int = 0
    """Trainings by PPO; 0 leaves them out."""
    most: float = 300.0
    """CPU seconds after which a training is not followed further."""
    page: Path = PAGE
    """What to write into."""


def row(race: Race, gradient: Sequence[Judged], ppo: Sequence[Judged]) -> tuple[str, ...]:
    """Below `HEAD`, and `AGENTS`."""

    def cells(each: Sequence[Judged]) -> tuple[str, str]:
        last = [f"{judged.curve[-1][1]:.4f}" for judged in each]
        return middle_and_slowest([seconds_to(j.curve, race.bar) for j in each]), ", ".join(last)

    agents = cells(ppo) if ppo else ()
    return (f"`{race.regime}`", f"{race.bar:g}", *cells(gradient), *agents)


def by_dimension(rule: Policy) -> str:
    """What a rule costs in hidden curvature of several dimensions."""
    over_best, over_nothing = [], []
    for dim, episodes in DIMS.items():
        problem = regime("hidden-curvature").configured(landscape={"dim": dim}).problem
        best = optimum(problem, plan_paths=False).policy
        cost, least, nothing = (
            rollout(problem, policy, episodes=episodes, seed=SEED).cost.mean()
            for policy in (rule, best, DoNothing(problem.control_dim))
        )
        over_best.append(f"{cost / least:.4f}")
        over_nothing.append(f"{cost / nothing:.4f}")
    rows = [
        ("cost over full information's", *over_best),
        ("cost over that of doing nothing", *over_nothing),
        ("episodes of 200 steps", *map(str, DIMS.values())),
    ]
    return markdown(("parameters", *map(str, DIMS)), rows)


@program(COMMAND, "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge, and write."""
    options = parsed(Options, argv, prog=COMMAND, description=__doc__)
    write_between_markers(options.page, {"elsewhere": ""}, check_only=True)
    rows, gradient = [], []
    for race in RACES:
        gradient, ppo = (
            [followed(race.regime, preset, seed, options.most, APART) for seed in range(seeds)]
            for preset, seeds in ((race.gradient, options.seeds), (race.ppo, options.agents))
        )
        rows.append(row(race, gradient, ppo))
        print(*rows[-1], flush=True)
    made = f"{source(COMMAND)}; {machine()}."
    head = (*HEAD, *AGENTS) if options.agents else HEAD
    tables = (made, markdown(head, rows), by_dimension(gradient[0].rule))
    write_between_markers(options.page, {"elsewhere": "\n\n".join(tables)})


if __name__ == "__main__":
    sys.exit(main())
