"""The page of the documentation, docs/claims.md, and its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from baselines.claims.finding import HEAD, Finding, cells
from baselines.pages import markdown
from landscape_gym.files import write_whole

INTRODUCTION = """# The claims, checked

What "Gradient Descent as Loss Landscape Navigation" (Vastola, Gershman, Rajan,
[arXiv:2510.26997](https://arxiv.org/abs/2510.26997)) says, claim by claim: its sentence, what has
to be added or corrected, and numbers by up to three ways. *Closed form* is the claim's own
statement; *solver* is a computation that does not know it; and *simulation* is measured in the
environment. A claim's constants are fields of its class in `baselines/claims/`, and
`tests/baselines/test_claims.py` sees the claim fail when any of them is 5 % off. Letters are those
of the [notation](notation.md).

`{command}` computes all of it and writes this page; it needs no network. Written by version
{version}.

Where the paper is corrected:

- In steps of dt a short horizon's learning rate is `eta k dt / (1 - beta)`, not `eta k / gamma`.
- A long horizon alone is no momentum: in a landscape that is known it changes gains; a velocity
  pays where curvature, or a target that moves, is hidden.
- Adam's exponent 1/2 is that of the filter of a drifting target, not of a long horizon's gain.
- Under decay the rate has `j (j + gamma)` under its root, where the notebook has `j (j - gamma)`;
  under rotation the path does not end at the point that the notebook marks.
- The ballistic optimizer behind Figure 2(e) keeps no velocity: it is RMSprop.

Where it is exceeded:

- Metric and curvature need not commute, and other coordinates leave the optimal path as it is.
- Motion that is priced by other norms gives sign descent and Muon.
- With fewer controls than parameters the policy's own Jacobian has an antisymmetric part.
- How a landscape drifts decides which optimizer is right: descent, Adam or natural gradient.
- Where a target rests, inference done properly beats Adam at its best constants.
- Where changes of the task are not seen, a filter for each age of it beats one Kalman filter.
"""


def write_page(found: Sequence[Finding], docs: Path, command: str, version: str) -> None:
    """Write claims.md and images/claims/NAME.png into the folder `docs`."""
    images = docs / "images" / "claims"
    images.mkdir(parents=True, exist_ok=True)
    for finding in found:
        if finding.picture is not None:
            write_whole(images / f"{finding.claim.name}.png", finding.picture)
    page = markdown_page(found, command, version)
    write_whole(docs / "claims.md", page)


def markdown_page(found: Sequence[Finding], command: str, version: str) -> str:
    """The page, with pictures in images/claims/ beside it."""
    rows = [
        (f"[{finding.claim.title}](#{_anchor(finding.claim.title)})", finding.verdict)
        for finding in found
    ]
    summary = markdown(("claim", ""), rows, aligned=False)
    introduction = INTRODUCTION.format(command=command, version=version)
    return "\n".join([introduction, summary, "", *map(_section, found)])


def _section(finding: Finding) -> str:
    claim = finding.claim
    parts = [f"## {claim.title}", f"> {claim.sentence}", f"**{finding.verdict.capitalize()}.**"]
    if finding.picture is None:
        return "\n\n".join([*parts, finding.skipped or "", ""])
    rows = [("yes" if check.passed else "**no**", *cells(check)) for check in finding.checks]
    parts += [
        f"![{claim.title}](images/claims/{claim.name}.png)",
        "\n".join(f"- {remark}" for remark in claim.remarks),
        markdown(("holds", *HEAD[1:]), rows, aligned=False),
        "",
    ]
    return "\n\n".join(parts)


def _anchor(title: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    signs = "".join(each for each in title.lower() if each.isalnum() or each in " -_")
    return signs.replace(" ", "-")
