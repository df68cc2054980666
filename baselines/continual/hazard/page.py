"""The part of docs/continual.md where nobody says how often tasks change, and its picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from baselines.continual.hazard.experiment import INFERRED, TOLD, Results, not_judged
from baselines.continual.hazard.rivals import RIVALS
from baselines.continual.hazard.streams import STREAMS, Changing
from baselines.continual.metrics import interval
from baselines.pages import markdown, source
from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.palette import BLUE, GREYS, VERMILION
from landscape_gym.rendering.png import save

CLOSE = 0.02
"""Share of the accuracy of who is told within which the rate counts as found out."""
BLOCK = 100
"""Steps between the beliefs that are kept."""


def section(results: Results, picture: str) -> str:
    """The text, in Markdown.

    Args:
        results: Of the experiment, complete.
        picture: Where the picture is, seen from the page.

    Raises:
        ValueError: if results are missing.
    """
    settings = results["settings"]
    missing = [name for name in settings["streams"] if not_judged(results.get(name, {}))]
    if missing:
        raise ValueError(f"results of {', '.join(missing)} are not complete: run the command on.")
    parts = [_head(results, picture)]
    for name in settings["streams"]:
        part = results[name]
        lines = "\n".join(f"- {line}" for line in verdicts(STREAMS[name], part, settings))
        parts += [f"### {STREAMS[name].title}", _table(part), lines]
    return "\n\n".join([*parts, *_search(results)])


def _head(results: Results, picture: str) -> str:
    settings = results["settings"]
    seeds, tuning = (", ".join(map(str, settings[k])) for k in ("seeds", "tuning_seeds"))
    return f"""## Nobody says how often tasks change

{source("python -m baselines.continual.hazard", results["revision"])}.

The same network on four streams of {settings["steps"]} steps, seeds {seeds}. *Random labels* and
*permuted inputs* change every 200 steps. *Rate changes midway*: inputs are permuted every 200
steps, and in the second half every 50. *Gradual change*: an eighth of the inputs changes places
every 25 steps, so that each input changes as often as with a permutation every 200 steps.

The **{INFERRED}** is `rules.InferredHazard.for_networks(spread=s)`: the bank as above, and the
chance of a change per step is the mean of a Beta posterior (`rules.LossChanges`). A loss that jumps
above this task's last ones says that the task has changed, and how much of it by how much of what
was gained is lost; the last ten changes are remembered. It is told nothing of the stream. Its
constants were settled on seeds 200 to 202. The rivals are told nothing either, but both of their
constants are tuned on each stream, by the mean accuracy over its first {settings["tuning_steps"]}
steps with seeds {tuning}. Who is *told* knows the true rate at every step. Where gradients of known
noise are seen in place of a network's loss the posterior is exact (`control.InferredHazardPolicy`,
`rules.InferredReset`).

![How often tasks are believed to change, over steps]({picture})"""


def _table(part: Results) -> str:
    told = np.array(part["accuracy"][TOLD])
    rows = []
    for name in (TOLD, INFERRED, *RIVALS):
        accuracy = np.array(part["accuracy"][name])
        quarter = max(1, accuracy.shape[1] // 4)
        spans = (accuracy[:, :quarter], accuracy[:, -quarter:], accuracy)
        ratio = "" if name == TOLD else str(_ratio(accuracy, told))
        rows.append((name, *(str(interval(span.mean(1))) for span in spans), ratio))
    return markdown(("rule", "first quarter", "last quarter", "all", "over told"), rows)


def _ratio(accuracy: Array, told: Array) -> Any:
    """Of mean accuracies, over seeds, which see the same."""
    return interval(accuracy.mean(1) / told.mean(1))


def verdicts(stream: Changing, part: Results, settings: Results) -> Iterator[str]:
    """What the figures of one stream say, whatever it is."""
    each = {name: np.array(values) for name, values in part["accuracy"].items()}
    ratio = _ratio(each[INFERRED], each[TOLD])
    found = "within" if ratio.mean >= 1 - CLOSE else "NOT within"
    yield f"Inferred is {found} {CLOSE:.0%} of told, or above: {ratio} of its accuracy."
    best = max(each, key=lambda name: each[name].mean())
    rival = max(RIVALS, key=lambda name: each[name].mean())
    mine, other = interval(each[INFERRED].mean(1)), interval(each[rival].mean(1))
    gap = interval((each[INFERRED] - each[rival]).mean(1))
    wins, place = ("wins", "beyond") if gap.beyond else ("is highest, but not for sure", "within")
    yield (
        f"Of all, {best} {wins}. The best rival is {rival}: {other} against {mine} for inferred, a "
        f"difference of {gap.signed} on the same seeds, {place} its interval."
    )
    lead, cost = ((each[a] - each[b]).mean() for a, b in ((TOLD, rival), (INFERRED, TOLD)))
    decides = "the inference as much as the bank" if abs(cost) > abs(lead) else "the bank itself"
    yield (
        f"Why: the bank that is told {'leads' if lead > 0 else 'is behind'} that rival by "
        f"{abs(lead):.3f}, and not to be told the rate adds {cost:+.3f}"
        + (f": what decides is {decides}." if gap.beyond else ": nothing is decided.")
    )
    believed = np.exp(np.log(np.array(part["believed"])).mean(0))
    ends = [1 / believed[(len(believed) - 1) // 2], 1 / believed[-1]]
    true = [stream.length(share) for share in (0.49, 1.0)]
    said = ", ".join(
        f"{when} one in {end:.0f} steps (true: {at})"
        for when, end, at in zip(("midway", "at the end"), ends, true, strict=True)
    )
    yield f"Changes are believed to come, {said}." + (f" {stream.note}" if stream.note else "")


def _search(results: Results) -> Iterator[str]:
    settings = results["settings"]
    rows = []
    for name, _rival in RIVALS.items():
        for stream in settings["streams"]:
            found = results[stream]["found"][name]
            best = ", ".join(f"{k} = {v:g}" for k, v in found["best"].items())
            scores = [score for *_, score in found["tried"]]
            rows.append((name, STREAMS[stream].title, best, f"{len(scores)}: {max(scores):.3f}"))
    sources = "; ".join(f"{name} is that of {rival.note}" for name, rival in RIVALS.items())
    yield (
        "Constants of the rivals are found by climbing on a lattice until the best has worse "
        f"neighbours all around. {sources}."
    )
    yield markdown(("rival", "stream", "chosen", "points tried: best accuracy"), rows)


def draw(results: Results, path: Path) -> None:
    """How often tasks are believed to change: a panel for each stream, a line for each seed."""
    names = results["settings"]["streams"]
    figure = Figure(figsize=(11, 3), layout="constrained")
    for ax, name in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
        believed = np.array(results[name]["believed"])
        steps = BLOCK * (1 + np.arange(believed.shape[1]))
        for seed, line in enumerate(believed):
            ax.plot(steps, 1 / line, color=BLUE, lw=1, label="" if seed else "believed")
        true = [STREAMS[name].length(step / steps[-1] - 1e-9) for step in steps]
        ax.plot(steps, true, color=VERMILION, ls="--", label="true")
        ax.set_title(STREAMS[name].title, fontsize=10)
        ax.set_xlabel("step")
        ax.set_yscale("log")
        ax.grid(alpha=0.3, color=GREYS[3])
    figure.axes[0].set_ylabel("steps between changes")
    figure.axes[0].legend(fontsize=8)
    save(figure, path)
