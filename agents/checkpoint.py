"""Checkpoints: all that the rest of a training run depends on, in one file.

A run that goes on from a checkpoint ends with the weights, bit for bit, that it would have had
without the interruption, given the same versions on the same machine. Checkpoints are taken at a
training's boundaries (`agents.course`), where nothing is half done.

A file is the magic line, the format's version, the payload's SHA-256, and the payload, a pickle.

Warning: unpickling can run any code. Resume only runs that you or someone you trust began; the
checksum finds damage, not malice.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from agents.logs import LogPosition
from agents.trainer import Trainer
from landscape_gym.files import clear, write_whole

CHECKPOINTS = "checkpoints"
"""The folder, within that of the run."""
SUFFIX = ".checkpoint"
MAGIC = b"landscape-gym checkpoint\n"
VERSION = 1
KEPT = 3
"""How many checkpoints are kept: should the newest be damaged, there are older ones."""

MADE_ANEW = frozenset(
    # of agents
    {"env", "_vec_normalize_env", "_logger", "_custom_logger", "learning_rate", "lr_schedule"}
    | {"start_time", "rollout_buffer", "before_update", "delta_std_schedule"}
    # of environments
    | {"venv", "envs", "simulation", "class_attributes", "problem", "action", "layout", "memory"}
    | {"_filter", "_value", "_recording", "_frame", "rules", "regime"}
    | {"_best", "_simulation", "_metric"}
)
"""What agents and environments are made of and what never changes; the rest is saved."""


class Snapshot(NamedTuple):
    """A run at a boundary, or at its end."""

    settings: Mapping[str, Any]
    """What the run was asked to do, to be compared when it is resumed."""
    finished: bool
    elapsed: int
    """Nanoseconds of training."""
    log: LogPosition
    generators: tuple[Any, Any, Any]
    """States of the global generators of torch, NumPy and Python."""
    parts: list[dict[str, Any]]
    """Attributes of the trainer's parts: an agent, its environment, and what each wraps."""
    evaluations: int = 0
    """How often it has been evaluated on held-out episodes."""


def snapshot(
    trainer: Trainer,
    settings: Mapping[str, Any],
    log: LogPosition,
    *,
    finished: bool = False,
    evaluations: int = 0,
) -> Snapshot:
    """All that the rest of a run depends on; it shares memory with the run.

    Args:
        trainer: At a boundary.
        settings: What the run was asked to do.
        log: How far it has logged.
        finished: Whether there is nothing left to do.
        evaluations: How often it has been evaluated on held-out episodes.
    """
    return Snapshot(
        settings=settings,
        finished=finished,
        elapsed=time.time_ns() - trainer.started,
        log=log,
        # Stable-Baselines3 draws from NumPy's global generator, too.
        generators=(torch.get_rng_state(), np.random.get_state(), random.getstate()),  # noqa: NPY002
        parts=[
            {name: value for name, value in vars(part).items() if name not in MADE_ANEW}
            for part in trainer.parts
        ],
        evaluations=evaluations,
    )


def restore(trainer: Trainer, saved: Snapshot) -> None:
    """Bring a trainer that was set up as the saved one was into the saved state."""
    for part, attributes in zip(trainer.parts, saved.parts, strict=True):
        vars(part).update(attributes)
    trainer.started = time.time_ns() - saved.elapsed
    for_torch, for_numpy, for_python = saved.generators
    torch.set_rng_state(for_torch)
    np.random.set_state(for_numpy)  # noqa: NPY002
    random.setstate(for_python)


def write(folder: Path, steps: int, saved: Snapshot) -> Path:
    """Write a checkpoint, whole or not at all, and remove the oldest.

    Args:
        folder: Of the run.
        steps: Environment steps that are done.
        saved: The run after these.

    Raises:
        ValueError: for what cannot be pickled.
    """
    try:
        payload = pickle.dumps(saved, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"this run cannot be written to a checkpoint: {error}. Define at the top of a module "
            "what a landscape's instances are made of, or train without a folder."
        ) from error
    folder = folder / CHECKPOINTS
    folder.mkdir(exist_ok=True)
    path = folder / f"{steps:012d}{SUFFIX}"
    head = MAGIC + VERSION.to_bytes(4) + hashlib.sha256(payload).digest()
    write_whole(path, head + payload)
    _sync(folder)
    for old in [each for each in _checkpoints(folder) if each.is_file()][KEPT:]:
        old.unlink()
    clear(folder)
    return path


def read(path: Path) -> Snapshot:
    """The run in a checkpoint; see the warning above.

    Raises:
        ValueError: for a damaged file, one of another version, or of something else than a run.
    """
    payload = _payload(path)
    try:
        saved = pickle.loads(payload)
    except Exception as error:  # whatever a class raises that is not there, or is another one now
        raise ValueError(f"{path} cannot be read by this code ({error!r}).") from error
    if not isinstance(saved, Snapshot):
        raise ValueError(f"{path} holds no run, but an object of type {type(saved).__name__}.")
    return saved


def newest(folder: Path) -> Snapshot | None:
    """The run in the newest checkpoint of a run's folder; None if there is none.

    Raises:
        ValueError: if that file is damaged, naming the newest good one and what to do.
    """
    paths = _checkpoints(folder / CHECKPOINTS)
    if not paths:
        return None
    try:
        return read(paths[0])
    except ValueError as damage:
        raise ValueError(f"{damage} {_remedy(paths)}") from damage


def _remedy(paths: list[Path]) -> str:
    """What to do if the first of these checkpoints is damaged."""
    damaged = []
    for path in paths:
        try:
            read(path)
        except ValueError:
            damaged.append(path.name)
        else:
            return (
                f"The newest good one is {path.name}: delete {', '.join(damaged)}, and the run "
                "goes on from that."
            )
    return "No other one is good: delete them all, and the run begins anew."


def _payload(path: Path) -> bytes:
    """What a checkpoint holds, once it has passed the checks."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder, and no checkpoint.")
    data = path.read_bytes()
    rest = data.removeprefix(MAGIC)
    version, digest, payload = rest[:4], rest[4:36], rest[36:]
    if len(rest) == len(data) or len(digest) < 32:
        raise ValueError(f"{path} is damaged: it does not begin as a checkpoint does.")
    if int.from_bytes(version) != VERSION:
        raise ValueError(
            f"{path} has format {int.from_bytes(version)}, and this code reads format {VERSION}: "
            "resume it with the code that wrote it."
        )
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError(f"{path} is damaged: its checksum is not that of its content.")
    return payload


def _checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest first."""
    found = (path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())
    return sorted(found, reverse=True)


def _sync(folder: Path) -> None:
    """Have a folder's names on the disk, and not in a cache that a power cut empties."""
    if os.name == "nt":
        return  # folders cannot be opened there
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
