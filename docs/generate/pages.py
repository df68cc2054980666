"""List what is generated, or write it: ``python -m docs.generate.pages [NAME ...]``.

Without a name it lists pages, their generated parts and the commands that write them; "all" writes
everything. Figures of regimes are drawn by ``python -m docs.generate.curves``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    from baselines.pages import ROOT, markdown
    from docs.generate.writers import WRITERS
    from landscape_gym.configuration import one_of


ALL = "all"
HEAD = ("name", "page", "parts", "takes", "command")


def listing() -> str:
    """A line for each writer."""
    rows = [
        (name, w.page, ", ".join(w.blocks) or "all of it", w.takes, f"python {' '.join(w.command)}")
        for name, w in WRITERS.items()
    ]
    return markdown(HEAD, rows)


def write(name: str) -> int:
    """Run the command of a writer on one thread, as `make` does; its exit status."""
    one_thread = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", **os.environ}
    command = [sys.executable, *WRITERS[name].command]
    return subprocess.run(command, cwd=ROOT, env=one_thread, check=False).returncode


@program("python -m docs.generate.pages", "Pages that were named before it are written.")
def main(words: Sequence[str]) -> int:
    """List, or write pages in the order of their names, up to the first that fails."""
    if not words:
        print(listing())
        return 0
    names = [one_of("page", word, (*WRITERS, ALL)) for word in words]
    for name in WRITERS if ALL in names else names:
        print(f"{name}: {WRITERS[name].page}", flush=True)
        if status := write(name):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
