"""Commands that fail half-way: a full disk, a seed that fails, a reader who left."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import agents.__main__ as agents_command
import baselines.__main__ as baselines_command
import train_agent
from agents import logs
from baselines import comparison
from landscape_gym.files import write_whole
from landscape_gym.program import sentence
from tests.commands.commands import SMALL, SWEEP, environment

pytestmark = pytest.mark.usefixtures("place")


def full(path: Path, content: str | bytes) -> None:
    """Write nothing, as on a disk that is full."""

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        write_whole(path, content)


@pytest.mark.parametrize("target", ["agents.checkpoint", "agents.run"])
def test_a_disk_that_fills_during_training_leaves_a_run_that_goes_on_to_the_same_rule(
    place: Path, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fills(path: Path, content: str | bytes) -> None:
        begins = path.name in ("config.json", "000000000000.checkpoint")
        (write_whole if begins else full)(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(sys.modules[target], "write_whole", fills)
        assert train_agent.main([*SMALL, "--out", "run"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    for part in ("No space left on device", "Make room", "--resume run goes on."):
        assert part in line
    assert not list(place.rglob("*.partial*"))
    assert train_agent.main(["--resume", "run", "--no-progress"]) == 0
    assert train_agent.main([*SMALL, "--out", "whole"]) == 0
    resumed, whole = ((place / run / "rule.safetensors").read_bytes() for run in ("run", "whole"))
    assert resumed == whole


def test_a_full_disk_in_a_sweep_keeps_the_cells_that_are_finished(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fills(path: Path, content: str | bytes) -> None:
        (full if path.name.startswith("geometry.adam") else write_whole)(path, content)

    with monkeypatch.context() as patched:
        patched.setattr("baselines.sweep.engine.write_whole", fills)
        assert baselines_command.main(SWEEP) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    for part in ("geometry.adam.0000.json: No space", "Make room", "The same command goes on."):
        assert part in line
    kept = sorted(path.name for path in (place / "swept" / "cells").iterdir())
    assert kept == ["geometry.nothing.0000.json", "geometry.nothing.0001.json"]


def test_tables_are_shown_even_if_they_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "out")

    monkeypatch.setattr(comparison, "write_folder", fail)
    words = ["--regime", "geometry", "--rules", "adam", "--no-tuned", "--episodes", "4"]
    assert baselines_command.main([*words, "--no-progress", "--out", "out"]) == 2
    out, line = capsys.readouterr()
    assert "do nothing" in out
    assert line == "baselines: out: Permission denied. Name a place that you may write to.\n"


def test_no_page_is_written_from_no_runs(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(agents_command, "README", place / "README.md")
    assert agents_command._run(["--write", "--folder", "runs"]) == 2
    assert not (place / "README.md").exists()


def test_a_seed_that_fails_is_a_line_and_the_others_are_trained(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    module = sys.modules["agents.run"]
    compare = module.compare

    def fail_once(*_, **__):
        monkeypatch.setattr(module, "compare", compare)
        raise RuntimeError("no such luck")

    monkeypatch.setattr(module, "compare", fail_once)
    assert train_agent.main([*SMALL, "--seeds", "2", "--out", "run"]) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "seed0 failed: RuntimeError: no such luck (traceback: run" in line
    assert line.endswith("python train_agent.py --resume run goes on.\n")
    assert (place / "run" / "seed1" / "results.json").exists()


def test_what_tensorboards_thread_cannot_write_is_told_once():
    told = []

    class Writer(threading.Thread):
        def run(self) -> None:
            raise OSError("disk full")

    class Theirs(Writer):
        __module__ = "tensorboard.summary.writer"

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(threading, "excepthook", lambda failure: told.append(failure.thread))
        with logs.errors_told_once():
            threads = Theirs(), Writer()
            for each in threads:
                each.start()
                each.join()
    assert told == [threads[1]]


def test_errors_of_the_system_say_what_to_do():
    refused = PermissionError(errno.EACCES, "Permission denied", "runs")
    assert sentence(refused) == "runs: Permission denied. Name a place that you may write to."
    assert sentence(OSError("of\nour own")) == "of our own"
    assert "ask for less" in sentence(MemoryError())


@pytest.mark.parametrize("to", ["nobody", "a full disk"])
def test_output_that_cannot_be_written_ends_a_command_quietly(to: str):
    if to == "nobody":
        reader, output = os.pipe()
        os.close(reader)
    else:
        output = os.open("/dev/full", os.O_WRONLY)
    words = [sys.executable, "-m", "landscape_gym.artifact", "check", "geometry"]
    done = subprocess.run(
        words, stdout=output, stderr=subprocess.PIPE, text=True, check=False, env=environment()
    )
    os.close(output)
    said = "python -m landscape_gym.artifact: No space left on device. Make room"
    assert done.returncode == (141 if to == "nobody" else 2)
    assert done.stderr == "" if to == "nobody" else done.stderr.startswith(said)
    assert done.stderr.count("\n") <= 1
