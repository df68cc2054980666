"""What a run is asked to do, and what is written down of it so that it can be made again."""

from __future__ import annotations

import ast
import inspect
import json
import platform
import shlex
import textwrap
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from agents.algorithms import ALGORITHMS
from agents.presets import OF_REGIME, PRESETS, preset_for
from agents.trainer import Training
from baselines.pages import revision
from baselines.sweep import EXECUTORS, Workers
from landscape_gym.command_line import named
from landscape_gym.configuration import build, merged, one_of, plain
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import ALL, Regime

CONFIG_FILE = "config.json"
LARGEST_SEED = 2**32 - 1
"""Of NumPy's global generator, which Stable-Baselines3 seeds."""
WHERE = ("executor", "workers", "progress")
"""Fields on which no result depends."""


@dataclass(frozen=True)
class RunConfig:
    """Train an agent and compare it with derived rules and the optimum."""

    regime: Annotated[str, named(OF_REGIME)] = "long-horizon"
    """Which special case of the theory to train on."""
    algo: Annotated[str | None, named(ALGORITHMS)] = None
    """With which algorithm; None takes the one that is best known for the regime."""
    preset: Annotated[str | None, named(PRESETS)] = None
    """Which settings; None takes the regime's own (agents/presets.py), or the algorithm's."""
    settings: str = "{}"
    """Settings to change, as JSON, such as '{"timesteps": 200000}'; they are listed above."""
    problem: str = "{}"
    """Fields of the problem to change, as JSON, such as '{"gamma": 1.0}'."""
    observation: str = "{}"
    """Fields of the regime's observation to change, as JSON, such as '{"channels": ["loss"]}'."""
    action: str = "{}"
    """Fields of the regime's action to change, as JSON, such as '{"scale": 2.0}'."""
    seed: int = 0
    """Seed of weights, exploration and training episodes."""
    seeds: int = 1
    """How many seeds to train, from `seed` on, each in a folder of its own; more than one prints
    them side by side."""
    episodes: int = 512
    """Held-out episodes to evaluate on."""
    plan_paths: bool = False
    """Whether to plan whole paths where nothing faster gives the optimum, even if that takes
    minutes; without it only where few have to be planned."""
    out: Path | None = None
    """Folder of the run; None takes a new one under runs/."""
    resume: Path | None = None
    """Folder of a run that was stopped: it goes on from its newest checkpoint to the weights that
    it would have come to. Everything else is taken from there."""
    executor: Annotated[str, named(EXECUTORS)] = "serial"
    """Where several seeds are trained: one after the other, in processes by joblib, or by Ray: on
    the cluster at RAY_ADDRESS, whose machines share the folder, or else on this machine."""
    workers: int = 2
    """Processes of joblib, or of Ray on this machine."""
    progress: bool = True
    """Whether to show a progress bar."""

    def __post_init__(self) -> None:
        """Check what does not depend on the regime.

        Raises:
            ValueError: for numbers that are out of range, or an executor that is not known.
        """
        Workers(self.executor, self.workers)
        for name in ("seeds", "episodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} is at least 1, got {getattr(self, name)}.")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"--seed is from 0 to {LARGEST_SEED}, got {self.seed}.")

    @property
    def preset_name(self) -> str:
        """The name of the settings that are changed."""
        return preset_for(self.regime, self.algo, self.preset)

    def training(self) -> Training:
        """The settings."""
        preset = PRESETS[self.preset_name]
        return merged(preset, _mapping("settings", self.settings), f"settings of {self.algorithm}")

    @property
    def algorithm(self) -> str:
        """The algorithm's name."""
        return PRESETS[self.preset_name].algorithm

    @property
    def command(self) -> str:
        """What makes the run again, with all that its result depends on.

        Example:
            >>> RunConfig(regime="geometry", seed=2).command
            'python train_agent.py --regime geometry --preset linear --seed 2'
        """
        words = ["--regime", self.regime, "--preset", self.preset_name, "--seed", str(self.seed)]
        for name in ("problem", "settings", "observation", "action"):
            if (given := getattr(self, name)) != "{}":
                words += [f"--{name}", given]
        words += ["--seeds", str(self.seeds)] if self.seeds > 1 else []
        return shlex.join(["python", "train_agent.py", *words])

    def at(self, folder: Path) -> RunConfig:
        """This run in a folder; gone on with, if it was stopped there."""
        if (folder / CONFIG_FILE).is_file():
            return replace(self, out=None, resume=folder)
        return replace(self, out=folder)

    def resumed(self) -> RunConfig:
        """The run at `resume` as it was asked for, to be done as this one says.

        Raises:
            FileNotFoundError: as `read_config`.
            ValueError: as `read_config`, or if there is nothing to resume.
        """
        if self.resume is None:
            raise ValueError("name the run that is to be resumed.")
        return replace(read_config(self.resume), **{name: getattr(self, name) for name in WHERE})

    def configured(self, problem: NavigationProblem | None = None) -> Regime:
        """The regime with the changes that are asked for.

        Args:
            problem: Instead of the regime's.
        """
        regime = ALL[one_of("regime", self.regime, OF_REGIME)]
        changes = {name: _mapping(name, getattr(self, name)) for name in ("observation", "action")}
        regime = regime.configured(problem, **{k: v for k, v in changes.items() if v})
        changed = regime.problem.replace(**_mapping("problem", self.problem))
        return replace(regime, problem=changed)


