"""The docs site's Sphinx extension: parts of pages that are written as it is built, and links.

A line ``<!-- write NAME ARGUMENTS -->`` of a page becomes the Markdown that `PARTS` [NAME] returns,
so that what the code or another page knows is said there alone.
"""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from importlib import resources
from inspect import getdoc
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

from docs.generate import notation, notebooks, regime_pages, tutorials
from docs.generate.sections import ROOT, after, linked, section
from landscape_gym.env import LandscapeNavEnv

PACKAGE = "landscape_gym"
SIGN = re.compile(r"^<!-- write (.+) -->$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
FORMULAS = "claims"
"""The page whose code is formulas, but for some that are none."""
INTERVAL = re.compile(r" \[(-?[\d.][\w.+-]*), (-?[\d.][\w.+-]*)\](?= +\|)")
"""In a table, where it stays on the line of its figure."""
SECTION = re.compile(r"[A-Z]\w*:")
"""The head of a section of a docstring in Google's style."""
KEPT = re.compile(r"(``.*?``|`.*?`|(?<!\w)[*]\w+[*])|([|*])")
"""Code and emphasis, or else a sign that would begin something."""


def environment() -> str:
    """The page of the environment, which is its docstring without the first line."""
    return (getdoc(LandscapeNavEnv) or "").partition("\n")[2]


def existing(*pages: str) -> str:
    """Those of the pages that there are, for a table of contents."""
    return "\n".join(page for page in pages if (ROOT / "docs" / f"{page}.md").exists())


PARTS: dict[str, Callable[..., str]] = {
    "after": after,
    "code": tutorials.code,
    "environment": environment,
    "existing": existing,
    "facts": regime_pages.facts,
    "notebook": notebooks.link,
    "output": notebooks.output,
    "regimes": regime_pages.regimes_list,
    "first_result": tutorials.first_result,
    "overview": regime_pages.overview,
    "results": regime_pages.results,
    "section": section,
}
"""By the name in the sign."""


def write_parts(app: Sphinx, page: str, source: list[str]) -> None:
    """Write what signs ask for, and make links to pages of the checkout links of the site.

    On the page of claims code that is a formula is shown as one.
    """

    def part(match: re.Match[str]) -> str:
        name, *arguments = shlex.split(match[1])
        return PARTS[name](*arguments)

    def formula(match: re.Match[str]) -> str:
        found = notation.inline(match[1])
        return match[0] if found is None else f"${found}$"

    text = linked(SIGN.sub(part, source[0]), Path("docs", page).parent)
    if page == FORMULAS:
        text = CODE.sub(formula, text)
    source[0] = INTERVAL.sub("\N{NO-BREAK SPACE}[\\1,\N{NO-BREAK SPACE}\\2]", text)


def with_parts(app: Sphinx, env: BuildEnvironment, *_changes: set[str]) -> list[str]:
    """Pages to read anew each time, since what is written into them may have changed."""
    return [page for page in env.found_docs if SIGN.search(env.doc2path(page).read_text())]


def read_docstring(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Make reStructuredText of a docstring, in the form that this project's have.

    Indented paragraphs are formulas, or commands and columns, which are shown as they are. Bars are
    those of norms, stars those of arguments. Of a name that the package's root has from elsewhere,
    and of a page in Markdown, the first paragraph is enough.
    """
    paragraphs = [list(lines) for filled, lines in groupby(lines, bool) if filled]
    if _is_from_elsewhere(name, thing):
        paragraphs[1:] = [[f"Documented as `{thing.__module__}.{thing.__name__}`."]]
    elif ["## Description"] in paragraphs:
        paragraphs[1:] = [["The page on :doc:`the environment </environment>` says the rest."]]
    head = ""
    # First an empty comment: napoleon takes what stands before a colon there for a field's type.
    lines[:] = ["..", ""] if what in ("attribute", "data", "property") else []
    for paragraph in paragraphs:
        indented = all(line.startswith(" ") for line in paragraph)
        if indented and not SECTION.fullmatch(head):
            formula = notation.tex(paragraph)
            lines += ["::", ""] if formula is None else [".. math::", ""]
            paragraph = paragraph if formula is None else [f"    {formula}"]
        elif not any(line.lstrip().startswith(">>>") for line in paragraph):
            paragraph = [KEPT.sub(lambda found: found[1] or rf"\{found[2]}", p) for p in paragraph]
        lines += [*paragraph, ""]
        head = head if indented else next(p for p in paragraph[::-1] if not p.startswith(" "))


def read_signature(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str | None, result: str
) -> tuple[str | None, str | None]:
    """Leave out signatures that are documented elsewhere, and write defaults that are made anew."""
    if _is_from_elsewhere(name, thing):
        return "", None
    return signature and signature.replace("<factory>", "..."), result


def _is_from_elsewhere(name: str, thing: Any) -> bool:
    """Whether it is a name in the package's root for what a module of it has."""
    above = name.rpartition(".")[0]
    return above == PACKAGE and getattr(thing, "__module__", PACKAGE) != PACKAGE


def find_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element
) -> nodes.Element | None:
    """Where a name leads that is written as it is imported, without its module, if only one has it.

    Also a name with its module, when the package above documents it.
    """
    if node.get("refdomain") != "py":
        return None
    found = _by_ending(env)[node["reftarget"]]
    if len(found) != 1:
        return None
    ((page, anchor),) = found
    return make_refnode(app.builder, node["refdoc"], page, anchor, shown)


@cache
def _by_ending(env: BuildEnvironment) -> defaultdict[str, set[tuple[str, str]]]:
    """Pages and anchors by what a documented name ends with, one part or more."""
    places: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for name, entry in env.domains.python_domain.objects.items():
        parts = name.split(".")
        for first in range(1, len(parts)):
            if not entry.aliased and entry.objtype != "module":
                places[".".join(parts[first:])].add((entry.docname, entry.node_id))
    return places


def lay_plotly_beside(app: Sphinx, failed: Exception | None) -> None:
    """Copy Plotly's script to where the explorer's scenes load it from."""
    if failed is None and app.builder.format == "html":
        script = resources.files("plotly").joinpath("package_data", "plotly.min.js")
        (Path(app.outdir) / "_static" / "plotly.min.js").write_bytes(script.read_bytes())


def lay_notebooks_beside(app: Sphinx, failed: Exception | None) -> None:
    """Write the tutorials' notebooks, as they ran, to where their pages link."""
    if failed is None and app.builder.format == "html":
        notebooks.write_all(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.connect("env-get-outdated", with_parts)
    app.connect("source-read", write_parts)
    app.connect("autodoc-process-docstring", read_docstring, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", read_signature)
    app.connect("missing-reference", find_name)
    app.connect("build-finished", lay_plotly_beside)
    app.connect("build-finished", lay_notebooks_beside)
    return {"parallel_read_safe": False}
