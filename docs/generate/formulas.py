"""Formulas as MathML, made as the site is built: pages load no script or font for them."""

from __future__ import annotations

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

NAME = "mathml"


def write_inline(page: HTML5Translator, node: nodes.math) -> None:
    """A formula within a line."""
    page.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def write_block(page: HTML5Translator, node: nodes.math_block) -> None:
    """A formula on a line of its own, which scrolls if it is too wide."""
    formula = tex2mathml(node.astext(), as_block=True)
    page.body.append(f'<div class="formula">{formula}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.add_html_math_renderer(NAME, (write_inline, None), (write_block, None))
    return {"parallel_read_safe": True}
