"""Pages that hold everything they show: the frame, the style in light and dark, and pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = """
:root { color-scheme: light dark; --text: #1b1b1b; --back: #fcfcfa; --line: #d8d8d4;
  --soft: #5c5c5c; --green: #1a7a4c; --red: #c22f12; --yellow: #8a6d00;
  --accent: #0067a3; --on: #dcecf6; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6e2; --back: #181a1b; --line: #3a3d3e;
  --soft: #a5a8a8; --green: #5ecf98; --red: #ff8a6b; --yellow: #e5c552;
  --accent: #6cb9ec; --on: #1d3a4d; } }
""".strip()
"""Of pages, the explorer's too: in light and dark, each to be read upon what lies behind it."""
STYLE = """
body { color: var(--text); background: var(--back); max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 3rem; } h3 { font-size: 1.05rem; }
a { color: inherit; }
.green { color: var(--green); } .red { color: var(--red); } .yellow { color: var(--yellow); }
.mark { font-weight: 700; }
blockquote { margin: 0.5rem 0; padding-left: 1rem; border-left: 3px solid var(--line); }
table { border-collapse: collapse; width: 100%; font-size: 0.86rem; }
td, th { padding: 0.25rem 0.6rem 0.25rem 0; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.asked, .soft { color: var(--soft); }
.wide { overflow-x: auto; }
pre { overflow-x: auto; font-size: 0.82rem; }
img { max-width: 100%; background: white; border-radius: 6px; padding: 6px;
  box-sizing: border-box; margin: 1rem 0; }
input[type=range] { width: 100%; }
svg { width: 100%; height: auto; } svg text { fill: currentColor; }
""".strip()


def page(title: str, body: str) -> str:
    """A whole page; `body` is HTML, and `title` text."""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{COLOURS}\n{STYLE}</style></head><body>{body}</body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts, of which all columns but the first are numbers."""
    first, *others = map(escape, head)
    names = f"<th>{first}</th>" + "".join(f"<th class='number'>{name}</th>" for name in others)
    lines = "".join(
        f"<tr><td>{escape(first)}</td>"
        + "".join(f"<td class='number'>{escape(cell)}</td>" for cell in numbers)
        + "</tr>"
        for first, *numbers in rows
    )
    return f"<div class='wide'><table><tr>{names}</tr>{lines}</table></div>"


def svg(figure: Figure, name: str) -> str:
    """A figure as an SVG element in the page's colours: black is drawn as text is.

    Args:
        figure: What is drawn.
        name: Of the picture in the page; what is referred to within the picture begins with it.
    """
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(
            text, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    element = text.getvalue()[text.getvalue().index("<svg") :]
    element = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", element)
    return element.replace("#000000", "currentColor")
