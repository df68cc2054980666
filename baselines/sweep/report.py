"""What a sweep has found, from its folder alone: tables, CSV, Parquet and pictures.

A regime's policies are compared on the blocks of episodes that all of them have finished, so that
the table of a sweep that was stopped is a fair one, of fewer episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from baselines.files import write_table
from baselines.names import NOTHING, policy_names
from baselines.pages import markdown
from baselines.sweep.cell import check_result, title
from baselines.sweep.engine import results
from landscape_gym.evaluation import HEAD, STAR, Comparison, Rollout, judge
from landscape_gym.files import write_whole
from landscape_gym.landscapes.base import Array
from landscape_gym.registration import REGIMES, regime
from landscape_gym.rendering.png import save
from landscape_gym.report.look import beside, draw_losses, styles

CELLS = "cells"
"""Folder of the cells' files, in the sweep's."""
COLUMNS: tuple[str, ...] = (
    "regime",
    "policy",
    "block",
    "cost",
    "final_excess",
    "diverged",
    "refused",
)
"""Of the table of cells."""
MEANS = ("cost", "final_excess")
"""Which of them are means over the cell's episodes."""


@dataclass(frozen=True)
class Standing:
    """One regime's comparison, as far as it has come."""

    regime: str
    comparison: Comparison
    curves: dict[str, Array]
    """Mean loss above the minimum after each step, (steps + 1,), by policy."""
    refusals: dict[str, str]
    """Why a policy is missing: the assumption that fails."""


def standings(cells: Sequence[dict[str, Any]]) -> list[Standing]:
    """Every regime of which enough is finished, in the order of registration."""
    made = (_standing(name, [c for c in cells if c["regime"] == name]) for name in REGIMES)
    return [standing for standing in made if standing is not None]


def write_report(folder: Path) -> list[Path]:
    """Write what the cells of the folder say; the same cells, the same bytes.

    ``tables.md``; ``cells.csv``, and ``cells.parquet`` where pyarrow is installed; and
    a picture for each regime.

    Returns:
        The files.
    """
    cells = list(results(folder / CELLS, check_result))
    known = standings(cells)
    records = [_record(cell) for cell in cells]
    write_whole(folder / "tables.md", tables(known) + "\n")
    written = [folder / "tables.md", *write_table(folder / "cells", COLUMNS, records)]
    return written + [_picture(folder, standing) for standing in known]


def tables(known: Sequence[Standing]) -> str:
    """A table for each regime, in Markdown."""
    parts = [f"{STAR}; in brackets 95 % intervals, by a bootstrap over episodes."]
    for each in known:
        rows = [result.row for result in each.comparison.results]
        parts += [
            f"## {each.regime}",
            f"{each.comparison.episodes} episodes.",
            markdown(HEAD, rows),
        ]
        if each.refusals:
            parts.append("\n".join(f"- Without {k}: {why}" for k, why in each.refusals.items()))
    return "\n\n".join(parts)


def _standing(name: str, cells: Sequence[dict[str, Any]]) -> Standing | None:
    """A regime's; None as long as no block is finished with all policies that have begun.

    Doing nothing, with which each regime begins, is not compared with itself.
    """
    order = policy_names().index
    cells = sorted(cells, key=lambda cell: (order(cell["policy"]), cell["block"]))
    refusals = {title(cell["policy"]): cell["refused"] for cell in cells if "refused" in cell}
    done: dict[str, dict[int, dict[str, Any]]] = {}
    for cell in cells:
        if "refused" not in cell:
            done.setdefault(cell["policy"], {})[cell["block"]] = cell
    enough = NOTHING in done and len(done) > 1
    common = set.intersection(*map(set, done.values())) if enough else set()
    if not common:
        return None
    kept = {title(p): [blocks[b] for b in sorted(common)] for p, blocks in done.items()}
    comparison = judge(
        regime(name).problem,
        {policy: _joined(blocks) for policy, blocks in kept.items()},
        optimum=title("optimum") if "optimum" in done else None,
    )
    curves = {policy: np.mean([b["excess"] for b in blocks], 0) for policy, blocks in kept.items()}
    return Standing(name, comparison, curves, refusals)


def _joined(blocks: Sequence[dict[str, Any]]) -> Rollout:
    """The episodes of some blocks; of the loss, its last value alone."""
    return Rollout(
        cost=np.concatenate([block["cost"] for block in blocks]),
        excess=np.concatenate([block["final_excess"] for block in blocks])[None],
        path=None,
        diverged=sum(block["diverged"] for block in blocks),
        minimum_loss=float(np.mean([block["minimum_loss"] for block in blocks])),
        privileged=blocks[0]["privileged"],
    )


def _record(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell as a line of a table."""
    means = {name: float(np.mean(cell[name])) for name in MEANS if name in cell}
    return {name: means.get(name, cell.get(name)) for name in COLUMNS}


def _picture(folder: Path, standing: Standing) -> Path:
    """Mean losses over time, of the cheapest policies and what bounds them."""
    figure = Figure(figsize=(10.5, 5.5), layout="constrained")
    axes = figure.subplots()
    looks = styles({result.name: result.cost for result in standing.comparison.results})
    draw_losses(axes, standing.curves, regime(standing.regime).problem.dt, looks)
    beside(axes)
    return save(figure, folder / f"{standing.regime}.png", regime(standing.regime).sentence)
