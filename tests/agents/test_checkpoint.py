"""Files of checkpoints: whole or refused."""

import copy
import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agents import checkpoint
from agents.checkpoint import CHECKPOINTS, Snapshot, newest, read, write
from agents.logs import LogPosition
from landscape_gym.streams import Streams


def saved(rows: int = 0) -> Snapshot:
    return Snapshot({}, False, 0, LogPosition(rows), (None, None, None), [])


def steps(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in (folder / CHECKPOINTS).iterdir())


def flip(path: Path, byte: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[byte] ^= 1
    path.write_bytes(data)


def test_what_is_written_is_read(tmp_path: Path):
    assert newest(tmp_path) is None
    path = write(tmp_path, 5, saved(rows=7))
    assert read(path) == newest(tmp_path) == saved(rows=7)


def test_the_newest_three_are_kept(tmp_path: Path):
    for step in (9, 10, 99, 100):
        write(tmp_path, step, saved(rows=step))
    assert steps(tmp_path) == [10, 99, 100]
    assert newest(tmp_path) == saved(rows=100)


def test_damage_is_found_before_anything_is_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write(tmp_path, 5, saved())
    whole = path.read_bytes()
    monkeypatch.setattr(pickle, "loads", lambda data: pytest.fail("unpickled"))
    places = [*range(80), *range(80, len(whole), 16)]  # all of the head, some of the pickle
    for length in places:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is damaged"):
            read(path)
    for byte in places:
        path.write_bytes(whole)
        flip(path, byte)
        with pytest.raises(ValueError, match=r"is damaged|has format"):
            read(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="is damaged"):
        read(path)


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checkpoint, "VERSION", 2)
    path = write(tmp_path, 5, saved())
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has format 2, and this code reads format 1"):
        read(path)


def test_a_damaged_newest_one_is_refused_and_the_newest_good_one_named(tmp_path: Path):
    paths = [write(tmp_path, step, saved(rows=step)) for step in (1, 2, 3)]
    flip(paths[2])
    with pytest.raises(ValueError, match=r"3\.checkpoint is damaged.*good one is 000000000002"):
        newest(tmp_path)
    flip(paths[1])
    with pytest.raises(ValueError, match=r"good one is 0{11}1\S+: delete 0{11}3\S+ 0{11}2\S+,"):
        newest(tmp_path)
    flip(paths[0])
    with pytest.raises(ValueError, match="No other one is good: delete them all"):
        newest(tmp_path)
    flip(paths[0])
    for path in paths[1:]:
        path.unlink()  # as the message says
    assert newest(tmp_path) == saved(rows=1)


def test_a_file_half_written_is_no_checkpoint_and_is_cleared_away(tmp_path: Path):
    path = write(tmp_path, 5, saved())
    partial = path.with_name(f"{8:012d}.partial-{0:016x}{checkpoint.SUFFIX}")
    partial.write_bytes(path.read_bytes()[:50])
    assert newest(tmp_path) == saved()
    write(tmp_path, 6, saved())
    assert not partial.exists()
    assert steps(tmp_path) == [5, 6]


class Gone:
    """A class that is not there when it is read."""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: rewritten(path, pickle.dumps({"a": "pickle"})), "holds no run, but.*dict"),
        (
            lambda path: rewritten(path, pickle.dumps(Gone()).replace(b"Gone", b"Went")),
            "cannot be read by",
        ),
        (lambda path: rewritten(path, b"no pickle"), "cannot be read by this code"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder, and no checkpoint"),
    ],
)
def test_what_is_no_run_is_named_with_the_newest_that_is(make, said: str, tmp_path: Path):
    write(tmp_path, 5, saved(rows=1))
    make(path := write(tmp_path, 6, saved(rows=2)))
    with pytest.raises(ValueError, match=rf"{path.name} {said}.*newest good one is 000000000005"):
        newest(tmp_path)
    for steps_done in range(7, 12):  # and writing goes on beside it
        write(tmp_path, steps_done, saved())
    assert newest(tmp_path) == saved()


def rewritten(path: Path, payload: bytes) -> None:
    """Put another payload, with its checksum, into a checkpoint."""
    head = checkpoint.MAGIC + checkpoint.VERSION.to_bytes(4)
    path.write_bytes(head + hashlib.sha256(payload).digest() + payload)


def test_a_failing_write_leaves_the_checkpoints_that_were_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*paths: Path) -> None:
        raise OSError("no space left on device")

    write(tmp_path, 5, saved(rows=1))
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        write(tmp_path, 5, saved(rows=2))
    assert newest(tmp_path) == saved(rows=1)
    assert steps(tmp_path) == [5]


def test_what_cannot_be_pickled_is_refused_with_what_to_do(tmp_path: Path):
    with pytest.raises(ValueError, match="train without a folder"):
        write(tmp_path, 0, saved()._replace(settings={"loss": lambda theta: theta}))


@pytest.mark.parametrize("copied", [lambda given: pickle.loads(pickle.dumps(given)), copy.deepcopy])
@pytest.mark.parametrize("normals", [0, 3])
def test_streams_in_a_checkpoint_draw_what_those_in_memory_draw(
    copied: Callable[[Streams], Streams], normals: int
):
    rows = np.arange(4)
    kept = Streams(4, normals, 2, 5, np.dtype("float32"))
    kept.begin(rows)
    kept.advance()
    restored = copied(kept)
    for _ in range(12):
        np.testing.assert_array_equal(kept.normal, restored.normal)
        np.testing.assert_array_equal(kept.uniform, restored.uniform)
        np.testing.assert_array_equal(
            kept.draws(rows[:2]).normal(3), restored.draws(rows[:2]).normal(3)
        )
        kept.advance()
        restored.advance()


def test_many_checkpoints_take_no_references_that_are_not_theirs():
    streams = Streams(16, 3, 2, 5, np.dtype("float32"))
    before = sys.getrefcount(None)
    for _ in range(100):
        pickle.dumps(streams)
    assert sys.getrefcount(None) > before - 100  # torch's generators would take 1600
