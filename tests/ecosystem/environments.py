"""A virtual environment for each row, kept until what it is made of changes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

from tests.ecosystem.rows import Row

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".ecosystem"
"""Not tracked by git."""
STAMP = "installed.json"
"""In an environment that is whole: what it was made of."""


class InstallationError(Exception):
    """An environment cannot be made; the text is pip's."""


def environment_of(row: Row) -> Path:
    """The Python of the row's environment, which is made if there is none that is as it should be.

    Raises:
        InstallationError: if pip refuses.
    """
    folder = FOLDER / row.name
    python, stamp = folder / "bin" / "python", folder / STAMP
    made_of = [sys.version, pins(row), asked(row), row.alone, _dependencies(row)]
    wanted = json.dumps(made_of, indent=1)
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pins(row)))
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--no-compile", "-c", str(constraints), *asked(row)])
    if row.alone:
        _run([*pip, "--no-compile", "--no-deps", *row.alone])
    stamp.write_text(wanted)
    return python


def asked(row: Row) -> list[str]:
    """Pip's arguments: this checkout, so that its changes are seen at once, and the library."""
    extras = f"[{','.join(row.extras)}]" if row.extras else ""
    return ["-e", f".{extras}", *row.requirements]


def pins(row: Row) -> list[str]:
    """What constraints.txt pins, but for packages of which the row wants another release."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [line.partition("#")[0].strip() for line in lines]
    return [pin for pin in pinned if pin.partition("==")[0] not in row.freed]


def _dependencies(row: Row) -> list[str]:
    """What pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [project["optional-dependencies"][name] for name in row.extras]
    return [*project["dependencies"], *chain.from_iterable(extras)]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallationError(done.stderr)
