"""Three scenes of the explorer for the site, and its picture: ``python -m docs.generate.explorer``.

The scenes are what the explorer shows, without its sliders: only time can be moved. They draw with
Plotly's script, which `docs.generate.site` lays beside them when the site is built.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

from landscape_gym.extras import needed_by, require
from landscape_gym.program import program

with needed_by(__name__):
    require(["dash", "plotly", "PIL"])

    import torch
    from PIL import Image

    from baselines.pages import ROOT
    from landscape_gym.command_line import parsed
    from landscape_gym.evaluation import figure
    from landscape_gym.explorer.answer import Answer, answer
    from landscape_gym.explorer.command import HOST, serving
    from landscape_gym.explorer.figures import curves_figure, looks, paths_figure, swatch
    from landscape_gym.explorer.setting import from_query
    from landscape_gym.explorer.verdict import verdict
    from landscape_gym.files import write_whole
    from landscape_gym.report.webpage import page, table

PROG = "python -m docs.generate.explorer"
PAGE = ROOT / "docs" / "static" / "explorer.html"
PICTURE = ROOT / "docs" / "images" / "explorer.png"
SCENES = {
    "A short horizon": "?regime=short-horizon",
    "A long horizon": "?regime=long-horizon&gamma=0.1",
    "A long horizon, and a way out of the local minimum": (
        "?regime=double-well&gamma=0.1&rules=newton learned"
    ),
}
"""Titles, and what the explorer is asked."""
PICTURED = "?regime=noisy-gradient"
SIZE = (1200, 1000)
COLOURS = 128
RARE = Image.Quantize.MAXCOVERAGE
"""Keeps colours that few pixels have, as lines."""
HEAD = ("rule", "cost J", "J / J*", "regret")
STYLE = """
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
.pair > div { height: 24rem; min-width: 0; }
.key { margin-right: 1rem; white-space: nowrap; }
.key i { display: inline-block; width: 2rem; margin-right: 0.4rem; vertical-align: middle; }
.js-plotly-plot svg { width: auto; height: auto; }
.js-plotly-plot text { fill: var(--text) !important; }
.js-plotly-plot [style*="stroke: rgb(0, 0, 0)"] { stroke: var(--text) !important; }
.js-plotly-plot .point[style*="fill: rgb(0, 0, 0)"] { fill: var(--text) !important; }
""".strip()
SCRIPT = """
for (const section of document.querySelectorAll('section')) {
  const [paths, curves] = JSON.parse(section.querySelector('script').textContent);
  const [left, right] = section.querySelectorAll('.pair > div');
  const slider = section.querySelector('input'), said = section.querySelector('output');
  const options = { displayModeBar: false, responsive: true };
  Plotly.newPlot(right, curves.data, curves.layout, options);
  const show = () => {
    const part = slider.value / 100;
    said.textContent = (part * slider.dataset.duration).toFixed(1);
    Plotly.react(left, paths.data.map(cut(part, paths.data)), paths.layout, options);
  };
  slider.addEventListener('input', show);
  show();
}
""".strip()


@dataclass(frozen=True)
class Options:
    """Write the explorer's scenes for the site, docs/static/explorer.html."""

    picture: bool = False
    """Whether to take its picture, docs/images/explorer.png, too, which needs Chromium."""


@program(PROG, "The scenes are as they were.")
def main(words: Sequence[str] | None = None) -> None:
    """Write scenes, and take the picture if it is asked for."""
    options = parsed(Options, words, prog=PROG)
    torch.set_num_threads(1)
    write_whole(PAGE, scenes())
    if options.picture:
        take_picture()


def scenes() -> str:
    """The page of all scenes, which loads Plotly's script from beside it."""
    cut = resources.files("landscape_gym").joinpath("explorer", "assets", "explorer.js")
    sections = "".join(_section(title, query) for title, query in SCENES.items())
    body = (
        f"<style>{STYLE}</style><h1>Same objective, another horizon, another rule</h1>"
        "<p>Three scenes of <code>landscape-gym explore</code>, where everything can be moved; "
        "here time can.</p>"
        f"{sections}<script src='plotly.min.js'></script>"
        f"<script>{cut.read_text()}{SCRIPT}</script>"
    )
    return page("Scenes of the explorer", body)


def _section(title: str, query: str) -> str:
    found = answer(*from_query(query))
    drawn = json.dumps([paths_figure(found), curves_figure(found)]).replace("<", "\\u003c")
    problem = found.setting.problem
    duration = problem.dt * problem.steps
    rows = [
        (
            result.name,
            f"{result.cost:.4g}",
            "" if result.ratio is None else figure(result.ratio.value),
            figure(result.regret.value),
        )
        for result in sorted(found.comparison.results, key=lambda result: result.cost)
    ]
    return (
        f"<section><h2>{escape(title)}</h2><p>{escape(verdict(found))}</p><p>{_legend(found)}</p>"
        "<div class='pair'><div></div><div></div></div>"
        "<p><label>time <output></output> <input type='range' min='0' max='100' value='100' "
        f"data-duration='{duration:g}' aria-label='time'></label></p>"
        f"{table(HEAD, rows)}<script type='application/json'>{drawn}</script></section>"
    )


def _legend(found: Answer) -> str:
    return " ".join(
        f"<span class='key'><i style='border-top: {swatch(look)['borderTop']}'></i>{escape(name)}"
        "</span>"
        for name, look in looks(list(found.scene.paths)).items()
    )


def take_picture() -> None:
    """Serve the explorer, and have a browser without a window draw it.

    Raises:
        FileNotFoundError: where there is no Chromium.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise FileNotFoundError("--picture needs chromium, or google-chrome, on the path.")
    server = serving(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    width, height = SIZE
    subprocess.run(
        [
            *(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--window-size={width},{height}", "--virtual-time-budget=30000"),
            *(f"--screenshot={PICTURE}", f"http://{HOST}:{server.port}/{PICTURED}"),
        ],
        check=True,
        capture_output=True,
    )
    server.shutdown()
    with Image.open(PICTURE) as picture:  # a third of the size, and nothing that an eye misses
        picture.convert("RGB").quantize(COLOURS, method=RARE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
