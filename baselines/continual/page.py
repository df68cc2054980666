"""docs/continual.md: tables, verdicts and pictures, all from the results' file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from baselines.continual.experiment import SOFT_RESET, Results
from baselines.continual.hazard import layers_page
from baselines.continual.hazard import page as hazard_page
from baselines.continual.learners import GROWTH, contestants
from baselines.continual.metrics import Interval, ends, interval, lost_plasticity, plasticity
from baselines.continual.pictures import TITLES, draw_hazards, draw_tasks, mean_of, save_picture
from baselines.continual.stream import Stream
from baselines.pages import markdown, source
from landscape_gym.files import write_whole

PAGE, PICTURES = "continual.md", Path("images", "continual")
L2_INIT, FRESH = "Adam, L2 to initialisation", "hard reset of Adam (signalled)"
PLAIN = ("SGD", "Adam")
NONE = Interval(0.0, 0.0)
CLOSE = 0.02
"""What counts as no loss of accuracy."""


def write_page(
    docs: Path, results: Results, inferred: Results | None = None, layers: Results | None = None
) -> None:
    """Write the page, and its pictures beside it.

    Args:
        docs: The folder of the page.
        results: Of the experiment.
        inferred: Of `hazard.experiment`, where the rate is not told; None leaves that part out.
        layers: Of `hazard.layers`, with rates for single layers; likewise.
    """
    (docs / PICTURES).mkdir(parents=True, exist_ok=True)
    for name, draw in (("accuracy", draw_tasks), ("hazard", draw_hazards)):
        save_picture(results, draw, docs / PICTURES / f"{name}.png")
    if inferred is not None:
        hazard_page.draw(inferred, docs / PICTURES / "inferred.png")
    write_whole(docs / PAGE, page(results, inferred, layers))


def page(results: Results, inferred: Results | None = None, layers: Results | None = None) -> str:
    """The text, in Markdown.

    Raises:
        ValueError: if results are missing.
    """
    settings = results["settings"]
    stream = Stream(**settings["stream"])
    missing = [
        t
        for t in settings["streams"]
        if f"told {settings['intervals'][-1]}" not in results.get(t, {})
    ]
    if missing:
        raise ValueError(f"results of {', '.join(missing)} are not complete: run the benchmark on.")
    parts = [_head(results, stream)]
    for tasks in settings["streams"]:
        part = results[tasks]
        parts += [
            f"## {TITLES[tasks]}",
            _table(part),
            "\n".join(f"- {line}" for line in verdicts(part, settings)),
            "Assumed rate of change (the true one is one task every "
            f"{stream.steps} steps), over the first {settings['hazard_tasks']} tasks:",
            _hazards(part, settings["intervals"]),
        ]
    if layers is not None:
        parts.append(layers_page.section(layers))
    if inferred is not None:
        parts.append(hazard_page.section(inferred, (PICTURES / "inferred.png").as_posix()))
    parts += ["## Settings and search", *_search(results, stream)]
    return "\n\n".join(parts) + "\n"


def verdicts(part: Results, settings: Results) -> Iterator[str]:
    """What the figures of one stream say of the claims, yes or no."""
    soft = mean_of(part[SOFT_RESET])
    for name in PLAIN:
        lost = _lost(part, name)
        loses = "loses" if lost.above(NONE) else "does not lose"
        yield f"Tuned {name} {loses} plasticity: {lost}."
    lost = _lost(part, SOFT_RESET)
    keeps = "keeps" if lost.mean + lost.half < CLOSE else "does not keep"
    yield f"The {SOFT_RESET} {keeps} it within {CLOSE}: {lost}."
    for name in PLAIN:
        other = mean_of(part[name])
        yield (
            f"It is {'above' if soft.above(other) else 'not above'} tuned {name} with intervals "
            f"apart: {soft} against {other}."
        )
    gap = soft.mean - mean_of(part[L2_INIT]).mean
    yield (
        f"Against Adam with L2 to initialisation, both constants tuned, it is {gap:+.3f}: "
        f"{'within' if gap >= -CLOSE else 'not within'} {CLOSE} or above."
    )
    told = {i: mean_of(part[f"told {i}"]).mean for i in settings["intervals"]}
    best = max(told, key=lambda i: told[i])
    true = _rate(settings["stream"]["steps"])
    yield f"The best assumed rate is {_rate(best)}, the true one {true}."


def _head(results: Results, stream: Stream) -> str:
    settings, layers = results["settings"], "-".join(map(str, stream.hidden))
    return f"""# Continual learning: resets that are derived

{source("python -m baselines.continual --write", results["revision"])}.

