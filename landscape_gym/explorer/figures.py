"""Paths on contours, and losses and costs over time, as Plotly draws them.

Text and whatever is black take the page's colours (`assets/explorer.css`), so that one figure
serves light and dark.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_gym.evaluation import DO_NOTHING
from landscape_gym.explorer.answer import OPTIMUM, Answer
from landscape_gym.explorer.setting import LEARNED
from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.palette import GREEN, OF_RULES, VERMILION
from landscape_gym.report.scene import Scene

COLOURS = OF_RULES[:-1]
"""Of rules; the grey is that of doing nothing."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
INK = "rgb(0, 0, 0)"
"""Becomes the colour of the page's text."""
GRID = "rgba(128, 128, 128, 0.25)"
LEVELS = 14
"""Contours; losses on them grow as squares do, so that they are as dense above as below."""
MOMENTS = 100
"""To which paths and curves are drawn."""
FLOOR, CEILING = 1e-6, 3.0
"""Losses are shown between these parts of the first one and of the largest of doing nothing."""
LINE = {"type": "scatter", "mode": "lines"}
PATH, POINT = "path", "head"
"""Marks of traces that end where a rule is at a moment (`assets/explorer.js`)."""
LAYOUT = {
    "paper_bgcolor": "rgba(0, 0, 0, 0)",
    "plot_bgcolor": "rgba(0, 0, 0, 0)",
    "font": {"color": INK, "size": 13, "family": "system-ui, sans-serif"},
    "margin": {"l": 64, "r": 8, "t": 8, "b": 42},
    "dragmode": False,
    "showlegend": False,
}
Trace = dict[str, Any]
Figure = dict[str, Any]
"""As Plotly takes it, which checks it in the browser: its classes for Python take 50 ms to fill."""


def looks(names: list[str]) -> dict[str, dict[str, Any]]:
    """Lines by policy: told apart by dashes where colours cannot be."""
    special = {
        DO_NOTHING: {"color": OF_RULES[-1], "dash": "dot", "width": 1.5},
        OPTIMUM: {"color": INK, "dash": "dash", "width": 2},
        LEARNED: {"color": VERMILION, "dash": "solid", "width": 3},
    }
    others = [name for name in names if name not in special]
    drawn = {}
    for i, name in enumerate(others):
        round_of_colours, colour = divmod(i, len(COLOURS))
        dash = DASHES[(i + round_of_colours) % len(DASHES)]  # no pair comes twice in 30
        drawn[name] = {"color": COLOURS[colour], "dash": dash, "width": 2}
    return {name: special.get(name) or drawn[name] for name in names}


def swatch(look: dict[str, Any]) -> dict[str, str]:
    """The style of a piece of that line in the page, whose legend has room for any number."""
    dashed = {"solid": "solid", "dot": "dotted"}.get(look["dash"], "dashed")
    colour = "currentColor" if look["color"] == INK else look["color"]
    return {"borderTop": f"{look['width'] + 0.5}px {dashed} {colour}"}


def paths_figure(found: Answer) -> Figure:
    """Paths of the first episode on the landscape; doing nothing is a point, and left out.

    Each policy has two traces, its path and where it is, after contours, start and minimum.
    """
    scene = found.scene
    start = next(iter(scene.paths.values()))[0]
    traces = [_contours(scene), _mark(start, "circle-open", 11, INK, "start")]
    if scene.target is not None:
        traces.append(_mark(scene.target, "star", 14, GREEN, "minimum"))
    diverged = {r.name for r in found.comparison.results if r.diverged}
    names = [name for name in scene.paths if name != DO_NOTHING]
    for name, look in looks(names).items():
        path = _thinned(scene.paths[name])
        path = _inside(path, scene) if name in diverged else path
        x, y = path.T.round(4).tolist()
        traces.append(
            {**LINE, "x": x, "y": y, "line": look, "name": name, "hoverinfo": "name", "meta": PATH}
        )
        traces.append({**_mark(path[-1], "circle", 9, look["color"], name), "meta": POINT})
    plane = ("first", "second") if scene.dim <= 2 else ("first main", "second main")
    unit = "parameter" if scene.dim <= 2 else "direction"
    xaxis = _axis(f"{plane[0]} {unit}", range=scene.x[[0, -1]].tolist())
    yaxis = _axis(f"{plane[1]} {unit}", range=scene.y[[0, -1]].tolist())
    return {"data": traces, "layout": {**LAYOUT, "xaxis": xaxis, "yaxis": yaxis}}


