"""The picture of a run: learned, derived and optimal paths on one held-out landscape."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape_gym.evaluation import Rollout, rollout
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.simulation import Simulation

COLOURS = ("#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#f0e442")
"""Of derived rules, distinct for colour-blind readers (Okabe and Ito 2008)."""
STYLES = {
    "learned": {"color": "#d55e00", "linewidth": 2.4},
    "LQG": {"color": "black", "linewidth": 1.4, "linestyle": (0, (1, 1))},
    "optimum": {"color": "black", "linewidth": 1.6, "linestyle": (0, (4, 3))},
}
EPISODES = 64
"""Episodes behind the mean loss curves."""


def save_picture(
    path: Path, problem: NavigationProblem, policies: Mapping[str, Policy], *, seed: int
) -> None:
    """Draw policies' paths in the first held-out episode, and mean losses, as a PNG.

    Drawn are those with a style of their own and, of the others, as many of the cheapest as there
    are colours.

    Args:
        path: The file, written whole or not at all.
        problem: What is navigated.
        policies: By name.
        seed: Of the first episode.
    """
    runs = {
        name: rollout(problem, policy, episodes=EPISODES, seed=seed, keep_paths=1)
        for name, policy in policies.items()
    }
    others = sorted(runs.keys() - STYLES.keys(), key=lambda name: runs[name].cost.mean())
    coloured = dict(zip(others, COLOURS, strict=False))
    runs = {name: run for name, run in runs.items() if name in STYLES or name in coloured}
    styles = {
        name: STYLES.get(name) or {"color": coloured[name], "linewidth": 1.4} for name in runs
    }
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_paths(left, problem, runs, styles, seed)
    _draw_losses(right, problem, runs, styles)
    partial = path.with_suffix(".partial.png")
    figure.savefig(partial, dpi=110, metadata={"Software": None})
    os.replace(partial, path)


def _draw_paths(
    axes: Axes, problem: NavigationProblem, runs: Mapping[str, Rollout], styles: dict, seed: int
) -> None:
    """Paths in parameter space; beyond 2-D in the plane of the two main directions of all paths."""
    simulation = Simulation(1, dtype="float64", problem=problem)
    simulation.streams.seed([0], [seed])
    simulation.begin(np.arange(1))
    target = simulation.hidden().get("target")
    paths = {name: run.path[:, 0] for name, run in runs.items() if run.path is not None}
    origin, plane = _plane(np.concatenate(list(paths.values())))
    flat = {name: (path - origin) @ plane.T for name, path in paths.items()}
    points = [*flat.values(), *([] if target is None else [(target - origin) @ plane.T])]
    low, high = _window(np.concatenate(points), problem)
    x, y = np.linspace(low[0], high[0], 161), np.linspace(low[1], high[1], 161)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    loss = simulation.losses(0, grid @ plane + origin).reshape(161, 161)
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
    axes.legend()


def _draw_losses(
    axes: Axes, problem: NavigationProblem, runs: Mapping[str, Rollout], styles: dict
) -> None:
    """Mean loss above the minimum over time."""
    for name, run in runs.items():
        mean = run.excess.mean(axis=1)
        axes.plot(problem.dt * np.arange(len(mean)), mean, label=name, **styles[name])
    start = max(run.excess[0].mean() for run in runs.values())
    axes.set(
        title=f"mean loss of {EPISODES} held-out episodes",
        xlabel="time",
        ylabel="loss above the minimum",
        yscale="log",
        ylim=(1e-6 * start, 3 * start),
    )
    axes.legend()


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
