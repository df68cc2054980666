"""The code of tutorials, and what the front page's example prints."""

from __future__ import annotations

import contextlib
import io
import re
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
