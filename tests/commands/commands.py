"""The project's commands, as functions of the words behind their names."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import agents.__main__ as agents_command
import baselines.__main__ as baselines_command
import baselines.claims.__main__ as claims
import baselines.continual.__main__ as continual
import baselines.networks.__main__ as networks
import benchmarks.__main__ as benchmarks_command
import docs.generate.__main__ as generate
import landscape_gym.artifact.__main__ as artifact
import tests.ecosystem.__main__ as ecosystem
import train_agent
from benchmarks import executors, explorer, networks_speed, rule_optimizer
from docs.generate import curves, pages, train
from docs.generate import explorer as explorer_scenes
from landscape_gym.__main__ import main as landscape_gym_command

Command = Callable[[list[str]], int]

COMMANDS: dict[str, Command] = {
    "train_agent.py": train_agent.main,
    "python -m agents": agents_command._run,
    "baselines": baselines_command.main,
    "landscape-gym": landscape_gym_command,
    "python -m baselines.claims": claims.main,
    "python -m landscape_gym.artifact": artifact.main,
    "python -m benchmarks": benchmarks_command.main,
    "python -m baselines.networks": networks.main,
    "python -m baselines.continual": continual.main,
    "python -m benchmarks.networks_speed": networks_speed.main,
    "python -m benchmarks.rule_optimizer": rule_optimizer.main,
    "python -m benchmarks.executors": executors.main,
    "python -m benchmarks.explorer": explorer.main,
    "python -m docs.generate": generate.main,
    "python -m docs.generate.curves": curves.main,
    "python -m docs.generate.explorer": explorer_scenes.main,
    "python -m docs.generate.pages": pages.main,
    "python -m docs.generate.train": lambda words: train.main(),
    "python -m tests.ecosystem": ecosystem.main,
}
"""By the name that begins their lines."""

ROOT = Path(__file__).parents[2]
SMALL = ["--no-progress", "--episodes", "8", "--settings"]
SMALL += ['{"timesteps": 2048, "num_envs": 16, "n_steps": 16, "batch_size": 128}']
"""Words of a short training."""
SWEEP = ["sweep", "--out", "swept", "--regimes", "geometry", "--policies", "adam", "--no-progress"]
SWEEP += ["--blocks", "2", "--episodes", "2"]
"""Words of a short sweep."""


def environment(*folders: Path, **more: str) -> dict[str, str]:
    """That of a command in a process of its own, which imports from folders first."""
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    buffered = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "", "PYTHONPATH": path}
    return {**os.environ, **buffered, **more}


def customised(
    script: str, words: list[str], place: Path, **more: str
) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own that runs a script before it imports anything else."""
    (place / "site").mkdir()
    (place / "site" / "sitecustomize.py").write_text(script)
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment(place / "site", **more),
    )
