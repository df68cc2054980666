"""The tables of docs/networks.md."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import t as student

from baselines.networks.contestants import (
    ADAM,
    BOUNDED,
    CONTESTANTS,
    LEARNED,
    SGD,
    Contestant,
)
from baselines.networks.results import JUDGED_AT, Trainings, log_losses
from baselines.networks.tasks import CHECKPOINTS, TASKS
from baselines.pages import markdown

CONFIDENCE = 0.95
MANY = range(20)
"""Seeds on which divergence is looked for."""
STABILITY = (f"worst loss of {len(MANY)} seeds", "diverged")
"""Heads of `stability`."""


def ratios(
    trainings: Trainings, task: str, contestant: Contestant, step: int, other: Contestant = ADAM
) -> np.ndarray:
    """Logarithms of the losses over those of another, tuned Adam, for each seed."""
    ours, theirs = (log_losses(trainings.judged(task, c, step), step) for c in (contestant, other))
    return np.subtract(ours, theirs)


def interval(logs: np.ndarray) -> str:
    """Exponential of the mean, and of its confidence interval by Student's t."""
    mean, n = logs.mean(), len(logs)
    half = student.ppf((1 + CONFIDENCE) / 2, n - 1) * logs.std(ddof=1) / np.sqrt(n)
    return f"{np.exp(mean):.2f} [{np.exp(mean - half):.2f}, {np.exp(mean + half):.2f}]"


def loss_table(trainings: Trainings, step: int) -> str:
    """Losses after so many steps over those of tuned Adam, whose own losses come last."""

    def row(contestant: Contestant) -> list[str]:
        return [interval(ratios(trainings, task, contestant, step)) for task in TASKS]

    rows = [(c.title, *row(c)) for c in CONTESTANTS if c is not ADAM]
    adam = (np.exp(np.mean(log_losses(trainings.judged(t, ADAM, step), step))) for t in TASKS)
    rows.append((f"loss of {ADAM.title}", *(f"{loss:.3g}" for loss in adam)))
    return markdown(("rule", *TASKS), rows)


def accuracy_table(trainings: Trainings) -> str:
    """Mean accuracy on test data after the last step, of rates tuned for the loss there."""

    def row(contestant: Contestant) -> list[str]:
        runs = (trainings.judged(task, contestant, JUDGED_AT[-1]) for task in TASKS)
        return [f"{np.mean([run.accuracy for run in each]):.3f}" for each in runs]

    return markdown(("rule", *TASKS), [(c.title, *row(c)) for c in CONTESTANTS])


def rate_table(trainings: Trainings) -> str:
    """Learning rates that the search found, for each of the steps."""

    def cell(task: str, contestant: Contestant) -> str:
        return ", ".join(f"{rate:g}" for rate in trainings.rates(task, contestant))

    tuned = [c for c in CONTESTANTS if c.tuned]
    return markdown(("rule", *TASKS), [(c.name, *(cell(t, c) for t in TASKS)) for c in tuned])


def verdict_table(trainings: Trainings, rule: Contestant) -> str:
    """A derived rule that nothing is tuned for against Adam that is tuned for each network."""
    rows = []
    for task in TASKS:
        cells = [interval(ratios(trainings, task, rule, step)) for step in JUDGED_AT]
        rows.append((TASKS[task].what, *cells, *stability(trainings, task, rule)))
    head = (f"loss over tuned Adam's, {n} steps" for n in JUDGED_AT)
    return markdown(("network", *head, *STABILITY), rows)


def learned_table(trainings: Trainings) -> str:
    """The learned rule for networks, as it is shipped, against tuned Adam and tuned SGD."""
    rows, step = [], JUDGED_AT[-1]
    for task in TASKS:
        cells = [interval(ratios(trainings, task, LEARNED[0], step, c)) for c in (ADAM, SGD)]
        rows.append((TASKS[task].what, *cells, *stability(trainings, task, LEARNED[0])))
    head = (f"loss over tuned {c.name}'s, {step} steps" for c in (ADAM, SGD))
    return markdown(("network", *head, *STABILITY), rows)


def stability(trainings: Trainings, task: str, contestant: Contestant) -> tuple[str, str]:
    """Cells below `STABILITY`."""
    many = trainings.judged(task, contestant, JUDGED_AT[-1], MANY)
    failed = sum(max(run.loss[CHECKPOINTS.index(100) :]) > run.loss[0] for run in many)
    return f"{max(run.loss[-1] for run in many):.2g}", f"{failed} of {len(MANY)}"


def name(contestant: Contestant) -> str:
    """Of a derived rule's table on the page."""
    return contestant.name.lower().replace(" ", "-")


TABLES: dict[str, Callable[[Trainings], str]] = {
    **{name(c): lambda trainings, c=c: verdict_table(trainings, c) for c in BOUNDED},
    "learned": learned_table,
    **{f"losses-{n}": lambda trainings, n=n: loss_table(trainings, n) for n in JUDGED_AT},
    "accuracy": accuracy_table,
    "rates": rate_table,
}
"""By the name of their markers on the page."""
