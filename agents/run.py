"""One training run, from configuration to table and picture."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from stable_baselines3.common.logger import configure

from agents.picture import save_picture
from agents.presets import PRESETS, Preset, default_preset
from agents.training import train_ppo
from baselines import BEST_BELIEF, LOCAL_OPTIMUM, OPTIMUM, LineUp, line_up
from landscape_gym.configuration import merged, one_of, plain
from landscape_gym.control import LinearQuadraticPolicy
from landscape_gym.evaluation import Comparison, compare
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.readout import linear_law
from landscape_gym.registration import REGIMES, Regime

EVALUATION_SEED = 1_000_000
"""Seed of the first held-out episode; training seeds are far below."""


@dataclass(frozen=True)
class RunConfig:
    """Train an agent and compare it with derived rules and the optimum."""

    regime: Literal[tuple(REGIMES)] = "long-horizon"  # type: ignore[valid-type]
    """Which special case of the theory to train on."""
    problem: str = "{}"
    """Fields of the problem to change, as JSON, such as '{"gamma": 1.0}'."""
    observation: str = "{}"
    """Fields of the observation to change, as JSON, such as '{"channels": ["loss"]}'."""
    action: str = "{}"
    """Fields of the action to change, as JSON, such as '{"scale": 2.0}'."""
    preset: Literal[tuple(PRESETS)] | None = None  # type: ignore[valid-type]
    """Which policy, and how it is trained; see agents/presets.py. None takes "schedule" where
    actions set step sizes, and "linear" elsewhere."""
    settings: str = "{}"
    """Fields of the preset to change, as JSON, such as '{"timesteps": 200000}'."""
    seed: int = 0
    """Seed of weights, exploration and training episodes."""
    episodes: int = 512
    """Held-out episodes to evaluate on."""
    plan_paths: bool = False
    """Whether to plan whole paths where nothing faster gives the optimum; takes minutes."""
    out: Path | None = None
    """Folder of the run; None takes a new one under runs/."""
    progress: bool = True
    """Whether to show a progress bar."""


@dataclass(frozen=True)
class Run:
    """What a run left."""

    folder: Path
    comparison: Comparison
    report: str
    """The table and the gains, as printed."""


def run(config: RunConfig, problem: NavigationProblem | None = None) -> Run:
    """Train, evaluate on held-out instances, and write the run folder.

    Args:
        config: What to run.
        problem: Instead of the regime's; for landscapes that are objects in code.

    Raises:
        ValueError: for values that are not accepted, naming those that are.
        FileExistsError: if the folder of the run holds something already.
    """
    regime = _regime(config, problem)
    name = config.preset or default_preset(regime.action)
    preset = _preset(name, config.settings)
    folder = _new_folder(config.out, f"{config.regime}-{name}-seed{config.seed}")
    _write(folder / "config.json", json.dumps(_provenance(config, regime, preset), indent=2))
    logger = configure(str(folder), ["csv", "tensorboard"])
    try:
        agent, learned = train_ppo(
            regime, preset, config.seed, logger=logger, progress=config.progress
        )
    finally:
        logger.close()
    agent.save(folder / "model.zip")
    assert learned.normalizer is not None
    learned.normalizer.save(str(folder / "normalizer.pkl"))

    lineup = line_up(regime.problem, regime.observation, plan_paths=config.plan_paths)
    policies = lineup.with_learned(learned)
    comparison = compare(
        regime.problem,
        policies,
        episodes=config.episodes,
        seed=EVALUATION_SEED,
        optimum=lineup.reference,
    )
    lines = [comparison.table(), *_optima(lineup)]
    if lineup.optimum is not None and isinstance(lineup.optimum.policy, LinearQuadraticPolicy):
        lines.append(_gains(regime.problem, learned, lineup.optimum.policy))
    elif regime.problem.landscape.offers("minimum"):
        lines.append(f"Loss at the minimum: {comparison.minimum_loss:.6g}.")
    report = "\n".join(lines)
    _write(folder / "report.txt", report + "\n")
    _write(folder / "results.json", json.dumps([asdict(r) for r in comparison.results], indent=2))
    save_picture(folder / "paths.png", regime.problem, policies, seed=EVALUATION_SEED)
    return Run(folder, comparison, report)


def _optima(lineup: LineUp) -> list[str]:
    """How the optima were found, and how far they can be trusted, line by line."""
    named = {lineup.reference or LOCAL_OPTIMUM: lineup.optimum, BEST_BELIEF: lineup.belief}
    lines = [f"{name}: {best.status}" for name, best in named.items() if best is not None]
    if lineup.optimum is None:
        lines.append(f"{OPTIMUM}: {lineup.refusals[OPTIMUM]}")
    if underivable := [name for name in lineup.refusals if name != OPTIMUM]:
        lines.append(f"Not derived, their assumptions fail: {', '.join(underivable)}.")
    return lines


def _regime(config: RunConfig, problem: NavigationProblem | None) -> Regime:
    """The regime with the changes that the configuration asks for."""
    regime = REGIMES[one_of("regime", config.regime, REGIMES)]
    changes = {name: _mapping(name, getattr(config, name)) for name in ("observation", "action")}
    regime = regime.configured(problem, **{k: v for k, v in changes.items() if v})
    return replace(regime, problem=regime.problem.replace(**_mapping("problem", config.problem)))


def _preset(name: str, settings: str) -> Preset:
    """The preset of that name with the changes that the configuration asks for."""
    preset = PRESETS[one_of("preset", name, PRESETS)]
    return merged(preset, _mapping("settings", settings), "settings")


def _mapping(name: str, text: str) -> dict[str, Any]:
    """A JSON object from the command line."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"--{name} is a JSON object such as '{{\"key\": 1}}': {error}.") from error
    if not isinstance(value, dict):
        raise ValueError(f"--{name} is a JSON object such as '{{\"key\": 1}}', got {text}.")
    return value


