"""Pictures of the results: accuracy over tasks, and over the hazard that is assumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.continual.experiment import SOFT_RESET, Results
from baselines.continual.learners import contestants
from baselines.continual.metrics import Interval, interval
from baselines.continual.stream import Stream
from landscape_gym.rendering.palette import BLUE, GREYS, ORANGE, PURPLE, SKY, VERMILION
from landscape_gym.rendering.png import save

TITLES = {"random_labels": "Random labels", "permuted_inputs": "Permuted inputs"}
COLOURS = (VERMILION, ORANGE, BLUE, SKY, PURPLE, GREYS[3])


def mean_of(record: Results) -> Interval:
    """Online accuracy over all tasks."""
    return interval(np.array(record["accuracy"]).mean(1))


def save_picture(results: Results, draw: Any, path: Path) -> None:
    """Draw one panel for each stream."""
    streams = results["settings"]["streams"]
    figure = Figure(figsize=(11, 5), layout="constrained")
    for ax, tasks in zip(figure.subplots(1, len(streams), squeeze=False)[0], streams, strict=True):
        draw(ax, results[tasks], results["settings"])
        ax.set_title(TITLES[tasks])
        ax.set_ylabel("online accuracy")
        ax.grid(alpha=0.3)
    lines, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=4, fontsize=8)
    save(figure, path)


def draw_tasks(ax: Axes, part: Results, settings: Results) -> None:
    """Running means over five tasks, of the mean over seeds, with its interval shaded."""
    names = (SOFT_RESET, *contestants(Stream()))
    for name, colour in zip(names, ("black", *COLOURS), strict=True):
        accuracy = np.array(part[name]["accuracy"])
        width = min(5, accuracy.shape[1])
        smooth = np.lib.stride_tricks.sliding_window_view(accuracy, width, axis=1).mean(-1)
        middle, half = np.array([interval(column) for column in smooth.T]).T
        x = np.arange(len(middle)) + (width + 1) / 2
        thickness = 2.5 if name == SOFT_RESET else 1.3
        ax.plot(x, middle, color=colour, lw=thickness, label=name)
        ax.fill_between(x, middle - half, middle + half, color=colour, alpha=0.15, lw=0)
    ax.set_xlabel("task")


def draw_hazards(ax: Axes, part: Results, settings: Results) -> None:
    told = [i for i in settings["intervals"] if i]
    each = [mean_of(part[f"told {i}"]) for i in told]
    ax.errorbar(
        [1 / i for i in told], [m for m, _ in each], [h for _, h in each],
        color="black", marker="o", capsize=3, label=SOFT_RESET,
    )  # fmt: skip
    if 0 in settings["intervals"]:
        never = mean_of(part["told 0"])
        ax.axhline(never.mean, color="black", ls=":", label="hazard 0")
    ax.axvline(1 / settings["stream"]["steps"], color=COLOURS[0], ls="--", label="true rate")
    ax.set_xscale("log")
    ax.set_xlabel("assumed hazard per step")
