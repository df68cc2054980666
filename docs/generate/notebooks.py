"""The tutorials as notebooks: made of their pages, run as the site is built, there to download.

A page of docs/tutorials/ is prose with signs ``<!-- write code SCRIPT MARK -->``; its notebook has
the prose as text and the parts of the script as code, one after the other.
"""

from __future__ import annotations

import os
import re
import tempfile
from functools import cache
from pathlib import Path
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from traitlets.config import Config

from docs.generate.sections import ROOT
from docs.generate.tutorials import TUTORIALS, code

FOLDER = Path("_static", "notebooks")
"""Within the site."""
SECONDS = 600
"""That a cell may take."""
SIGN = re.compile(r"<!-- write (code|output|notebook) (\w+) ?(\w*) -->")
LINK = re.compile(r"\[([^]]*)\]\((?!https?:)[^)]*\)")
"""To a page of the site, which a notebook elsewhere cannot follow."""


def link(script: str) -> str:
    """The line of a tutorial's page that offers its notebook, from docs/tutorials/."""
    target = Path("..") / FOLDER / f"{script}.ipynb"
    return f'<p><a href="{target}" download>Download this page as a notebook</a></p>'


def output(script: str) -> str:
    """What the notebook of a tutorial printed, as a block of text."""
    streams = [
        part.text
        for cell in executed(script).cells
        for part in cell.get("outputs", ())
        if part.output_type == "stream" and part.name == "stdout"
    ]
    return f"```text\n{''.join(streams).rstrip()}\n```"


def write_all(site: Path) -> None:
    """Write the notebooks of all tutorials, with what they printed, into the site's folder."""
    folder = site / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for script in sorted(TUTORIALS.glob("*.py")):
        nbformat.write(executed(script.stem), folder / f"{script.stem}.ipynb")


@cache
def executed(script: str) -> NotebookNode:
    """Run a tutorial's notebook in an empty folder and a kernel of its own, once a build.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell does.
    """
    made = notebook(script)
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, PYTHONPATH=paths):
        # Spoken to by files of ours, not by ports, which others on the machine could read.
        speech = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})
        empty = Path(folder, "empty")
        empty.mkdir()
        client = NotebookClient(made, timeout=SECONDS, startup_timeout=SECONDS, config=speech)
        return client.execute(cwd=str(empty))


def notebook(script: str) -> NotebookNode:
    """A tutorial's page and script, as a notebook that has not run.

    Cells' ids are their places, so that the same page is the same notebook.
    """
    page = (TUTORIALS / f"{script.replace('_', '-')}.md").read_text()
    pieces = SIGN.split(page)
    cells = [_text(pieces[0])]
    for kind, name, mark, prose in zip(*(iter(pieces[1:]),) * 4, strict=True):
        if kind == "code":
            cells.append(
                new_code_cell(code(name, mark).strip("`").removeprefix("python\n").strip())
            )
        cells.append(_text(prose))
    cells = [cell for cell in cells if cell.source]
    for i, cell in enumerate(cells):
        cell.id = f"cell-{i}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _text(prose: str) -> NotebookNode:
    """A cell of the page's prose, without links that hold on the site alone.

    Without the announcement of what all parts print, too: here each prints below itself.
    """
    said = LINK.sub(r"\1", prose).replace("It prints:", "")
    return new_markdown_cell(said.strip())
