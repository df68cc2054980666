"""Draw the regimes' figures: ``python -m docs.generate.curves [REGIME ...]``.

Losses of derived rules and of what bounds them, on the episodes of the baselines' tables. Where no
rule can be derived, as on networks, of rules with constants that suit them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch
    import tyro
    from matplotlib.figure import Figure

    from baselines.contest import Contest, Entrant, Settings, contest
    from baselines.picture import choose_bands, draw_curves, line_styles
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import one_of
    from landscape_gym.evaluation import DO_NOTHING, judge, rollout, with_nothing
    from landscape_gym.policy import RulePolicy
    from landscape_gym.registration import ALL, REGIMES, Regime, regime
    from landscape_gym.rendering.png import save
    from landscape_gym.rules import Adam, Momentum, SignDescent


FOLDER = Path(__file__).parents[1] / "images" / "regimes"
SIZE = (7.2, 3.4)
"""Inches."""
COLOURS = 128
"""Of a figure's file, which is half as large for it."""
SETTINGS = Settings(tuned=False, episodes=128)
NETWORKS, STEPS = 4, 600
"""Episodes of networks, which take a thousand times as long, and the most steps of one."""


def by_hand(name: str, at: Regime) -> Contest:
    """Rules with constants that suit networks of the regime, which nobody has derived."""
    problem = at.problem.replace(episode_steps=min(at.problem.episode_steps, STEPS))
    dt = problem.dt
    rules = {
        "momentum": Momentum(lr=0.1 / dt, momentum=0.9),
        "sign descent": SignDescent(lr=0.003 / dt),
        "adam": Adam(lr=0.01 / dt),
    }
    entrants = {DO_NOTHING: Entrant(with_nothing(problem, {})[DO_NOTHING], "nothing")}
    for title, rule in rules.items():
        entrants[title] = Entrant(RulePolicy(rule, problem), "derived", rule.kind)
    settings = Settings(tuple(rule.kind for rule in rules.values()), tuned=False, episodes=NETWORKS)
    runs = {
        title: rollout(problem, entrant.policy, episodes=NETWORKS, seed=settings.seed, keep_paths=0)
        for title, entrant in entrants.items()
    }
    compared = judge(problem, runs)
    return Contest(name, problem, at.sentence, settings, entrants, runs, compared, {})


def save_curves(name: str) -> Path:
    """Draw the figure of a regime; the same bytes each time."""
    at = regime(name)
    known = name in REGIMES
    found = contest(name, at, SETTINGS) if known else by_hand(name, at)
    styles = line_styles(found)
    runs = {name: run for name, run in found.runs.items() if name in styles}
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    draw_curves(axes, runs, styles, choose_bands(found))
    axes.set_ylabel("loss above the minimum" if known else "loss")
    return save(figure, FOLDER / f"{name}.png", colours=COLOURS, rare=True)


@dataclass(frozen=True)
class Options:
    """Draw the figures of regimes."""

    regimes: tyro.conf.Positional[tuple[str, ...]] = ()
    """Regimes by name; all if none is named."""


@program("python -m docs.generate.curves", "Figures that were named are written.")
def main(words: Sequence[str] | None = None) -> None:
    """Read the command line, and draw."""
    options = parsed(Options, words, prog="python -m docs.generate.curves", description=__doc__)
    chosen = [one_of("regime", each, ALL) for each in options.regimes] or ALL
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        print(save_curves(name), flush=True)


if __name__ == "__main__":
    sys.exit(main())
