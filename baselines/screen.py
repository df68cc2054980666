"""Tables and progress on the screen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from baselines.contest import Contest
from baselines.records import footnotes
from landscape_gym.evaluation import HEAD, STAR

WIDTH = 140
"""Columns of a table that goes to a file or a pipe."""
STYLES = {"derived": "bold", "tuned": "", "learned": "bold cyan", "bound": "green", "nothing": ""}


class Bar(AbstractContextManager["Bar"]):
    """A progress bar over cells, regime by rule, on standard error."""

    def __init__(self, cells: int, *, shown: bool = True) -> None:
        """Count up to `cells`."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
            disable=not shown,
        )
        self._task = self._progress.add_task("", total=cells)
        self._begun = 0

    def __enter__(self) -> Bar:
        """Show the bar."""
        self._progress.start()
        return self

    def begin(self, cell: str) -> None:
        """Begin a cell; the one before it is done."""
        self._progress.update(self._task, description=cell, completed=self._begun)
        self._begun += 1

    def ended(self, cell: str) -> None:
        """Count a cell that has ended, of several that are under way."""
        self._begun += 1
        self._progress.update(self._task, description=cell, completed=self._begun)

    def __exit__(self, *error: object) -> None:
        """Complete the bar, unless an error cut it short."""
        if error[0] is None:
            self._progress.update(self._task, description="done", completed=self._begun)
        self._progress.stop()


def show(contests: Sequence[Contest]) -> None:
    """Print a table for each regime, with its footnotes."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    for contest in contests:
        console.print(table(contest))
        for line in [STAR, *footnotes(contest)]:
            console.print(Text(f"  {line}"), style="dim")
        console.print()


def table(contest: Contest) -> Table:
    """One regime's table."""
    comparison = contest.comparison
    out = Table(
        title=f"{contest.name}: {contest.sentence}",
        caption=f"{comparison.episodes} test episodes of {comparison.steps} steps from seed "
        f"{contest.settings.seed}; in brackets 95 % intervals",
        title_justify="left",
        caption_justify="left",
    )
    for i, head in enumerate(HEAD):
        out.add_column(head, justify="right" if i else "left")
    for result in comparison.results:
        style = STYLES[contest.entrants[result.name].group]
        row = result.row_of(comparison.episodes)
        out.add_row(*map(Text, row), style=style)  # Text: brackets are no markup
    return out
