"""Formulas of docstrings become TeX that the site can show; sentences stay as they are."""

import ast
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from docs.generate.notation import inline, tex

converter = pytest.importorskip("docutils.utils.math.latex2mathml", reason="of the extra 'docs'")
LIBRARY = Path(__file__).parents[2] / "landscape_gym"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("x+ = A x + B u", r"x^{+} = A \, x + B \, u"),
        ("S = K_z' S_xx^-1 (c/2)^2", r"S = K_{z}^{\prime} \, S_{xx}^{-1} \, (c/2)^{2}"),
        ("g^_t = h^(1/2) J_null", r"ĝ_{t} = h^{1/2} \, J_{\mathrm{null}}"),
        ("dt lr = sqrt(2 beta^t)", r"\Delta t \, \mathrm{lr} = \sqrt{2 \, \beta^{t}}"),
        ("w <- sum_{i=0..k} a_i / b1", r"w \leftarrow \sum_{i=0\ldots k} a_{i} / b_{1}"),
        ("minimise  E sum_t c_t = J", r"\text{minimise} \quad \mathbb{E} \, \sum_{t} c_{t} = J"),
        ("e ~ N(0, r)     the noise", r"e \sim N(0, r) \qquad \text{the noise}"),
    ],
)
def test_formulas_are_read(written: str, shown: str):
    assert tex([f"    {written}"]) == shown


def test_lines_are_aligned_at_their_relations():
    assert tex(["    a = b", "    c d <- e"]) == (
        r"\begin{aligned} a & = b\\ c \, d & \leftarrow e \end{aligned}"
    )


@pytest.mark.parametrize(
    "written",
    [
        "python -m baselines --episodes=3",
        "P, M, N  value: V = 1/2 P x^2 + terms without x",
        "S        the price of a move",
        "promise <- mean of -dt sum(v g)",
        "lr = 0.1     or lr = 0.2",
        "parameter_rates = K",
    ],
)
def test_what_is_not_a_formula_alone_is_left(written: str):
    assert tex(["    a = b", f"    {written}"]) is None


@pytest.mark.parametrize("code", ["python -m agents", "baselines/claims/", "gain_bound", "a: b"])
def test_code_between_backticks_stays_code(code: str):
    assert inline(code) is None


def test_formulas_of_claims_are_shown():
    page = (LIBRARY.parent / "docs" / "claims.md").read_text()
    codes = dict.fromkeys(re.findall(r"`([^`\n]+)`", page))
    found = {code: formula for code in codes if (formula := inline(code))}
    assert len(found) == len(codes) - 3, "but for a folder, a test and a command"
    assert found["r e^2 / (2 eta)"] == r"r \, e^{2} / (2 \, \eta)"
    for formula in found.values():
        assert converter.tex2mathml(formula).startswith("<math")


def indented() -> Iterator[list[str]]:
    """Indented paragraphs of the library's docstrings."""
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                lines = (ast.get_docstring(node) or "").splitlines()
                blocks = [list(block) for filled, block in groupby(lines, bool) if filled]
                yield from (b for b in blocks if all(line.startswith(" ") for line in b))


def test_the_site_can_show_every_formula():
    found = [formula for block in indented() if (formula := tex(block))]
    assert len(found) > 45
    for formula in found:
        assert converter.tex2mathml(formula, as_block=True).startswith("<math")
