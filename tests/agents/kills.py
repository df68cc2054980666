"""Kill trainings of every algorithm and sweeps, at random moments and as they write; two at once.

    python -m tests.agents.kills                       # 200 trainings, 20 sweeps, 20 times two
    python -m tests.agents.kills --kills 25 --sweeps 0 --pairs 0 --algorithms sac

A run that was killed, however often, ends with the files of one that was not: the same rule, the
same log but for times, bit for bit; nothing half-written, and no lock. A sweep that was killed
keeps its cells, and ends with the same bytes. Of two commands that begin in one folder at the same
time, one trains, and the other says in one line why it does not.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import train_agent
from agents.logs import CSV_FILE
from agents.run import RULE_FILE
from agents.training import train
from baselines.__main__ import main as baselines_command
from landscape_gym.command_line import parsed
from landscape_gym.files import write_whole
from tests.agents.forked import Command, Forked

SMALL = {"timesteps": 1_600, "num_envs": 16, "episode_steps": 11}
ROLLOUTS = SMALL | {"n_steps": 10}
REPLAY = {"timesteps": 480, "num_envs": 8, "episode_steps": 11, "batch_size": 32}
REPLAY |= {"learning_starts": 100, "buffer_size": 500, "gradient_steps": 1}
CASES: dict[str, dict[str, Any]] = {
    "ppo": ROLLOUTS | {"batch_size": 80},
    "recurrent_ppo": ROLLOUTS | {"batch_size": 80, "lstm_size": 8, "timesteps": 960},
    "a2c": ROLLOUTS,
    "trpo": ROLLOUTS | {"batch_size": 80},
    "sac": REPLAY,
    "td3": REPLAY,
    "ars": SMALL | {"n_delta": 2, "num_envs": 4, "timesteps": 3_000},
    "evolution": {"generations": 6, "pairs": 2},
}
"""Settings of a short run of each algorithm."""
REGIMES = {"evolution": "small-networks"}
EPISODE = json.dumps({"episode_steps": 12})
"""What is navigated in comparisons, too."""
SECONDS = 0.05
"""Seconds between checkpoints: many, so that kills come while they are written."""
SWEEP = ["sweep", "--regimes", "geometry", "--policies", "adam", "gradient_descent"]
SWEEP += ["--blocks", "2", "--episodes", "2", "--no-progress"]
NEEDED = ("torch._dynamo", "agents.evolution", "agents.stable_baselines", "baselines.sweep.command")
"""What commands import when they know what they are asked."""
EXPLAINED = (
    "another training is at work in",
    "holds something already; name a new folder with --out",
)
"""What the second of two commands says."""


@dataclass(frozen=True)
class Task:
    """A command that is killed.

    Args:
        name: What it is called.
        command: What is run.
        begin: The words that begin it in a folder.
        goes_on: The words that go on with it.
        left: What it comes to, by the folder that it leaves.
    """

    name: str
    command: Command
    begin: Callable[[Path], list[str]]
    goes_on: Callable[[Path], list[str]]
    left: Callable[[Path], dict[str, Any]]

    def forked(self, folder: Path, **how: Any) -> Forked:
        """Begin, or go on."""
        words = (self.goes_on if folder.is_dir() else self.begin)(folder)
        return Forked(self.command, words, folder.with_suffix(".said"), **how)


def training(algorithm: str) -> Task:
    """A short run of an algorithm."""

    def begin(folder: Path) -> list[str]:
        words = ["--regime", REGIMES.get(algorithm, "long-horizon")]
        words += [] if algorithm in REGIMES else ["--algo", algorithm]
        words += ["--settings", json.dumps(CASES[algorithm]), "--episodes", "4", "--seed", "5"]
        return [*words, "--problem", EPISODE, "--no-progress", "--out", str(folder)]

    def goes_on(folder: Path) -> list[str]:
        if not (folder / "config.json").is_file():
            return begin(folder)
        return ["--resume", str(folder), "--no-progress"]

    return Task(algorithm, train_agent.main, begin, goes_on, left_by_training)


def left_by_training(folder: Path) -> dict[str, Any]:
    """Bytes of what was learned, the log but for times, and names."""
    with (folder / CSV_FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    times = ("time/fps", "time/time_elapsed")
    kept = {name: (folder / name).read_bytes() for name in (RULE_FILE, "results.json")}
    return kept | {
        "log": [{name: row[name] for name in row if name not in times} for row in rows],
        "names": sorted({path.name.split(".out")[0] for path in folder.iterdir()}),
        "last checkpoint": sorted(path.name for path in (folder / "checkpoints").iterdir())[-1:],
    }


def left_by_sweep(folder: Path) -> dict[str, Any]:
    """Bytes of all files."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def the_sweep() -> Task:
    """A short sweep."""
    words = lambda folder: [*SWEEP, "--out", str(folder)]  # noqa: E731
    return Task("sweep", baselines_command, words, words, left_by_sweep)


def leftovers(folder: Path) -> list[str]:
    """What should not be there."""
    names = [path.name for path in folder.rglob("*")]
    return [name for name in names if ".partial" in name or name == ".lock"]


def kept_cells(folder: Path) -> dict[str, int]:
    """Cells that are finished, and when they were written."""
    files = folder.glob("cells/*.json")
    return {path.name: path.stat().st_mtime_ns for path in files if ".partial-" not in path.name}


