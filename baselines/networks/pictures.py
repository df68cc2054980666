"""The pictures of docs/networks.md: losses against steps, and against time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from baselines.networks.contestants import ADAM, CONTESTANTS, DERIVED, LEARNED
from baselines.networks.results import JUDGED_AT, Trainings
from baselines.networks.tasks import CHECKPOINTS, TASKS
from landscape_gym.rendering.palette import OF_RULES
from landscape_gym.rendering.png import save


def save_curves(
    trainings: Trainings, path: Path, times: Mapping[str, Mapping[str, float]] | None = None
) -> None:
    """Geometric means of the training loss over seeds, at rates tuned for the last step.

    Args:
        trainings: What has been computed.
        path: The picture.
        times: Seconds of a step by task and contestant's title, for losses against time.
    """
    figure = Figure(figsize=(12, 7), layout="constrained")
    panels = figure.subplots(2, 3)
    for axes, task in zip(panels.flat, TASKS, strict=True):
        _draw(axes, trainings, task, {} if times is None else times[task])
        axes.set(title=TASKS[task].what, xlabel="step" if times is None else "seconds")
    lines = panels[0, 0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=5, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path)


def _draw(axes: Axes, trainings: Trainings, task: str, times: Mapping[str, float]) -> None:
    """One network: derived rules broad, learned ones broken, a band of all seeds around each."""
    first = trainings.judged(task, ADAM, JUDGED_AT[-1])[0].loss[0]
    for contestant, colour in zip(CONTESTANTS, cycle(OF_RULES), strict=False):
        losses = np.array([r.loss for r in trainings.judged(task, contestant, JUDGED_AT[-1])])
        x = np.array(CHECKPOINTS) * (times[contestant.title] if times else 1)
        width = 2.4 if contestant in DERIVED else 1.2
        style = "--" if contestant in LEARNED else "-"
        mean = np.exp(np.log(losses).mean(0))
        axes.plot(x, mean, color=colour, linestyle=style, linewidth=width, label=contestant.title)
        axes.fill_between(x, losses.min(0), losses.max(0), color=colour, alpha=0.12, linewidth=0)
    axes.set(yscale="log", ylabel="training loss")
    axes.set_ylim(top=2 * first)  # above it a rule diverges
    if times:
        axes.set(xlim=(0, 3 * CHECKPOINTS[-1] * min(times.values())))
