"""A transcript as one long table, a row for each observation: CSV, or Parquet.

A row tells what is seen, with its infos, and what is then done: action and reward are those of the
step that begins there, so the last row of an episode has none.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from baselines.files import appearing
from baselines.record.transcript import Episode
from landscape_gym.landscapes.base import Array

TABLE = "trajectories"
"""File of the table, without suffix."""
ABOUT = "about.json"
"""File beside it that says where it comes from."""

Columns = dict[str, list[Any]]


def check_parquet() -> None:
    """See that Parquet can be written.

    Raises:
        ImportError: without pyarrow.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ImportError("needs pyarrow: pip install 'landscape-gym[parquet]'") from error


def write_csv(folder: Path, blocks: Iterable[list[Episode]], about: Mapping[str, Any]) -> None:
    """Write the table as CSV, in which numbers are read back to the bit; None is an empty cell.

    Raises:
        OSError: if the folder holds something, or cannot be written.
    """
    with appearing(folder) as partial:
        with (partial / f"{TABLE}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for episode in chain.from_iterable(blocks):
                columns = _columns(episode, about)
                if not file.tell():
                    writer.writerow(columns)
                writer.writerows(zip(*columns.values(), strict=True))
        (partial / ABOUT).write_text(json.dumps(about, indent=2) + "\n")


def write_parquet(folder: Path, blocks: Iterable[list[Episode]], about: Mapping[str, Any]) -> None:
    """Write the table as Parquet, a group of rows for each block; None is null.

    Raises:
        OSError: if the folder holds something, or cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with appearing(folder) as partial, ExitStack() as stack:
        writer = None
        for block in blocks:
            table = pa.concat_tables([pa.table(_columns(episode, about)) for episode in block])
            writer = writer or stack.enter_context(
                pq.ParquetWriter(partial / f"{TABLE}.parquet", table.schema)
            )
            writer.write_table(table)
        stack.close()
        (partial / ABOUT).write_text(json.dumps(about, indent=2) + "\n")


def _columns(episode: Episode, about: Mapping[str, Any]) -> Columns:
    """One episode's rows, by the names of the columns."""
    steps = len(episode.rewards)
    rows, goes_on = steps + 1, [False] * steps
    return {
        "regime": [about["regime"]] * rows,
        "policy": [about["policy"]] * rows,
        "episode": [episode.seed - about["first_seed"]] * rows,
        "seed": [episode.seed] * rows,
        "step": list(range(rows)),
        "reward": [*episode.rewards.tolist(), None],
        "action_norm": [*np.linalg.norm(episode.actions, axis=1).tolist(), None],
        "terminated": [*goes_on, episode.terminated],
        "truncated": [*goes_on, not episode.terminated],
        **_spread(episode.infos),
        **_spread({"observation": episode.observations}),
        **{name: [*values, None] for name, values in _spread({"action": episode.actions}).items()},
    }


def _spread(values: Mapping[str, Any], prefix: str = "") -> Columns:
    """A column for each number: of a vector, ``NAME_0``, ``NAME_1``, ..., in its order."""
    columns: Columns = {}
    for name, given in values.items():
        if isinstance(given, Mapping):
            columns.update(_spread(given, f"{prefix}{name}_"))
        else:
            columns.update(_of_array(f"{prefix}{name}", np.asarray(given)))
    return columns


def _of_array(name: str, values: Array) -> Columns:
    if values.ndim == 1:
        return {name: values.tolist()}
    return {f"{name}_{i}": column.tolist() for i, column in enumerate(values.T)}
