"""The report: one HTML file with everything in it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape

from baselines.claims.finding import HEAD, Finding, cells
from landscape_gym.report.webpage import page

MARKS = {"holds": "&#10003;", "does not hold": "&#10007;", "skipped": "&ndash;"}
CLASSES = {"holds": "green", "does not hold": "red", "skipped": "yellow"}


def html_page(found: Sequence[Finding], source: str) -> str:
    """The report.

    Args:
        found: What became of the claims.
        source: How it was computed, as a sentence.
    """
    count = sum(finding.verdict == "holds" for finding in found)
    lines = "".join(
        f"<tr><td>{_mark(finding)}</td><td><a href='#{finding.claim.name}'>"
        f"{escape(finding.claim.title)}</a></td>"
        f"<td class='number soft'>{finding.seconds:.0f} s</td></tr>"
        for finding in found
    )
    return page(
        "Claims, checked",
        "<h1>Learning rules as optimal policies: the claims, checked</h1>"
        "<p>Claims of Vastola, Gershman and Rajan, &ldquo;Gradient Descent as Loss Landscape "
        "Navigation&rdquo; (arXiv:2510.26997): numbers by closed form, by a solver that does not "
        "know it, and by simulation in the environment.</p>"
        f"<p><b>{count} of {len(found)} hold.</b> <span class='soft'>{escape(source)}</span></p>"
        f"<table>{lines}</table>{''.join(map(_section, found))}",
    )


def _mark(finding: Finding) -> str:
    word = finding.verdict
    return f"<span class='mark {CLASSES[word]}'>{MARKS[word]} {word}</span>"


def _section(finding: Finding) -> str:
    claim = finding.claim
    head = (
        f"<h2 id='{claim.name}'>{escape(claim.title)}</h2><p>{_mark(finding)}</p>"
        f"<blockquote>{_said(claim.sentence)}</blockquote>"
    )
    if finding.picture is None:
        return f"{head}<p class='yellow'>{escape(finding.skipped or '')}</p>"
    data = base64.b64encode(finding.picture).decode()
    remarks = "".join(f"<li>{_said(remark)}</li>" for remark in claim.remarks)
    return (
        f"{head}<img alt='{escape(claim.title)}' src='data:image/png;base64,{data}'>"
        f"<ul>{remarks}</ul><div class='wide'>{_table(finding)}</div>"
    )


def _said(text: str) -> str:
    """Prose, in which formulas stand between backticks."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _table(finding: Finding) -> str:
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    rows = []
    for check in finding.checks:
        what, *values, asked = (escape(cell) for cell in cells(check))
        word = "holds" if check.passed else "does not hold"
        numbers = "".join(f"<td class='number'>{value}</td>" for value in values)
        rows.append(
            f"<tr><td class='mark {CLASSES[word]}' title='{word}'>{MARKS[word]}</td>"
            f"<td>{what}</td>{numbers}<td class='asked'>{asked}</td></tr>"
        )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"
