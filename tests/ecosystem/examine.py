"""Run the check of a row in its environment, and say in a line how it went."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.ecosystem.environments import FOLDER, ROOT, InstallationError, environment_of
from tests.ecosystem.rows import Row

CHECKS = Path(__file__).parent / "checks"
SECONDS = 600
"""That a check may take."""
SURROUNDINGS = {
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
VERSIONS = (
    "import json, sys; from importlib.metadata import version; "
    "print(json.dumps([version(name) for name in sys.argv[1:]]))"
)
LONGEST = 200
"""Characters of a reason."""


@dataclass(frozen=True)
class Examination:
    """How the check of a row went."""

    row: Row
    works: bool
    said: str
    """What the check found, or the reason why it failed, in a line."""
    version: str = "-"
    gymnasium: str = "-"


def examine(
    row: Row,
    *,
    checks: Path = CHECKS,
    seconds: float = SECONDS,
    python_of: Callable[[Row], Path] = environment_of,
) -> Examination:
    """Install and check; whatever goes wrong is what the examination says.

    Args:
        row: What to check.
        checks: The folder of the script.
        seconds: After which the check is ended.
        python_of: Makes the row's environment and gives its Python.
    """
    try:
        python = python_of(row)
    except InstallationError as error:
        return Examination(row, False, f"cannot be installed: {reason(str(error))}")
    version, gymnasium = _versions(python, row.distribution, "gymnasium")
    with tempfile.TemporaryDirectory() as folder:
        works, said = _ran([str(python), str(checks / row.script)], folder, seconds)
    return Examination(row, works, said, version, gymnasium)


def reason(errors: str) -> str:
    """What went wrong, in a line: pip's first complaint, the exception, or the last line.

    Paths are shortened, as they differ between machines.
    """
    complaints = [line for line in errors.splitlines() if line.startswith("ERROR: ")]
    said = complaints[0] if complaints else _exception(errors)
    for folder in (FOLDER, ROOT, Path(tempfile.gettempdir()), Path.home()):
        said = said.replace(f"{folder}{os.sep}", "")
    return f"{said[: LONGEST - 3]}..." if len(said) > LONGEST else said


def _exception(errors: str) -> str:
    """The last exception of a traceback, with the line that raised it if it says no more."""
    _, place, rest = errors.rpartition('\n  File "')
    lines = [line for line in rest.splitlines() if line.strip()]
    if not place:
        return lines[-1].strip() if lines else "no reason given"
    raised = next((i for i, line in enumerate(lines) if i and line[0] != " "), len(lines))
    said = " ".join(" ".join(lines[raised:]).split())
    source = "".join(line.strip(" ^~") for line in lines[1:raised])
    return said if ":" in said else f"{said}: {source}"


def _ran(command: list[str], folder: str, seconds: float) -> tuple[bool, str]:
    """Whether a command succeeds, run in a folder, and its last line or what went wrong."""
    surroundings = {**os.environ, **SURROUNDINGS, "MINARI_DATASETS_PATH": folder}
    surroundings.pop("PYTHONPATH", None)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that it can be ended with the processes that it started
    )
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return False, f"took more than {seconds:g} seconds"
    if process.returncode:
        return False, reason(errors)
    return True, (output.strip().splitlines() or [""])[-1]


def _versions(python: Path, *names: str) -> list[str]:
    command = [str(python), "-c", VERSIONS, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else ["-"] * len(names)
