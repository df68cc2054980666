"""Sections of Markdown pages, for other pages to show: each text has one place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = "```"
SHOWN = {
    "README.md": "/quick-start.md",
    "agents/README.md": "/results/agents.md",
    "baselines/README.md": "/results/baselines.md",
}
"""Pages of the site that show a page of the checkout."""


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one that is no deeper.

    Args:
        page: Path of a Markdown page of the checkout; its links become links of the site.
        heading: Without the number signs; that of the title gives what precedes all sections.

    Raises:
        ValueError: without such a heading, naming those there are.
    """
    lines: list[str] = []
    level, headings = 0, []
    for line, depth in _with_depth((ROOT / page).read_text()):
        if depth:
            headings.append(line.lstrip("# "))
        if level and depth and (depth <= level or level == 1):
            break
        if level:
            lines.append(line)
        elif depth and headings[-1] == heading:
            level = depth
    if not level:
        raise ValueError(f"{page} has no heading {heading!r}, but {', '.join(headings)}.")
    return linked("\n".join(lines).strip(), Path(page).parent)


def after(page: str, heading: str) -> str:
    """All that stands below a heading, with what follows it, headings included."""
    text = (ROOT / page).read_text()
    return linked(text.split(f"# {heading}\n", 1)[1].strip(), Path(page).parent)


def linked(text: str, folder: Path) -> str:
    """The text with links that hold on the site, from its root; other files are only named.

    Args:
        text: Markdown.
        folder: Of the page it is from, relative to the checkout.
    """

    def site(match: re.Match[str]) -> str:
        label, target = match.groups()
        if re.match(r"[a-z]+:|#|/", target):
            return match[0]
        path = str((ROOT / folder / target).resolve().relative_to(ROOT))
        page, _, _ = path.partition("#")
        if path.startswith("docs/"):
            return f"[{label}](/{path.removeprefix('docs/')})"
        shown = SHOWN.get(path) or SHOWN.get(page)
        return f"[{label}]({shown})" if shown else label

    return re.sub(r"\[([^]]*)\]\(([^)\s]+)\)", site, text)


def _with_depth(text: str) -> Iterator[tuple[str, int]]:
    """Each line, and how many number signs make it a heading."""
    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith(FENCE)
        signs = re.match(r"(#+) ", line)
        yield line, len(signs[1]) if signs and not fenced else 0
