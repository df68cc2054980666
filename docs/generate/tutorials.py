"""What tutorials are, and what they print."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import tempfile
from pathlib import Path

TUTORIALS = Path(__file__).parents[1] / "tutorials"
INDEX = Path(__file__).parents[1] / "index.md"


def code(script: str, mark: str = "") -> str:
    """A part of a tutorial, as a block.

    Args:
        script: Its name, without the suffix.
        mark: Where the part begins, which ends where the next does; none is what precedes all.

    Raises:
        ValueError: without such a mark, naming those there are.
    """
    pieces = re.split(r"^# \[(\w+)\]\n", (TUTORIALS / f"{script}.py").read_text(), flags=re.M)
    parts = dict(zip(["", *pieces[1::2]], pieces[::2], strict=True))
    if mark not in parts:
        raise ValueError(f"{script}.py has no mark {mark!r}, but {', '.join(filter(None, parts))}.")
    return f"```python\n{parts[mark].strip()}\n```"


def first_result() -> str:
    """Run the example of the front page, and give what it prints as a block of text."""
    (example,) = re.findall(r"```python\n(.*?)```", INDEX.read_text(), re.S)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, INDEX.name, "exec"), {})
    return f"```text\n{printed.getvalue().rstrip()}\n```"


def output(script: str) -> str:
    """Run a tutorial in an empty folder.

    Args:
        script: Its name, without the suffix.

    Returns:
        What it printed, as a block of text.
    """
    printed = io.StringIO()
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        os.chdir(folder)
        try:
            runpy.run_path(str(TUTORIALS / f"{script}.py"), run_name="__main__")
        finally:
            os.chdir(before)
    return f"```text\n{printed.getvalue().rstrip()}\n```"
