"""Pictures of a comparison: losses over time, and paths on the landscape."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.contest import LEARNED, Contest
from baselines.lineup import OPTIMUM
from landscape_gym.evaluation import DO_NOTHING, Rollout
from landscape_gym.rendering.palette import GREYS, OF_RULES
from landscape_gym.rendering.png import save
from landscape_gym.report.look import FLOOR, STYLES, beside, draw_scene
from landscape_gym.report.scene import Scene

BOUND = {"color": GREYS[0], "linewidth": 1.4, "linestyle": "-."}
DERIVED = {"linewidth": 1.8}
DASHES = ("-", (0, (6, 3)), (0, (2, 2)), (0, (7, 2, 2, 2)))
"""Of derived rules in turn: those that do the same both show, and print in black and white."""
TUNED = {"linewidth": 1.2, "linestyle": (0, (1, 3))}
BAND = (0.1, 0.9)
"""Quantiles of episodes between which the band of a curve lies."""
Styles = dict[str, dict]


def save_pictures(folder: Path, contest: Contest) -> Iterator[Path]:
    """Draw learning curves, and in two dimensions paths, as PNG files named by the regime.

    Of the rules, as many of the cheapest are drawn as there are colours.

    Yields:
        Each file, once it is written.
    """
    styles = line_styles(contest)
    runs = {name: run for name, run in contest.runs.items() if name in styles}
    figure = Figure(figsize=(10.5, 5.5), layout="constrained")
    draw_curves(figure.subplots(), runs, styles, choose_bands(contest))
    yield save(figure, folder / f"{contest.name}-curves.png", contest.sentence)
    if contest.problem.dim == 2:
        figure = Figure(figsize=(9.5, 7), layout="constrained")
        axes = figure.subplots()
        draw_scene(axes, Scene.of(contest.problem, runs, contest.settings.seed), styles)
        beside(axes)
        yield save(figure, folder / f"{contest.name}-paths.png", contest.sentence)


def line_styles(contest: Contest) -> Styles:
    """How policies are drawn: a rule's colour, and thinly dotted if its constants are tuned."""
    rules = {name: e.kind for name, e in contest.entrants.items() if e.kind}
    cheapest = sorted(rules, key=lambda name: contest.comparison[name].cost)
    kinds = list(dict.fromkeys(rules[name] for name in cheapest))
    lines = {
        kind: {"color": colour, "linestyle": dash, **DERIVED}
        for kind, colour, dash in zip(kinds, OF_RULES, cycle(DASHES), strict=False)
    }
    styles: Styles = {}
    for name, entrant in contest.entrants.items():
        if entrant.kind in lines:
            styles[name] = lines[entrant.kind] | (TUNED if entrant.group == "tuned" else {})
        elif not entrant.kind and name != DO_NOTHING:
            styles[name] = STYLES.get(name, BOUND)
    return styles


def choose_bands(contest: Contest) -> set[str]:
    """Say whose bands are drawn: more than these hide one another."""
    cost = {result.name: result.cost for result in contest.comparison.results}
    derived = [name for name, entrant in contest.entrants.items() if entrant.group == "derived"]
    best = sorted(derived, key=cost.__getitem__)[:1]
    return {*best, *({LEARNED, OPTIMUM} & cost.keys())}


def draw_curves(
    axes: Axes, runs: Mapping[str, Rollout], styles: Styles, with_band: Container[str]
) -> None:
    """Median loss above the minimum against the step, and the band of most episodes of some."""
    start = max(float(np.median(run.excess[0])) for run in runs.values())
    floor, least = FLOOR * start, start
    for name, run in runs.items():
        low, median, high = np.quantile(run.excess, (BAND[0], 0.5, BAND[1]), axis=1)
        least = min(least, float(median.min()))
        steps = np.arange(len(median))
        axes.plot(steps, median, label=name, **styles[name])
        if name in with_band:
            low, high = np.maximum(low, floor / 10), np.maximum(high, floor / 10)
            axes.fill_between(steps, low, high, color=styles[name]["color"], alpha=0.12)
    axes.set(
        xlabel="step",
        ylabel="loss above the minimum: median, and 80 % of episodes",
        yscale="log",
        ylim=(max(floor, 0.3 * least), 30 * start),
    )
    beside(axes)