def _new_folder(given: Path | None, stem: str) -> Path:
    """The run's folder, made and empty: the given one, or a new one under runs/."""
    if given is not None:
        if given.exists() and (not given.is_dir() or any(given.iterdir())):
            raise FileExistsError(
                f"{given} holds something already; name a new folder with --out, or move it."
            )
        given.mkdir(parents=True, exist_ok=True)
        return given
    for attempt in range(1, 10_000):
        folder = Path("runs") / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"runs/ is full of {stem}; name a folder with --out.")


def _provenance(config: RunConfig, regime: Regime, preset: Preset) -> dict[str, Any]:
    """What is needed to make the run again."""
    try:
        problem = plain(regime.problem)
    except ValueError:  # the landscape is an object in code
        problem = repr(regime.problem)
    return {
        "command": shlex.join([Path(sys.executable).name, *sys.argv]),
        "revision": _revision(),
        "versions": {name: version(name) for name in ("stable-baselines3", "torch", "numpy")},
        "python": platform.python_version(),
        "seed": config.seed,
        "regime": config.regime,
        "problem": problem,
        "observation": plain(regime.observation),
        "action": plain(regime.action),
        "preset": asdict(preset),
    }


def _revision() -> str | None:
    """The commit that the code is at, with a plus if files were changed since."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def _gains(problem: NavigationProblem, learned: Policy, best: Policy) -> str:
    """The learned law beside the theory's, both fitted to what the policy does."""
    laws = {"learned": linear_law(problem, learned), "theory": linear_law(problem, best)}
    return "\n".join(
        f"{name} gain K, u = -K (theta - z): {_text(law.gain)}   (R^2 {law.r2:.4f})"
        for name, law in laws.items()
    )


def _text(gain: Array) -> str:
    """A gain matrix in one line; its diagonal where it is large."""
    if len(gain) > 4:
        return "diagonal (" + ", ".join(f"{x:.3f}" for x in np.diag(gain)) + ")"
    return "[" + "; ".join(", ".join(f"{x:.3f}" for x in row) for row in gain) + "]"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)
