"""What is half-written has a name that nobody can guess, follows no link, and is cleared away."""

import os
import re
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from landscape_gym import files
from landscape_gym.files import PARTIAL, clear, hidden_beside, replacing, write_whole

pytestmark = pytest.mark.skipif(files.fcntl is None, reason="nothing is locked here")
HALF = f"{PARTIAL}0123456789abcdef"
Writing = Callable[[Path], AbstractContextManager[Path]]
BOTH = pytest.mark.parametrize("writing", [replacing, hidden_beside])


def half_way(writing: Writing, path: Path) -> Iterator[int]:
    """A process in the midst of writing; it is killed at the end."""
    told, tell = os.pipe()
    if (pid := os.fork()) == 0:
        with writing(path) as partial:
            content = partial if partial.is_file() else partial / "part"
            content.write_text("half")
            os.write(tell, b".")
            signal.pause()
        os._exit(1)
    os.read(told, 1)
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    yield 0


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@BOTH
def test_what_a_killed_command_leaves_is_cleared_away_and_what_is_written_stays(writing, tmp_path):
    writer = half_way(writing, tmp_path / "table.csv")
    next(writer)
    (partial,) = names(tmp_path)
    assert re.search(r"table.*\.partial-[0-9a-f]{16}", partial)
    clear(tmp_path)
    assert names(tmp_path) == [partial], "it is still being written"
    next(writer)
    assert names(tmp_path) == [partial], "it was left by a kill"
    files._cleared.discard(tmp_path)  # as in a new process
    write_whole(tmp_path / "other.csv", "whole")
    assert names(tmp_path) == ["other.csv"]


def test_only_what_is_half_written_is_cleared_away(tmp_path: Path):
    mine = ["table.csv", "table.partial.csv", "a.partial-12.csv", f"a{HALF}0.csv", "partial-x"]
    for name in [*mine, f"a{HALF}.csv"]:
        (tmp_path / name).write_text("kept")
    (tmp_path / f"folder{HALF}").mkdir()
    (tmp_path / f"link{HALF}.csv").symlink_to(tmp_path / "table.csv")
    (tmp_path / f"link{HALF}").symlink_to(tmp_path)
    clear(tmp_path)
    assert names(tmp_path) == sorted([*mine, f"link{HALF}.csv", f"link{HALF}"])
    assert (tmp_path / "table.csv").read_text() == "kept"


@BOTH
def test_no_two_names_are_the_same_and_none_is_that_of_a_link(writing, tmp_path, monkeypatch):
    with writing(tmp_path / "a.csv") as first, writing(tmp_path / "a.csv") as second:
        assert first != second
        (first if first.is_file() else first / "part").write_text("first")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr(files.secrets, "token_hex", lambda size: "0123456789abcdef")
    stem = "a" if writing is replacing else ".a.csv"
    suffix = ".csv" if writing is replacing else ""
    (tmp_path / f"{stem}{HALF}{suffix}").symlink_to(victim)
    with pytest.raises(FileExistsError) as refused, writing(tmp_path / "a.csv"):
        pass
    assert refused.value.filename == str(tmp_path / "a.csv")
    assert victim.read_text() == "precious"


def test_files_may_be_read_by_whom_the_mask_lets(tmp_path: Path):
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "table.csv", "1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "table.csv").stat().st_mode) == 0o640


@pytest.mark.parametrize("inside", ["", "part/table.csv"])
def test_an_error_names_what_was_asked_for(inside: str, tmp_path: Path):
    def write() -> None:
        with hidden_beside(tmp_path / "out") as partial:
            (partial / "part" / "table.csv").mkdir(parents=True)
            (partial / inside).write_text("a folder")

    with pytest.raises(IsADirectoryError) as refused:
        write()
    assert refused.value.filename == str(tmp_path / "out" / inside)
    assert names(tmp_path) == []
    with pytest.raises(FileNotFoundError) as missing:
        write_whole(tmp_path / "nowhere" / "table.csv", "1")
    assert missing.value.filename == str(tmp_path / "nowhere" / "table.csv")
