"""The wheel alone: README's examples of the library run from it, and print what README says."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import warnings
from pathlib import Path

import torch

import landscape_gym

CHECKOUT = Path(__file__).resolve().parents[3]
EXTRAS = ("from agents import", "stable_baselines3")
"""What an example says that needs more than the library."""
PRINTED = re.compile(r"(?<![\w.])\d+\.\d+$", re.M)
"""A figure at the end of a line's comment."""


def library_examples() -> list[str]:
    """Blocks of README that need nothing but the wheel."""
    blocks = (CHECKOUT / "README.md").read_text().split("```python\n")[1:]
    codes = [block.split("```")[0] for block in blocks]
    return [code for code in codes if not any(extra in code for extra in EXTRAS)]


def check(code: str) -> int:
    """Run an example; how many figures it prints as it says, to the last digit that it has."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(code, "README.md", "exec"), {})
    found = [float(number) for number in re.findall(r"\d+\.\d+", printed.getvalue())]
    said = PRINTED.findall(code) if "train(" not in code else []  # rounding grows in training
    for figure in said:
        digits = len(figure.split(".")[1])
        assert figure in {f"{number:.{digits}f}" for number in found}, f"{figure} is not printed"
    return len(said)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """`landscape-gym`, as the wheel installs it."""
    script = Path(sys.executable).parent / "landscape-gym"
    return subprocess.run([script, *words], capture_output=True, text=True, check=False)


def main() -> None:
    at = Path(landscape_gym.__file__).resolve().parent
    assert at != CHECKOUT / "landscape_gym", "the checkout's, not the wheel's"
    torch.set_num_threads(1)
    examples = library_examples()
    assert len(examples) >= 5
    figures = sum(check(code) for code in examples)
    told = command("list")
    line = "the package 'tyro' is missing: pip install 'landscape-gym[agents]'.\n"
    assert (told.returncode, told.stderr) == (2, line), told.stderr
    print(f"{len(examples)} examples, {figures} figures as said")


if __name__ == "__main__":
    main()
