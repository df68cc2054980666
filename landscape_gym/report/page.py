"""The report of some runs: one HTML page that needs no network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from landscape_gym.evaluation import HEAD, STAR, figure
from landscape_gym.landscapes.base import Array
from landscape_gym.rendering.palette import BLACK, BLUE, OF_RULES
from landscape_gym.report.look import STYLES, THIN, draw_losses, draw_scene, styles
from landscape_gym.report.run import Run
from landscape_gym.report.webpage import page, svg, table

SUMMARY = ("run", "regime", "algorithm", "seed", "J / J*", "regret", "s of training")
PROVENANCE = ("command", "revision", "versions", "python")
"""What is shown first of a run's configuration."""
LEADING = 5
"""Pixels of a point at the end of a path."""
SIZE, SCENE_SIZE = (5.6, 3.6), (5.6, 5.2)
"""Inches of pictures: no wider, so that their labels can be read on a telephone."""
STYLE = """
section svg { max-width: 42rem; display: block; margin: auto; }
tr.learned { font-weight: 700; }
@media (max-width: 40rem) {
  table.results tr:first-child { display: none; }
  table.results td { display: flex; justify-content: space-between; border: 0; padding: 0; }
  table.results td:first-child { display: block; font-weight: 600; }
  table.results td::before { content: attr(data-head); color: var(--soft); font-weight: 400; }
  table.results tr { display: block; padding: 0.4rem 0; border-bottom: 1px solid var(--line); }
}
""".strip()
"""Beside that of all pages: on a narrow screen, a policy's figures stand below one another."""
SCRIPT = """
for (const slider of document.querySelectorAll('input[type=range]')) {
  const lines = slider.closest('section').querySelectorAll('polyline');
  const said = slider.parentNode.querySelector('output');
  const show = () => {
    const k = Number(slider.value);
    said.textContent = (k * Number(slider.dataset.dt)).toFixed(1);
    for (const line of lines) {
      line.all ??= line.getAttribute('points').split(' ');
      const shown = line.all.slice(0, k + 1);
      line.setAttribute('points', shown.join(' '));
      const [x, y] = shown.at(-1).split(',');
      line.nextElementSibling.setAttribute('cx', x);
      line.nextElementSibling.setAttribute('cy', y);
    }
  };
  slider.addEventListener('input', show);
  show();
}
""".strip()


def report(runs: Sequence[Run]) -> str:
    """The page.

    Args:
        runs: At least one.
    """
    if len(runs) == 1:
        title, summary, headings = runs[0].name, "", [""]
    else:
        title, summary = f"{len(runs)} runs", table(SUMMARY, map(_summary, runs))
        headings = [f"<h2>{escape(run.name)}</h2>" for run in runs]
    sections = "".join(
        _section(run, f"run{i}", heading)
        for i, (run, heading) in enumerate(zip(runs, headings, strict=True))
    )
    shown = f"<h1>{escape(title)}</h1>{summary}{sections}"
    return page(title, f"<style>{STYLE}</style>{shown}<script>{SCRIPT}</script>")


def _summary(run: Run) -> tuple[str, ...]:
    about, learned = run.about, run.learned
    return (
        run.name,
        about["regime"],
        about["algorithm"],
        str(about["seed"]),
        str(learned.ratio or ""),
        str(learned.regret),
        f"{run.seconds:.0f}",
    )


def _section(run: Run, key: str, heading: str) -> str:
    # Fewer than the table has are drawn, by their costs in the episodes of the picture.
    kept = {r.name: r.cost for r in run.results if r.name in run.scene.paths}
    looks = styles(kept)
    remarks = "".join(f"<li>{escape(line)}</li>" for line in run.remarks)
    about = run.about
    first = "".join(
        f"<tr><td>{name}</td><td><code>{escape(_said(about[name]))}</code></td></tr>"
        for name in PROVENANCE
        if name in about
    )
    rest = json.dumps({k: v for k, v in about.items() if k not in PROVENANCE}, indent=2)
    return (
        f"<section>{heading}<p>{escape(about['algorithm'])} on {escape(about['regime'])}, seed "
        f"{about['seed']}, {run.seconds:.0f} s of training. J is the mean discounted cost of "
        "held-out episodes, J* the optimum&rsquo;s; regret is (J - J*) / "
        "(J<sub>null</sub> - J*), J<sub>null</sub> the "
        "cost of doing nothing. In brackets: 95 % intervals.</p>"
        f"{_results(run)}"
        f"<p class='soft'>{STAR}</p>"
        f"<h3>The rule, beside the theory&rsquo;s</h3><ul>{remarks}</ul>"
        f"<h3>Paths</h3>{_paths(run, looks, key)}"
        f"<h3>Losses</h3>{_losses(run, looks, key)}"
        f"<h3>Training</h3>{_learning(run, key)}"
        f"<h3>Where it comes from</h3><div class='wide'><table>{first}</table></div>"
        f"<details><summary>Configuration</summary><pre>{escape(rest)}</pre></details></section>"
    )


