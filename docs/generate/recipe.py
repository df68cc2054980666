"""Write README's table of plain Stable-Baselines3: ``python -m docs.generate.recipe``.

It runs the example that stands above the table, as it is printed; that takes a minute.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time

import torch

from baselines.pages import ROOT, machine, write_between_markers
from docs.generate.sections import section
from landscape_gym.program import program

README = ROOT / "README.md"
HEADING = "Plain Stable-Baselines3"
"""Of the section that the example is in."""
NAME = "recipe"
"""Of the table's markers."""


def code() -> str:
    """The example: the first block of Python in its section."""
    return section("README.md", HEADING).split("```python\n")[1].split("```")[0]


def printed() -> str:
    """What the example prints, and how long it takes."""
    out, begun = io.StringIO(), time.process_time()
    with contextlib.redirect_stdout(out):
        exec(compile(code(), "README.md", "exec"), {})
    seconds = time.process_time() - begun
    return f"```text\n{out.getvalue().rstrip()}\n```\n\n{seconds:.0f} CPU seconds: {machine()}."


@program("python -m docs.generate.recipe", "README is as it was.")
def main() -> None:
    """Run the example, and write what it prints."""
    write_between_markers(README, {NAME: ""}, check_only=True)
    torch.set_num_threads(1)
    write_between_markers(README, {NAME: printed()})


if __name__ == "__main__":
    sys.exit(main())
