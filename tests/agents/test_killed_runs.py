"""Runs that are killed and resumed. As a script, it has some trained in children, to be killed."""

import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agents import checkpoint
from agents.checkpoint import CHECKPOINTS
from agents.logs import CSV_FILE
from agents.training import train
from tests.agents.test_resume import LONG, differences, ending, logged, points, prepared, resumed

ROOT = Path(__file__).parents[2]


class Parent:
    """A process that has imported all that a training needs, and forks one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what is said is not kept back from `select`
        )

    def begin(self, name: str, folder: Path, die_writing: int = 0) -> int:
        """Have a child train, or go on; its process."""
        return self._told(f"{name}|{folder}|{die_writing}\n")

    def ended(self) -> bool:
        """Whether that child has ended."""
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def wait(self) -> int:
        """Its exit status, or minus the signal that ended it."""
        return self._told("")

    def close(self) -> None:
        self._process.communicate()

    def _told(self, line: str) -> int:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(line.encode())
        return int(stdout.readline())


@pytest.fixture(scope="module")
def parent() -> Iterator[Parent]:
    parent = Parent()
    yield parent
    parent.close()


def killed_at(row: int, parent: Parent, name: str, folder: Path) -> None:
    """Kill a run when it has written that many rows of its log."""
    child, log = parent.begin(name, folder), folder / CSV_FILE
    while not parent.ended():
        if log.exists() and log.read_bytes().count(b"\n") > row:
            os.kill(child, signal.SIGKILL)
            break
        time.sleep(0.01)
    assert parent.wait() == -signal.SIGKILL


def as_script() -> None:
    """Fork a training for each line that is read; say its process, and how it ended."""
    # What a training imports as it begins.
    import torch._dynamo  # noqa: F401

    for line in sys.stdin:
        name, folder, die_writing = line.strip().split("|")
        child = os.fork()
        if child == 0:
            status = 1
            os.dup2(2, 1)  # what it prints is no answer
            try:
                train_or_die(name, Path(folder), int(die_writing))
                status = 0
            except BaseException:  # or the child would go on as its parent does
                traceback.print_exc()
            os._exit(status)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def train_or_die(name: str, folder: Path, die_writing: int) -> None:
    """Train or go on, and be killed when that many checkpoints are written and half of another."""
    write_bytes = Path.write_bytes
    written = 0

    def die_half_way(path: Path, data: bytes) -> int:
        nonlocal written
        if path.suffix == checkpoint.SUFFIX:
            written += 1
            if written == die_writing:
                write_bytes(path, data[: len(data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
        return write_bytes(path, data)

    Path.write_bytes = die_half_way  # type: ignore[method-assign]
    train(prepared(name), folder=folder, resume=folder.exists(), checkpoint_seconds=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_run_that_is_killed_three_times_ends_like_an_uninterrupted_one(
    name: str, tmp_path: Path, parent: Parent
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = ending(train(prepared(name), folder=whole))
    rows = len(logged(whole))
    draw = np.random.default_rng(LONG.index(name))
    first, last = draw.uniform([0.1, 0.6], [0.3, 0.8])
    killed_at(int(first * rows), parent, name, parts)
    parent.begin(name, parts, die_writing=int(draw.integers(1, 3)))
    assert parent.wait() == -signal.SIGKILL
    assert list((parts / CHECKPOINTS).glob("*.partial-*"))
    killed_at(int(last * rows), parent, name, parts)
    parent.begin(name, parts)
    assert parent.wait() == 0
    assert not differences(ending(resumed(name, parts)), expected)
    assert logged(parts) == logged(whole)
    shown = points(parts)
    assert [point.step for point in shown] == sorted({point.step for point in shown})
    assert [point.value for point in shown] == [point.value for point in points(whole)]


if __name__ == "__main__":
    as_script()