def _results(run: Run) -> str:
    """The table of all policies; the learned one stands out."""
    head = "".join(f"<th class='number'>{escape(name)}</th>" for name in HEAD[1:])
    rows = []
    for result in run.results:
        name, *figures = result.row_of(run.episodes)
        cells = "".join(
            f"<td class='number' data-head='{escape(head)}'>{escape(figure)}</td>"
            for head, figure in zip(HEAD[1:], figures, strict=True)
        )
        mark = " class='learned'" if result is run.learned else ""
        rows.append(f"<tr{mark}><td>{escape(name)}</td>{cells}</tr>")
    return (
        f"<div class='wide'><table class='results'><tr><th>{HEAD[0]}</th>{head}</tr>"
        f"{''.join(rows)}</table></div>"
    )


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _paths(run: Run, looks: dict[str, dict], key: str) -> str:
    """The landscape, with paths that a slider draws up to a moment; whole without a script."""
    picture = Figure(figsize=SCENE_SIZE, layout="constrained")
    axes = picture.subplots()
    draw_scene(axes, run.scene, {name: {**look, "alpha": 0.0} for name, look in looks.items()})
    _legend(picture, [axes.plot([], [], label=name, **look)[0] for name, look in looks.items()])
    drawn = svg(picture, f"{key}-paths")
    scale, height = 72 / picture.dpi, 72 * picture.get_figheight()

    def points(path: Array) -> Array:
        """In the units of the picture, whose y axis points down."""
        x, y = (axes.transData.transform(path) * scale).T
        return np.stack([x, height - y], axis=1)

    left, bottom, right, top = (scale * np.array(axes.bbox.extents)).tolist()
    clip = f"<clipPath id='{key}-axes'><rect x='{left:.1f}' y='{height - top:.1f}' "
    clip += f"width='{right - left:.1f}' height='{top - bottom:.1f}'/></clipPath>"
    above = sorted(looks.items(), key=lambda item: item[1].get("zorder", 2))
    lines = "".join(_line(name, points(run.scene.paths[name]), look) for name, look in above)
    steps = max(map(len, run.scene.paths.values())) - 1
    return (
        drawn.replace("</svg>", f"{clip}<g clip-path='url(#{key}-axes)'>{lines}</g></svg>")
        + f"<p><label>time <output>{steps * run.scene.dt:.1f}</output> <input type='range' min='0' "
        f"max='{steps}' value='{steps}' data-dt='{run.scene.dt:.6g}' aria-label='time'></label></p>"
    )


def _line(name: str, points: Array, look: dict) -> str:
    colour = "currentColor" if look["color"] == BLACK else look["color"]
    dash = look.get("linestyle")
    dashed = f" stroke-dasharray='{' '.join(str(2 * x) for x in dash[1])}'" if dash else ""
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return (
        f"<polyline points='{text}' fill='none' stroke='{colour}' "
        f"stroke-width='{look['linewidth']}'{dashed}><title>{escape(name)}</title></polyline>"
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{LEADING - 1}' fill='{colour}'/>"
    )


def _legend(picture: Figure, lines: Sequence[Line2D]) -> None:
    """What lines are, above the axes, where they strike nothing through."""
    picture.legend(
        handles=lines, loc="outside upper left", ncols=4, fontsize="small", frameon=False
    )


def _losses(run: Run, looks: dict[str, dict], key: str) -> str:
    picture = Figure(figsize=SIZE, layout="constrained")
    axes = picture.subplots()
    draw_losses(axes, run.scene.losses, run.scene.dt, looks)
    _legend(picture, axes.get_lines())
    return svg(picture, f"{key}-losses")


def _learning(run: Run, key: str) -> str:
    """What held-out episodes cost against steps, and below it returns of training episodes."""
    drawn = [
        (draw, curve)
        for draw, curve in ((_draw_costs, run.heldout), (_draw_returns, run.learning))
        if curve.size
    ]
    if not drawn:
        return "<p>No episode ended during training.</p>"
    picture = Figure(figsize=(SIZE[0], SIZE[1] * len(drawn)), layout="constrained")
    below = picture.subplots(len(drawn), sharex=True, squeeze=False)[:, 0]
    for axes, (draw, _) in zip(below, drawn, strict=True):
        draw(axes, run)
    if run.heldout.size:
        _legend(picture, below[0].get_lines())
    steps = max(curve[0, -1] for _, curve in drawn)
    below[-1].set_xlabel(f"environment steps, {figure(steps / 1e6)} million in all")
    return (
        "<p>Training episodes are short, and their actions are noisy: their returns are on another "
        f"scale than J.</p>{svg(picture, f'{key}-training')}"
    )


def _draw_costs(axes: Axes, run: Run) -> None:
    """The learned rule's cost in held-out episodes, with lines for what it is compared with."""
    axes.plot(*run.heldout, label="learned", **STYLES["learned"])
    others = {"do nothing": {"color": OF_RULES[-1], "linewidth": THIN}, **STYLES}
    for name, cost in run.references.items():
        look = others.get(name, {"color": OF_RULES[0], "linewidth": THIN})
        axes.axhline(cost, label=name, **look)
    axes.set(ylabel="cost of held-out episodes", yscale="log")
    axes.yaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
    axes.yaxis.set_major_formatter(lambda cost, _: f"{cost:g}")  # 0.5 and 2, no powers of ten
    axes.yaxis.set_minor_formatter(lambda cost, _: f"{cost:g}")


def _draw_returns(axes: Axes, run: Run) -> None:
    """Returns of training episodes, which may be shorter, and have noisy actions."""
    axes.plot(*run.learning, color=BLUE, linewidth=THIN)
    axes.set_ylabel("return of training episodes")
