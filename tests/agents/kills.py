"""Kill runs of every algorithm, at random moments and as they write, and see what is left.

    python -m tests.agents.kills --kills 200

A run that was killed, however often, ends with the files of one that was not: the same rule, the
same log but for times, bit for bit; nothing half-written, and no lock.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from agents.logs import CSV_FILE
from agents.run import RULE_FILE

ROOT = Path(__file__).parents[2]
SMALL = {"timesteps": 3_200, "num_envs": 16, "episode_steps": 11}
ROLLOUTS = SMALL | {"n_steps": 10}
REPLAY = {"timesteps": 800, "num_envs": 8, "episode_steps": 11, "batch_size": 32}
REPLAY |= {"learning_starts": 100, "buffer_size": 500, "gradient_steps": 2}
CASES: dict[str, dict[str, Any]] = {
    "ppo": ROLLOUTS | {"batch_size": 80},
    "recurrent_ppo": ROLLOUTS | {"batch_size": 80, "lstm_size": 8, "timesteps": 1_600},
    "a2c": ROLLOUTS,
    "trpo": ROLLOUTS | {"batch_size": 80},
    "sac": REPLAY,
    "td3": REPLAY,
    "ars": SMALL | {"n_delta": 2, "num_envs": 4, "timesteps": 12_000},
    "evolution": {"generations": 12, "pairs": 2},
}
"""Settings of a short run of each algorithm."""
REGIMES = {"evolution": "small-networks"}
SECONDS = 0.05
"""Seconds between checkpoints: many, so that kills come while they are written."""
CHILD = f"""
import os, signal, sys
from functools import partial
from pathlib import Path
from agents import run
from agents.training import train
run = sys.modules["agents.run"]
run.train = partial(train, checkpoint_seconds={SECONDS})
dies_at, write_bytes, written = int(os.environ["DIES_AT"]), Path.write_bytes, 0
def dying(path, data):
    global written
    written += 1
    if written == dies_at:
        write_bytes(path, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return write_bytes(path, data)
Path.write_bytes = dying
import train_agent
print("ready", flush=True)
sys.exit(train_agent.main(sys.argv[1:]))
"""
"""A run that kills itself half-way through the write of a number."""


def start(words: list[str], dies_at: int = 0) -> subprocess.Popen[str]:
    """Begin a run that has imported what it needs."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    more = {"OMP_NUM_THREADS": "1", "PYTHONPATH": path, "DIES_AT": str(dies_at)}
    running = subprocess.Popen(
        [sys.executable, "-c", CHILD, "--no-progress", *words],
        env={**os.environ, **more},
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    return running


def asked(algorithm: str, folder: Path) -> list[str]:
    """The words of a run."""
    words = ["--regime", REGIMES.get(algorithm, "long-horizon"), "--algo", algorithm]
    words += ["--settings", json.dumps(CASES[algorithm]), "--episodes", "4", "--seed", "5"]
    return [*words, "--out", str(folder)]


def gone_on(algorithm: str, folder: Path) -> list[str]:
    """The words of a run that begins or goes on."""
    if (folder / "config.json").is_file():
        return ["--resume", str(folder)]
    return asked(algorithm, folder)


def end(running: subprocess.Popen[str]) -> int:
    """Wait for a run."""
    running.communicate()
    return running.returncode


def left(folder: Path) -> dict[str, Any]:
    """What a finished run comes to: bytes of what was learned, and the log but for times."""
    with (folder / CSV_FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    times = ("time/fps", "time/time_elapsed")
    return {
        "rule": (folder / RULE_FILE).read_bytes(),
        "results": (folder / "results.json").read_bytes(),
        "log": [{name: row[name] for name in row if name not in times} for row in rows],
        "names": sorted({path.name.split(".out")[0] for path in folder.iterdir()}),
        "checkpoint": sorted(path.name for path in (folder / "checkpoints").iterdir())[-1:],
    }


def leftovers(folder: Path) -> list[str]:
    """What should not be there."""
    return [
        path.name for path in folder.rglob("*") if ".partial" in path.name or path.name == ".lock"
    ]


def killed(
    algorithm: str, folder: Path, seconds: float, writes: int, draw: np.random.Generator
) -> bool:
    """Begin or go on, and be killed at a random moment, or in a random write; whether it was."""
    if draw.random() < 0.5:
        running = start(gone_on(algorithm, folder), dies_at=int(draw.integers(1, writes + 1)))
        return end(running) == -signal.SIGKILL
    running = start(gone_on(algorithm, folder))
    until = time.monotonic() + draw.uniform(0.0, seconds)
    while time.monotonic() < until and running.poll() is None:
        time.sleep(0.002)
    running.kill()
    return end(running) == -signal.SIGKILL


def check(algorithm: str, kills: int, place: Path, seed: int) -> Iterator[str]:
    """Kill a run that often, in trainings one after the other; what is wrong with those that end.

    Args:
        algorithm: One of `CASES`.
        kills: How many.
        place: For the runs.
        seed: Of the moments.
    """
    draw = np.random.default_rng(seed)
    begun = time.monotonic()
    whole = place / f"{algorithm}-whole"
    assert end(start(asked(algorithm, whole))) == 0, f"{algorithm} does not train"
    expected, seconds, done, training = left(whole), time.monotonic() - begun, 0, 0
    while done < kills:
        training += 1
        folder = place / f"{algorithm}-{training}"
        for _ in range(min(4, kills - done)):
            done += killed(algorithm, folder, seconds, writes=12, draw=draw)
        if (status := end(start(gone_on(algorithm, folder)))) != 0:
            yield f"{algorithm}, training {training}: ends with {status}"
            continue
        ended = left(folder)
        for name, value in expected.items():
            if ended[name] != value:
                yield f"{algorithm}, training {training}: another {name}"
        if there := leftovers(folder):
            yield f"{algorithm}, training {training}: {', '.join(there)} left behind"


def main() -> int:
    """Parse the command line, kill, and print what was wrong; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="in all")
    parser.add_argument("--algorithms", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wrong, names = 0, options.algorithms
    for i, algorithm in enumerate(names):
        kills = options.kills * (i + 1) // len(names) - options.kills * i // len(names)
        with tempfile.TemporaryDirectory() as place:
            for line in check(algorithm, kills, Path(place), options.seed + i):
                wrong += 1
                print(line, flush=True)
        print(f"{algorithm}: {kills} kills", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
