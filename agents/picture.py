"""The picture of a run: learned, derived and optimal paths on one held-out landscape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines import BEST_BELIEF
from baselines import picture as comparison
from baselines.picture import draw_paths, save
from landscape_gym.evaluation import Rollout, rollout
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem

COLOURS = ("#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#f0e442")
"""Of derived rules, distinct for colour-blind readers (Okabe and Ito 2008)."""
STYLES = {
    **comparison.STYLES,
    BEST_BELIEF: {"color": "black", "linewidth": 1.4, "linestyle": (0, (1, 1))},
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
    draw_paths(left, problem, runs, styles, seed)
    _draw_losses(right, problem, runs, styles)
    save(figure, path)


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
