"""One training run, from configuration to table, picture and learned rule."""

from __future__ import annotations

import json
import shlex
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from agents.announcement import announcement
from agents.config import CONFIG_FILE, RunConfig, provenance
from agents.picture import save_picture
from agents.training import make_agent, make_env, train
from baselines import BEST_BELIEF, LOCAL_OPTIMUM, OPTIMUM, LineUp, line_up
from baselines.files import holds_something
from landscape_gym.artifact import save_rule
from landscape_gym.control import LinearQuadraticPolicy
from landscape_gym.evaluation import Comparison, compare
from landscape_gym.files import write_whole
from landscape_gym.learned import LearnedRule
from landscape_gym.problem import NavigationProblem
from landscape_gym.program import noting_how_to_go_on
from landscape_gym.readout import optimal_basis, read_rule, side_by_side
from landscape_gym.registration import Regime

EVALUATION_SEED = 1_000_000
"""Seed of the first held-out episode; training seeds are far below."""
LEARNED = "learned"
RULE_FILE = "rule.safetensors"
TRAINING_FILE = "training.json"


@dataclass(frozen=True)
class Run:
    """What a run left."""

    folder: Path
    comparison: Comparison
    report: str
    """The table and the gains, as printed."""
    rule: LearnedRule


def run(config: RunConfig, problem: NavigationProblem | None = None) -> Run:
    """Train, evaluate on held-out instances, and write the run folder.

    Args:
        config: What to run; of one seed.
        problem: Instead of the regime's; for landscapes that are objects in code.

    Raises:
        ValueError: for values that are not accepted, naming those that are.
        FileExistsError: if the folder of the run holds something already.
        FileNotFoundError: if there is no run to resume.
    """
    config, folder, rule = train_run(config, problem)
    with noting_how_to_go_on(resuming(folder) if config.training().resumable else None):
        return _evaluated(config, config.configured(problem), folder, rule)


def train_run(
    config: RunConfig, problem: NavigationProblem | None = None
) -> tuple[RunConfig, Path, LearnedRule]:
    """Train, and write the run folder as far as evaluation has no part in it.

    Args:
        config: What to run; of one seed.
        problem: As of `run`, which has the errors that are raised, too.

    Returns:
        What was run, which is the stopped run's where one is resumed; the folder; and the rule.
    """
    resume = config.resume is not None
    if resume:
        config = config.resumed()
    regime, training = config.configured(problem), config.training()
    about = provenance(config, regime, training)
    folder = config.out
    if folder is None or not resume:
        # What cannot be set up is refused before anything is written.
        with warnings.catch_warnings(action="ignore"):  # which come again
            make_agent(regime, training, make_env(regime, training), config.seed)
        folder = new_folder(config.out, f"{config.regime}-{config.preset_name}-seed{config.seed}")
        write_whole(folder / CONFIG_FILE, json.dumps(about, indent=2))
    if config.progress:
        print(announcement(config, folder), file=sys.stderr, flush=True)
    with noting_how_to_go_on(resuming(folder) if training.resumable else None):
        begun = time.perf_counter()
        trained = train(
            regime,
            training,
            config.seed,
            folder=folder,
            resume=resume,
            progress=config.progress,
            about=about,
        )
        took = {"seconds": round(time.perf_counter() - begun, 1), "resumed": resume}
        write_whole(folder / TRAINING_FILE, json.dumps(took))
        # For scripts of Stable-Baselines3. Both are pickles: they are for who trained them, alone.
        trained.agent.save(folder / "model.zip")
        trained.normalizer.save(str(folder / "normalizer.pkl"))
        save_rule(trained.rule, folder / RULE_FILE)
    return config, folder, trained.rule


def resuming(folder: Path) -> str:
    """The command that goes on with the run in a folder."""
    return shlex.join(["python", "train_agent.py", "--resume", str(folder)])


def _evaluated(config: RunConfig, regime: Regime, folder: Path, rule: LearnedRule) -> Run:
    """Compare what was learned on held-out episodes, and write it down."""
    lineup = line_up(regime.problem, regime.observation, plan_paths=config.plan_paths)
    policies = lineup.with_learned(rule)
    comparison = compare(
        regime.problem,
        policies,
        episodes=config.episodes,
        seed=EVALUATION_SEED,
        optimum=lineup.reference,
    )
    lines = [comparison.table(), *_optima(lineup)]
    lines += _readings(regime.problem, rule, lineup)
    if lineup.reference is None and regime.problem.landscape.offers("minimum"):
        lines.append(f"Loss at the minimum: {comparison.minimum_loss:.6g}.")
    report = "\n".join(lines)
    write_whole(folder / "report.txt", report + "\n")
    write_whole(
        folder / "results.json", json.dumps([asdict(r) for r in comparison.results], indent=2)
    )
    save_picture(folder, regime.problem, policies, seed=EVALUATION_SEED)
    return Run(folder, comparison, report, rule)


def _optima(lineup: LineUp) -> list[str]:
    """How the optima were found, and how far they can be trusted, line by line."""
    named = {lineup.reference or LOCAL_OPTIMUM: lineup.optimum, BEST_BELIEF: lineup.belief}
    lines = [f"{name}: {best.status}" for name, best in named.items() if best is not None]
    if lineup.optimum is None:
        lines.append(f"{OPTIMUM}: {lineup.refusals[OPTIMUM]}")
    if underivable := [name for name in lineup.refusals if name != OPTIMUM]:
        lines.append(f"Not derived, their assumptions fail: {', '.join(underivable)}.")
    return lines


def new_folder(given: Path | None, stem: str) -> Path:
    """The run's folder, made and empty: the given one, or a new one under runs/."""
    if given is not None:
        if holds_something(given):
            raise FileExistsError(
                f"{given} holds something already; name a new folder with --out, move it, or go "
                "on with --resume if it is a run that was stopped."
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


def _readings(problem: NavigationProblem, learned: LearnedRule, lineup: LineUp) -> list[str]:
    """The learned law beside the theory's, where the theory has a linear one."""
    best = None if lineup.optimum is None else lineup.optimum.policy
    if not isinstance(best, LinearQuadraticPolicy):
        return []
    basis = optimal_basis(problem)
    try:
        return [side_by_side(*(read_rule(problem, policy, basis) for policy in (learned, best)))]
    except ValueError as refusal:  # collinear: a law cannot be told from another
        return [f"The learned law cannot be read: {refusal}"]
