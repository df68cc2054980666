"""Files of results: JSON, CSV, Parquet where it can be written, and folders that appear whole."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from landscape_gym.files import hidden_beside, replacing, write_whole


def write_table(
    stem: Path, columns: Sequence[str], records: Sequence[Mapping[str, Any]]
) -> list[Path]:
    """Write records as ``STEM.csv``, and as ``STEM.parquet`` where pyarrow is installed.

    The same records, the same bytes.

    Args:
        stem: The files' name without suffix.
        columns: Names in the order of the table; each record has all of them.
        records: Lines; None stands for what is not known.

    Returns:
        The files.
    """
    files = [stem.with_name(f"{stem.name}.csv")]
    write_whole(files[0], as_csv(columns, records))
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return files
    files.append(stem.with_name(f"{stem.name}.parquet"))
    with replacing(files[1]) as partial:
        pq.write_table(
            pa.table({name: [record[name] for record in records] for name in columns}), partial
        )
    return files


def read_json(path: Path) -> dict[str, Any]:
    """What a file of results holds, to go on from; nothing if there is none.

    Raises:
        ValueError: if the file is damaged.
        OSError: if it cannot be read.
    """
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): move it away, or put it back.") from error


def as_csv(columns: Sequence[str], records: Sequence[Mapping[str, Any]]) -> str:
    """Records as CSV, with a head of the columns' names; None is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A folder to write to, hidden; at the end it becomes `folder`, after an error it is gone.

    Raises:
        OSError: if there is a folder already that holds something.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     with appearing(Path(place) / "results") as partial:
        ...         _ = (partial / "table.csv").write_text("1,2")
        ...     [path.name for path in Path(place).rglob("*")]
        ['results', 'table.csv']
    """
    with hidden_beside(folder) as partial:
        yield partial
        os.replace(partial, folder)


def holds_something(folder: Path) -> bool:
    """Whether it is no folder that is empty, or can be made."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def check_free(folder: Path, option: str = "--out") -> None:
    """Refuse a folder that holds something, or cannot be made, before anything is computed.

    Raises:
        OSError: naming the option to name another by.
    """
    if holds_something(folder):
        raise FileExistsError(f"{folder} holds something already; name a new folder with {option}.")
    above = next(place for place in folder.absolute().parents if place.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        why = "you may not write there" if above.is_dir() else "that is a file"
        raise OSError(f"no folder can be made in {above}: {why}; name another with {option}.")
