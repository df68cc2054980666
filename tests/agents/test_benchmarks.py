"""The benchmark's table, and the place it takes in the README."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BEGIN, END, between_markers, markdown
from benchmarks.timing import Row


def test_the_table_replaces_what_stood_between_the_markers():
    text = f"before\n{BEGIN}\nold\n{END}\nafter"
    table = markdown([Row("what", "1.00", ">= 1", "3 steps/s")])
    replaced = between_markers(text, table)
    assert replaced.startswith("before\n")
    assert replaced.endswith("\nafter")
    assert "| what | 1.00 | >= 1 | 3 steps/s |" in replaced
    assert "old" not in replaced


def test_missing_markers_are_refused():
    with pytest.raises(ValueError, match="benchmarks:begin"):
        between_markers("no markers", "table")


@pytest.mark.slow
def test_the_quick_benchmark_prints_every_row():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len([line for line in done.stdout.splitlines() if line.startswith("|")]) == 12
