"""Pictures of a comparison: losses over time, and paths on the landscape."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.contest import LEARNED, Contest
from baselines.lineup import OPTIMUM
from landscape_gym.evaluation import DO_NOTHING, Rollout
from landscape_gym.files import replacing
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.simulation import Simulation

COLOURS = ("#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#f0e442", "#009e73", "#8c564b", "#7f7f7f")
"""Of rules: the first six are those of Okabe and Ito (2008), distinct for colour-blind readers."""
STYLES = {
    LEARNED: {"color": "#d55e00", "linewidth": 2.4},
    OPTIMUM: {"color": "black", "linewidth": 1.6, "linestyle": (0, (4, 3))},
}
BOUND = {"color": "#555555", "linewidth": 1.4, "linestyle": "-."}
DERIVED = {"linewidth": 3.0, "alpha": 0.5}
TUNED = {"linewidth": 1.6, "linestyle": ":"}
FLOOR = 1e-6
"""Losses are drawn down to this part of the first one."""
BAND = (0.1, 0.9)
"""Quantiles of episodes between which the band of a curve lies."""
POINTS = 161
"""Points along each side of a landscape's picture."""

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
    draw_curves(figure.subplots(), runs, styles, banded(contest))
    yield save(figure, folder / f"{contest.name}-curves.png", contest.sentence)
    if contest.problem.dim == 2:
        figure = Figure(figsize=(9.5, 7), layout="constrained")
        draw_paths(figure.subplots(), contest.problem, runs, styles, contest.settings.seed)
        yield save(figure, folder / f"{contest.name}-paths.png", contest.sentence)


def line_styles(contest: Contest) -> Styles:
    """How policies are drawn: a rule's colour, broad if derived, dotted upon that if tuned."""
    rules = {name: e.kind for name, e in contest.entrants.items() if e.kind}
    cheapest = sorted(rules, key=lambda name: contest.comparison[name].cost)
    kinds = list(dict.fromkeys(rules[name] for name in cheapest))
    colours = dict(zip(kinds, COLOURS, strict=False))
    styles: Styles = {}
    for name, entrant in contest.entrants.items():
        if entrant.kind in colours:
            look = TUNED if entrant.group == "tuned" else DERIVED
            styles[name] = {"color": colours[entrant.kind], **look}
        elif not entrant.kind and name != DO_NOTHING:
            styles[name] = STYLES.get(name, BOUND)
    return styles


def banded(contest: Contest) -> set[str]:
    """Whose bands are drawn: more than these hide one another."""
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
    _legend(axes)


def draw_paths(
    axes: Axes, problem: NavigationProblem, runs: Mapping[str, Rollout], styles: Styles, seed: int
) -> None:
    """Paths of the first episode in parameter space.

    Beyond two dimensions they are drawn in the plane of the two main directions of all paths.

    Args:
        axes: Where to draw.
        problem: What was navigated.
        runs: Rollouts that kept the path of their first episode.
        styles: How to draw each.
        seed: Of that episode.
    """
    simulation = Simulation.begun([seed], problem=problem)
    target = simulation.hidden().get("target")
    paths = {name: run.path[:, 0] for name, run in runs.items() if run.path is not None}
    origin, plane = _plane(np.concatenate(list(paths.values())))
    flat = {name: (path - origin) @ plane.T for name, path in paths.items()}
    calm = [flat[name] for name, run in runs.items() if run.diverged == 0] or list(flat.values())
    points = [*calm, *([] if target is None else [(target - origin) @ plane.T])]
    low, high = _window(np.concatenate(points), problem)
    x, y = np.linspace(low[0], high[0], POINTS), np.linspace(low[1], high[1], POINTS)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    loss = simulation.losses(0, grid @ plane + origin).reshape(POINTS, POINTS)
    levels = loss.min() + (loss.max() - loss.min()) * np.linspace(0, 1, 16) ** 2
    axes.contourf(x, y, loss, np.unique(levels), cmap="Greys", alpha=0.45)
    for name, path in flat.items():
        axes.plot(*path.T, label=name, **styles[name])
    axes.plot(*next(iter(flat.values()))[0], "o", color="black", markersize=6)
    if target is not None:
        axes.plot(*((target - origin) @ plane.T)[0], "*", color="#009e73", markersize=15)
    names = ("first", "second") if problem.dim <= 2 else ("first main", "second main")
    unit = "parameter" if problem.dim <= 2 else "direction"
    axes.set(
        title="paths in one held-out episode (dot: start, star: minimum)",
        xlabel=f"{names[0]} {unit}",
        ylabel=f"{names[1]} {unit}",
        xlim=(low[0], high[0]),
        ylim=(low[1], high[1]),
    )
    _legend(axes)


def save(figure: Figure, path: Path, title: str | None = None) -> Path:
    """As a PNG, whole or not at all, and with nothing in it that changes from run to run."""
    if title:
        figure.suptitle(title, fontsize="medium")
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110, metadata={"Software": None})
    return path


def _legend(axes: Axes) -> None:
    """Beside the axes, where any number of policies has room."""
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))


def _plane(points: Array) -> tuple[Array, Array]:
    """Origin and two orthonormal directions that the picture shows; the axes themselves in 2-D."""
    dim = points.shape[1]
    if dim == 2:
        return np.zeros(2), np.eye(2)
    origin = points.mean(axis=0)
    directions = np.linalg.svd(points - origin, full_matrices=False)[2][:2]
    if len(directions) < 2:  # a one-dimensional landscape
        directions = np.concatenate([directions, np.zeros((1, dim))])
    return origin, directions


def _window(points: Array, problem: NavigationProblem) -> tuple[Array, Array]:
    """Corners of a square around all points, no smaller than a tenth of the landscape's box."""
    low, high = points.min(axis=0), points.max(axis=0)
    box = problem.landscape.box
    half = max(0.6 * float((high - low).max()), 0.05 * (box[1] - box[0]))
    middle = (low + high) / 2
    return middle - half, middle + half
