"""Logs that are cut back and continued."""

import csv
import pickle
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from stable_baselines3.common.logger import CSVOutputFormat
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.logs import CSV_FILE, CsvWriter, LogPosition, RunLogger


class Row(NamedTuple):
    values: dict[str, Any]
    excluded: dict[str, tuple[str, ...]]


ROWS = [
    Row({"time/iterations": 1, "time/total_timesteps": 64}, {}),
    Row({"time/iterations": 2, "train/loss": np.float32(0.1), "hidden": 1}, {"hidden": ("csv",)}),
    Row({"time/iterations": 3, "train/loss": 1e-9, "said": 'a "word",\nand another'}, {}),
    Row({"time/iterations": 4, "train/loss": float("nan")}, {}),
]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a,b\n" + b"1" * 200_000 + b"\n"], ids=len)
def test_what_is_no_table_is_refused_by_its_name(content: bytes, tmp_path: Path):
    (tmp_path / "progress.csv").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"progress\.csv is damaged .*put it back, and resume again"
    ):
        CsvWriter(tmp_path / "progress.csv", rows=1)


def test_the_table_is_that_of_stable_baselines(tmp_path: Path):
    ours, theirs = CsvWriter(tmp_path / "ours"), CSVOutputFormat(str(tmp_path / "theirs"))
    for writer in (ours, theirs):
        for row in [*ROWS[:2], ROWS[3]]:  # theirs takes lines for rows when columns are added
            writer.write(row.values, row.excluded)
        writer.close()
    assert table(tmp_path / "ours") == table(tmp_path / "theirs")


@pytest.mark.parametrize("rows", range(5))
def test_the_log_is_cut_back_and_continued(rows: int, tmp_path: Path):
    path = tmp_path / "table.csv"
    first = CsvWriter(path)
    for row in ROWS:
        first.write(row.values, row.excluded)
    first.close()
    whole = table(path)
    with path.open("a") as file:
        file.write("5,0.1")  # killed in the middle of a line
    second = CsvWriter(path, rows)
    assert table(path) == whole[:rows]
    for row in ROWS[rows:]:
        second.write(row.values, row.excluded)
    second.close()
    assert table(path) == whole


def test_a_log_that_lost_rows_is_refused(tmp_path: Path):
    path = tmp_path / "table.csv"
    with pytest.raises(ValueError, match="is missing: put it back"):
        CsvWriter(path, 1)
    writer = CsvWriter(path)
    writer.write(ROWS[0].values, {})
    writer.close()
    with pytest.raises(ValueError, match="has 1 rows, and had 2"):
        CsvWriter(path, 2)
    assert len(table(path)) == 1


def test_what_waits_for_the_next_row_is_logged_after_resuming(tmp_path: Path):
    first = RunLogger(tmp_path)
    first.record("time/iterations", 1)
    first.dump(8)
    first.record_mean("loss", 1.0)
    first.record_mean("loss", 2.0)
    position = pickle.loads(pickle.dumps(first.position))
    first.record_mean("loss", 100.0)
    first.dump(16)
    first.close()
    second = RunLogger(tmp_path, position)
    second.record_mean("loss", 6.0)
    second.record("time/iterations", 1)
    second.dump(16)
    second.close()
    assert table(tmp_path / CSV_FILE) == [
        {"time/iterations": "1", "loss": ""},
        {"time/iterations": "2", "loss": "3.0"},
    ]


def points(folder: Path, tag: str = "train/learning_rate") -> list[Any]:
    """What TensorBoard shows."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return events.Scalars(tag)


def test_tensorboard_shows_steps_that_were_done_again_once(tmp_path: Path):
    for start, values in ((0, (1.0, 2.0, 3.0)), (1, (20.0, 30.0))):
        logger = RunLogger(tmp_path, LogPosition(rows=start, step=8 * start))
        for i, value in enumerate(values, start + 1):
            logger.record("loss", value)
            logger.dump(8 * i)
        logger.close()
        time.sleep(1.1)  # files are read in the order of their names, which have whole seconds
    shown = [(point.step, point.value) for point in points(tmp_path, "loss")]
    assert shown == [(8, 1.0), (16, 20.0), (24, 30.0)]
