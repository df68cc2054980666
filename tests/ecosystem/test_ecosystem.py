"""Checks of other libraries that this environment has all it takes for."""

import sys
from pathlib import Path

import pytest

from tests.ecosystem.examine import examine
from tests.ecosystem.rows import ROWS

HERE = [
    "gymnasium",
    "record-video",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("stable-baselines3", "sb3-contrib")),
    pytest.param("cleanrl", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", HERE)
def test_a_library_works(name: str):
    examination = examine(ROWS[name], python_of=lambda row: Path(sys.executable))
    assert examination.works, examination.said
