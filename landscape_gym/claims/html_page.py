"""The report: one HTML file with everything in it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from landscape_gym.claims.outcome import HEAD, Outcome, cells

MARKS = {"holds": "&#10003;", "does not hold": "&#10007;", "skipped": "&ndash;"}
CLASSES = {"holds": "green", "does not hold": "red", "skipped": "yellow"}
STYLE = """
:root { color-scheme: light dark; --text: #1b1b1b; --back: #fcfcfa; --line: #d8d8d4;
  --soft: #5c5c5c; --green: #1a7a4c; --red: #c22f12; --yellow: #8a6d00; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6e2; --back: #181a1b; --line: #3a3d3e;
  --soft: #a5a8a8; --green: #5ecf98; --red: #ff8a6b; --yellow: #e5c552; } }
body { color: var(--text); background: var(--back); max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 3rem; }
a { color: inherit; }
.green { color: var(--green); } .red { color: var(--red); } .yellow { color: var(--yellow); }
.mark { font-weight: 700; }
blockquote { margin: 0.5rem 0; padding-left: 1rem; border-left: 3px solid var(--line); }
table { border-collapse: collapse; width: 100%; font-size: 0.86rem; }
td, th { padding: 0.25rem 0.6rem 0.25rem 0; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.asked, .soft { color: var(--soft); }
.wide { overflow-x: auto; }
img { max-width: 100%; background: white; border-radius: 6px; padding: 6px;
  box-sizing: border-box; margin: 1rem 0; }
""".strip()


def html_page(found: Sequence[Outcome], source: str) -> str:
    """The report.

    Args:
        found: What became of the claims.
        source: How it was computed, as a sentence.
    """
    count = sum(outcome.verdict == "holds" for outcome in found)
    lines = "".join(
        f"<tr><td>{_mark(outcome)}</td><td><a href='#{outcome.claim.name}'>"
        f"{escape(outcome.claim.title)}</a></td>"
        f"<td class='number soft'>{outcome.seconds:.0f} s</td></tr>"
        for outcome in found
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Claims, checked</title><style>{STYLE}</style></head><body>"
        "<h1>Learning rules as optimal policies: the claims, checked</h1>"
        "<p>Claims of Vastola, Gershman and Rajan, &ldquo;Gradient Descent as Loss Landscape "
        "Navigation&rdquo; (arXiv:2510.26997): numbers by closed form, by a solver that does not "
        "know it, and by simulation in the environment.</p>"
        f"<p><b>{count} of {len(found)} hold.</b> <span class='soft'>{escape(source)}</span></p>"
        f"<table>{lines}</table>{''.join(map(_section, found))}</body></html>\n"
    )


def _mark(outcome: Outcome) -> str:
    word = outcome.verdict
    return f"<span class='mark {CLASSES[word]}'>{MARKS[word]} {word}</span>"


def _section(outcome: Outcome) -> str:
    claim = outcome.claim
    head = (
        f"<h2 id='{claim.name}'>{escape(claim.title)}</h2><p>{_mark(outcome)}</p>"
        f"<blockquote>{escape(claim.sentence)}</blockquote>"
    )
    if outcome.picture is None:
        return f"{head}<p class='yellow'>{escape(outcome.skipped or '')}</p>"
    data = base64.b64encode(outcome.picture).decode()
    remarks = "".join(f"<li>{escape(remark)}</li>" for remark in claim.remarks)
    return (
        f"{head}<img alt='{escape(claim.title)}' src='data:image/png;base64,{data}'>"
        f"<ul>{remarks}</ul><div class='wide'>{_table(outcome)}</div>"
    )


def _table(outcome: Outcome) -> str:
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    rows = []
    for check in outcome.checks:
        what, *values, asked = (escape(cell) for cell in cells(check))
        word = "holds" if check.passed else "does not hold"
        numbers = "".join(f"<td class='number'>{value}</td>" for value in values)
        rows.append(
            f"<tr><td class='mark {CLASSES[word]}' title='{word}'>{MARKS[word]}</td>"
            f"<td>{what}</td>{numbers}<td class='asked'>{asked}</td></tr>"
        )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"