def read_config(folder: Path) -> RunConfig:
    """What a run was asked to do, from its folder.

    Raises:
        FileNotFoundError: if the folder holds no run.
        ValueError: if its file is damaged.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no {CONFIG_FILE}: name the folder of a run.")
    try:
        given = dict(json.loads(path.read_text())["config"])
    except (ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is damaged ({why}): the run cannot be made out.") from error
    return build(RunConfig, {**given, "out": folder}, str(path))


def provenance(config: RunConfig, regime: Regime, training: Training) -> dict[str, Any]:
    """What is needed to make the run again, in JSON's types."""
    try:
        problem = plain(regime.problem)
    except ValueError:  # the landscape is an object in code
        problem = repr(regime.problem)
    asked = {f.name: getattr(config, f.name) for f in fields(config)}
    return {
        "config": {k: x for k, x in asked.items() if k not in ("out", "resume", *WHERE)},
        "command": config.command,
        "revision": revision(),
        "versions": {
            name: version(name) for name in ("landscape-gym", "stable-baselines3", "torch", "numpy")
        },
        "python": platform.python_version(),
        "seed": config.seed,
        "regime": config.regime,
        "problem": problem,
        "observation": plain(regime.observation),
        "action": plain(regime.action),
        "algorithm": training.algorithm,
        "preset": config.preset_name,
        "settings": plain(asdict(training)),
    }


def settings_help() -> str:
    """All settings of all algorithms, for ``--help``."""
    lines = []
    shown: set[type] = set()
    for cls in ALGORITHMS.values():
        for owner in reversed(cls.__mro__[:-1]):
            if owner in shown:
                continue
            shown.add(owner)
            if not (said := _documented(owner)):
                continue
            users = [name for name, each in ALGORITHMS.items() if issubclass(each, owner)]
            lines += ["", f"Settings of {', '.join(users)}:"]
            for name, text in said.items():
                lines.append(f"  {name} ({getattr(owner, name)!r}): {text}")
    return "\n".join(lines)


def _documented(cls: type) -> dict[str, str]:
    """Each field that a class declares and the string under it, in one line."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(node, ast.ClassDef)
    said = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            if "ClassVar" in ast.unparse(field.annotation):
                continue
            assert isinstance(field.target, ast.Name)
            assert isinstance(text.value, ast.Constant)
            said[field.target.id] = " ".join(str(text.value.value).split())
    return said


def _mapping(name: str, text: str) -> dict[str, Any]:
    """A JSON object from the command line."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"--{name} is a JSON object such as '{{\"key\": 1}}': {error}.") from error
    if not isinstance(value, dict):
        raise ValueError(f"--{name} is a JSON object such as '{{\"key\": 1}}', got {text}.")
    return value