A network 64-{layers}-10 (ReLU, {stream.landscape.dim} parameters) learns scikit-learn's digits
by minibatches of {stream.batch_size}: {stream.num_tasks} tasks of {stream.steps} steps each, one
after another, and nothing tells it that tasks change. They are those of
`LandscapeNav/ContinualDigits-v0` on schedule: labels drawn at random, or inputs permuted. Accuracy
is online: on each minibatch before it is learnt from. Figures are means over
{len(settings["seeds"])} seeds ({_list(settings["seeds"])}) with 95 % intervals (Student's t); a
seed decides initialisation, tasks and minibatches, the same for all rules.

The **{SOFT_RESET}** is a bank of three Kalman filters for each weight,
`SelfTuning.for_networks(spread=s, growth={GROWTH}, hazard=1/{stream.steps}, separate=True)`. The
hazard is the stream's own rate of change, s the root mean square of an initialisation, growth is
what serves [networks](networks.md) that learn one task, noise is averaged for as long as a task
lasts, and the pull to the start is what the value function asks for
(`w = hazard / (hazard + gamma + r)` in continuous time). There is no learning rate, and no constant
was searched for. That variances are separate, and what the others are, was settled on other seeds.
The constants of all other rules are tuned, as the end of the page says.

- *forgotten*: accuracy on the last ten tasks right after each, minus that at the end (Lopez-Paz and
  Ranzato, 2017).
- *against fresh*: online accuracy on the last five tasks, minus that of Adam told to begin anew
  with each task (plasticity; Lyle et al., 2023). Below 0, old experience hinders.
- *lost*: by how much that is less than it was over the best five tasks in a row, which are the best
  by the other seeds.
- *dormant*: share of hidden units with an activity of at most 0.025 of their layer's mean, after
  the last task (Sokar et al., 2023).

![Online accuracy over tasks]({PICTURES.as_posix()}/accuracy.png)

![Online accuracy over the assumed hazard]({PICTURES.as_posix()}/hazard.png)"""


def _table(part: Results) -> str:
    head = (
        "rule",
        "first five tasks",
        "last five",
        "all tasks",
        "against fresh",
        "lost",
        "forgotten",
        "dormant",
    )
    fresh = np.array(part[FRESH]["accuracy"])
    rows = []
    for name in (SOFT_RESET, *contestants(Stream())):
        record = part[name]
        accuracy = np.array(record["accuracy"])
        first, last = _ends(record)
        against, lost = "", ""
        if name != FRESH:
            against = f"{interval(plasticity(accuracy, fresh)).mean:+.3f}"
            lost = str(_lost(part, name))
        forgotten = f"{np.mean(record['forgetting']):.3f}"
        dormant = f"{np.array(record['dormant'])[:, -1].mean():.2f}"
        whole = str(mean_of(record))
        rows.append((name, str(first), str(last), whole, against, lost, forgotten, dormant))
    return markdown(head, rows)


def _hazards(part: Results, intervals: list[int]) -> str:
    head = ("assumed rate", "first five tasks", "last five", "all")
    rows = []
    for i in intervals:
        record = part[f"told {i}"]
        rows.append((_rate(i), *map(str, _ends(record)), str(mean_of(record))))
    return markdown(head, rows)


def _search(results: Results, stream: Stream) -> Iterator[str]:
    settings = results["settings"]
    yield (
        "Constants are tuned for each stream by the mean online accuracy over its first "
        f"{settings['tuning_tasks']} tasks, with seeds {_list(settings['tuning_seeds'])}: by "
        "factors of two from a first guess, until the best has worse neighbours on all sides. Adam "
        "has b1 = 0.9, b2 = 0.999, eps = 1e-8."
    )
    for name, contestant in contestants(stream).items():
        rows = []
        for tasks in settings["streams"]:
            found = results[tasks][name]
            best = ", ".join(f"{k} = {v:g}" for k, v in found["constants"].items())
            tried = "; ".join(
                f"{', '.join(f'{c:g}' for c in point)}: {score:.3f}"
                for *point, score in found["tried"]
            )
            rows.append((TITLES[tasks], best, tried))
        yield f"**{name}**: {contestant.note}."
        yield markdown(("stream", "chosen", "tried: accuracy"), rows)


def _ends(record: Results) -> tuple[Interval, Interval]:
    first, last = ends(np.array(record["accuracy"]))
    return interval(first), interval(last)


def _lost(part: Results, name: str) -> Interval:
    accuracy, fresh = (np.array(part[each]["accuracy"]) for each in (name, FRESH))
    return interval(lost_plasticity(accuracy, fresh))


def _rate(steps: int) -> str:
    return f"1/{steps}" if steps else "0"


def _list(values: Any) -> str:
    return ", ".join(map(str, values))