def killed(task: Task, folder: Path, whole: Whole, draw: np.random.Generator) -> bool:
    """Begin or go on, and be killed at a random moment, or in a random write; whether it was."""
    if draw.random() < 0.5:
        running = task.forked(folder, dies_at=int(draw.integers(1, whole.writes + 1)))
        return running.wait() == -signal.SIGKILL
    return task.forked(folder).wait(draw.uniform(0.0, whole.seconds)) == -signal.SIGKILL


@dataclass(frozen=True)
class Whole:
    """How a task ends that is not killed."""

    seconds: float
    writes: int
    left: dict[str, Any]

    @classmethod
    def of(cls, task: Task, folder: Path) -> Whole:
        """Let it end."""
        begun, running = time.monotonic(), task.forked(folder)
        assert running.wait() == 0, f"{task.name} does not end: {running.said}"
        return cls(time.monotonic() - begun, running.writes, task.left(folder))


def check(task: Task, kills: int, place: Path, seed: int) -> Iterator[str]:
    """Kill a task that often, up to four times each; what is wrong with those that then end.

    Args:
        task: What is killed.
        kills: How many, in all.
        place: For the folders.
        seed: Of the moments.
    """
    draw = np.random.default_rng(seed)
    whole, done, trial = Whole.of(task, place / "whole"), 0, 0
    while done < kills:
        trial += 1
        folder = place / f"run{trial}"
        for _ in range(min(4, kills - done)):
            cells = kept_cells(folder)
            done += killed(task, folder, whole, draw)
            if not cells.items() <= kept_cells(folder).items():
                yield f"{task.name}, run {trial}: a cell was lost"
        cells, running = kept_cells(folder), task.forked(folder)
        if (status := running.wait()) != 0:
            yield f"{task.name}, run {trial}: ends with {status}: {running.said.strip()}"
            continue
        ended = task.left(folder)
        different = [
            name for name in whole.left.keys() | ended if (ended.get(name) != whole.left.get(name))
        ]
        if different:
            yield f"{task.name}, run {trial}: another {', '.join(sorted(different))}"
        if not cells.items() <= kept_cells(folder).items():
            yield f"{task.name}, run {trial}: a cell was computed again"
        if there := leftovers(folder):
            yield f"{task.name}, run {trial}: {', '.join(there)} left behind"


def check_pairs(pairs: int, place: Path, seed: int) -> Iterator[str]:
    """Two commands at once, in a new folder or going on with a run; what is wrong.

    Args:
        pairs: How often.
        place: For the folders.
        seed: Of the moments.
    """
    draw, task = np.random.default_rng(seed), training("ppo")
    whole = Whole.of(task, place / "whole")
    for trial in range(pairs):
        folder = place / f"run{trial}"
        if trial % 2:
            dies_at = int(draw.integers(whole.writes // 5, whole.writes // 2))
            task.forked(folder, dies_at=dies_at).wait()
        waiting, begin = os.pipe()
        words = (task.goes_on if trial % 2 else task.begin)(folder)
        both = [
            Forked(task.command, words, place / f"{name}{trial}.said", after=waiting)
            for name in ("first", "second")
        ]
        os.write(begin, b"..")
        statuses = [running.wait() for running in both]
        if sorted(statuses) != [0, 2]:
            yield f"pair {trial}: end with {statuses}: {[running.said for running in both]}"
            continue
        refused = both[statuses.index(2)].said
        if refused.count("\n") != 1 or not any(part in refused for part in EXPLAINED):
            yield f"pair {trial}: the second says {refused!r}"
        if task.left(folder) != whole.left:
            yield f"pair {trial}: the first leaves something else"
        if there := leftovers(folder):
            yield f"pair {trial}: {', '.join(there)} left behind"


@dataclass(frozen=True)
class Options:
    """Kill trainings and sweeps, and see what is left."""

    kills: int = 200
    """Of trainings, in all."""
    sweeps: int = 20
    """Kills of sweeps."""
    pairs: int = 20
    """How often two trainings begin at once in one folder."""
    algorithms: tuple[str, ...] = tuple(CASES)
    seed: int = 0
    """Of the moments."""


def prepare() -> None:
    """Import what children need, and have them write often, and no pictures that take seconds.

    Runs note the checkout's revision, and go on with another one if files change meanwhile.
    """
    for name in NEEDED:
        import_module(name)
    sys.modules["agents.run"].train = partial(train, checkpoint_seconds=SECONDS)
    sys.modules["agents.config"].revision = lambda: "as it is"
    sys.modules["agents.picture"].save = lambda figure, path: write_whole(path, b"a picture")


def main() -> int:
    """Parse the command line, kill, and print what was wrong; 1 if anything was."""
    options = parsed(Options, None, prog="python -m tests.agents.kills", description=__doc__)
    prepare()
    names, wrong = options.algorithms, 0
    checks: list[tuple[str, Callable[[Path, int], Iterator[str]]]] = []
    for i, name in enumerate(names):
        kills = options.kills * (i + 1) // len(names) - options.kills * i // len(names)
        checks.append((f"{name}: {kills} kills", partial(check, training(name), kills)))
    checks.append((f"sweep: {options.sweeps} kills", partial(check, the_sweep(), options.sweeps)))
    checks.append((f"two at once: {options.pairs} times", partial(check_pairs, options.pairs)))
    for i, (said, checked) in enumerate(checks):
        begun, lines = time.monotonic(), 0
        with tempfile.TemporaryDirectory() as place:
            for line in checked(Path(place), options.seed + i):
                lines += 1
                print(line, flush=True)
        took = time.monotonic() - begun
        print(f"{said}, {lines} wrong, {took:.0f} seconds", flush=True)
        wrong += lines
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
