"""The part of docs/continual.md on rates of change for single layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from baselines.continual.hazard.layers import (
    ASSUMED,
    EVERYWHERE,
    FIRST,
    LAST,
    LONGER,
    NOWHERE,
    PROG,
    SHOWN,
    TRUE,
    Results,
)
from baselines.continual.metrics import Interval, interval
from baselines.pages import markdown, source


def section(results: Results) -> str:
    """The text, in Markdown.

    Raises:
        ValueError: if results are missing.
    """
    settings = results["settings"]
    streams = settings["streams"]
    if missing := [name for name in streams if name not in results]:
        raise ValueError(f"results of {', '.join(missing)} are missing: run {PROG} on.")
    seeds = ", ".join(map(str, settings["seeds"]))
    head = f"""## Which layers a change leaves alone

{source(PROG, results["revision"])}.

The derived soft reset once more, told a rate of change for each of the three layers: 1/{LONGER} for
those in the first column, and the true 1/{TRUE} for the others. Online accuracy over
{settings["tasks"]} tasks, seeds {seeds}, as differences from the first row on the same seeds."""
    table = markdown(
        (f"1/{LONGER} assumed of", *(SHOWN[name].title for name in streams)),
        [(who, *(_cell(results[name], who) for name in streams)) for who in ASSUMED],
    )
    lines = "\n".join(f"- {line}" for line in verdicts(results))
    return "\n\n".join([head, table, lines])


def _cell(part: Results, who: str) -> str:
    if who not in part:
        return ""
    if who == NOWHERE:
        return str(interval(np.array(part[who]["accuracy"]).mean(1)))
    return gain(part, who).signed


def gain(
    part: Results, who: str, measure: str = "accuracy", tasks: slice = slice(None)
) -> Interval:
    """Over the true rate in all layers, on the same seeds."""
    mine, other = (np.array(part[name][measure])[:, tasks].mean(1) for name in (who, NOWHERE))
    return interval(mine - other)


def verdicts(results: Results) -> Iterator[str]:
    """Why labels favour a lower rate, as far as the figures say."""
    labels, inputs, both, larger = (results[name] for name in SHOWN)
    whole, loss = gain(labels, EVERYWHERE), gain(labels, EVERYWHERE, "loss")
    if whole.beyond and whole.mean > 0:
        same = loss.beyond and loss.mean < 0
        yield (
            f"That labels favour 1/{LONGER} is no chance: {whole.signed} on the same seeds. "
            f"{'Nor is it' if same else 'It may be'} that accuracy is counted in place of the "
            f"loss, which differs by {loss.signed}."
        )
    else:
        yield f"That labels favour 1/{LONGER} may be chance: {whole.signed} on the same seeds."
    first = gain(labels, EVERYWHERE, tasks=slice(1))
    yield (
        f"On the first task, before anything has changed, the difference is {first.signed}: "
        + (
            "one task by itself is learnt otherwise, too."
            if first.beyond
            else "no task by itself is learnt better, and the gain is carried from task to task."
        )
    )
    near, far = gain(labels, FIRST), gain(labels, LAST)
    reverse = gain(inputs, FIRST), gain(inputs, LAST)
    told = (
        f"With new labels the lower rate in the first layer alone gives {near.signed}, in the last "
        f"alone {far.signed}; with permuted inputs, {reverse[0].signed} and {reverse[1].signed}."
    )
    if near.mean > far.mean and near.beyond and reverse[0].mean < reverse[1].mean:
        yield (
            f"{told} So it is at least in part that the rule takes a change to redraw the targets "
            "of all weights about the initialisation: new labels leave useful what the first layer "
            "has learnt of the inputs, which a permutation makes useless, and layers change at "
            "rates of their own."
        )
    else:
        yield f"{told} That some layers stay useful does not explain it by itself."
    left, all_ = gain(both, FIRST), gain(both, EVERYWHERE)
    yield (
        f"Where both are drawn anew the lower rate gives {left.signed} in the first layer, and "
        f"{all_.signed} in all: "
        f"{'not all is explained so' if all_.beyond and all_.mean > 0 else 'no more'}."
    )
    usual, doubled = (interval(np.array(p[NOWHERE]["accuracy"]).mean(1)) for p in (labels, larger))
    rest = gain(larger, EVERYWHERE)
    yield (
        f"With a first layer that begins twice as large the true rate comes to {doubled} on labels "
        f"({usual} as begun usually), and 1/{LONGER} differs from it by {rest.signed}: "
        + (
            "labels want larger weights there than the initialisation has. A lower rate lets "
            "weights stay further from it, and gains less where they begin so."
            if doubled.above(usual) and rest.mean < whole.mean
            else "larger weights explain nothing of it."
        )
    )