def curves_figure(found: Answer) -> Figure:
    """Mean loss above the minimum over time, and below it the cost that has been paid.

    Upwards they go as far as doing nothing asks, so that what diverges leaves the picture.
    """
    losses, paid = found.scene.losses, found.paid
    first, most = losses[DO_NOTHING][0], paid[DO_NOTHING][-1]
    traces = []
    for name, look in looks(list(losses)).items():
        time = _thinned(found.scene.dt * np.arange(len(losses[name]))).round(4).tolist()
        line = {**LINE, "x": time, "line": look, "name": name}
        loss = np.clip(_thinned(losses[name]), 0.1 * FLOOR * first, 1e3 * first)
        cost = np.minimum(_thinned(paid[name]), 1e3 * most)
        traces.append({**line, "y": _significant(loss)})
        traces.append({**line, "y": _significant(cost), "yaxis": "y2"})
    low = max(FLOOR * first, 0.5 * min(float(each.min()) for each in losses.values()))
    high = CEILING * losses[DO_NOTHING].max()
    axes = {
        "xaxis": _axis("time", anchor="y2"),
        "yaxis": _axis(
            "loss",
            domain=[0.54, 1.0],
            type="log",
            dtick=1,
            exponentformat="power",
            range=[float(np.log10(low)), float(np.log10(high))],
        ),
        "yaxis2": _axis("cost paid", domain=[0.0, 0.46], range=[0.0, float(1.1 * most)]),
    }
    return {"data": traces, "layout": {**LAYOUT, **axes}}


def _contours(scene: Scene) -> Trace:
    height = np.sqrt(scene.loss - scene.loss.min())
    top = float(height.max())
    return {
        "type": "contour",
        "x": scene.x.round(4).tolist(),
        "y": scene.y.round(4).tolist(),
        "z": height.round(4).tolist(),
        "line": {"color": "rgba(128, 128, 128, 0.6)", "width": 1},
        "autocontour": False,
        "contours": {"start": 0, "end": top, "size": top / LEVELS, "coloring": "none"},
        "showscale": False,
        "hoverinfo": "skip",
    }


def _mark(at: Array, symbol: str, size: int, color: str, name: str) -> Trace:
    marker = {"symbol": symbol, "size": size, "color": color}
    if "open" in symbol:
        marker["line"] = {"width": 2}
    x, y = at.tolist()
    shown = {"mode": "markers", "marker": marker, "name": name, "hoverinfo": "name"}
    return {"type": "scatter", "x": [x], "y": [y], **shown}


def _axis(title: str, **more: Any) -> dict[str, Any]:
    lines = {"gridcolor": GRID, "linecolor": GRID, "zeroline": False, "showline": True}
    return {"title": {"text": title, "standoff": 6}, **lines, "fixedrange": True, **more}


def _thinned(values: Array) -> Array:
    """At `MOMENTS` + 1 moments from the first to the last."""
    return values[np.linspace(0, len(values) - 1, MOMENTS + 1).round().astype(int)]


def _inside(path: Array, scene: Scene) -> Array:
    """A path that diverges, as far as the picture goes around its window."""
    middle = np.array([scene.x.mean(), scene.y.mean()])
    reach = 3 * np.array([np.ptp(scene.x), np.ptp(scene.y)])
    return np.clip(path, middle - reach, middle + reach)


def _significant(values: Array) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
