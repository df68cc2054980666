"""One training run, from configuration to table, picture and learned rule."""

from __future__ import annotations

import json
import shlex
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from agents.announcement import announcement
from agents.config import CONFIG_FILE, RunConfig
from agents.heldout import HeldOut
from agents.picture import save_picture
from agents.prepared import Prepared
from agents.stops import Stops, stops
from agents.trainer import HELD_OUT
from agents.training import train
from baselines import LineUp
from landscape_gym.artifact import save_rule
from landscape_gym.control import LinearQuadraticPolicy
from landscape_gym.evaluation import Comparison, compare
from landscape_gym.files import write_whole
from landscape_gym.learned import LearnedRule
from landscape_gym.problem import NavigationProblem
from landscape_gym.program import noting_how_to_go_on
from landscape_gym.readout import optimal_basis, read_rule, side_by_side
from landscape_gym.refusal import Refusal

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
        BlockingIOError: if another process is at work in the folder.
    """
    prepared = Prepared.of(config, problem)
    with prepared.folder() as folder, noting_how_to_go_on(resuming(folder)), stops() as signals:
        rule = _trained(prepared, folder, signals)
        return _evaluated(prepared, folder, rule)


def train_run(config: RunConfig, problem: NavigationProblem | None = None) -> LearnedRule:
    """Train, and write the run folder as far as evaluation has no part in it.

    Args:
        config: What to run; of one seed.
        problem: As of `run`, which has the errors that are raised, too.
    """
    prepared = Prepared.of(config, problem)
    with prepared.folder() as folder, noting_how_to_go_on(resuming(folder)), stops() as signals:
        return _trained(prepared, folder, signals)


def resuming(folder: Path) -> str:
    """The command that goes on with the run in a folder."""
    return shlex.join(["python", "train_agent.py", "--resume", str(folder)])


def _trained(prepared: Prepared, folder: Path, signals: Stops) -> LearnedRule:
    """Train from where the run is, and write down what was learned."""
    about = prepared.about
    if not prepared.resume:
        write_whole(folder / CONFIG_FILE, json.dumps(about, indent=2))
    if prepared.config.progress:
        line = announcement(prepared.config, folder, prepared.trainer.total)
        print(line, file=sys.stderr, flush=True)
    heldout = HeldOut.of(prepared.regime.problem, prepared.lineup)
    heldout.save(folder)
    begun, busy = time.perf_counter(), time.process_time()
    trainer = train(
        prepared.trainer,
        folder=folder,
        resume=prepared.resume,
        heldout=heldout,
        stops=signals,
        progress=prepared.config.progress,
    )
    took = {
        "seconds": round(time.perf_counter() - begun, 1),
        "processor_seconds": round(time.process_time() - busy, 1),
        "resumed": prepared.resume,
    }
    write_whole(folder / TRAINING_FILE, json.dumps(took))
    trainer.save(folder)
    rule = trainer.rule(about)
    save_rule(rule, folder / RULE_FILE)
    return rule


def _evaluated(prepared: Prepared, folder: Path, rule: LearnedRule) -> Run:
    """Compare what was learned on held-out episodes, and write it down."""
    problem, lineup = prepared.regime.problem, prepared.lineup
    policies = lineup.with_learned(rule)
    comparison = compare(
        problem,
        policies,
        episodes=prepared.config.episodes,
        seed=HELD_OUT,
        optimum=lineup.reference,
    )
    lines = [comparison.table(), *lineup.remarks]
    lines += _readings(problem, rule, lineup)
    if lineup.reference is None and problem.landscape.offers("minimum"):
        lines.append(f"Loss at the minimum: {comparison.minimum_loss:.6g}.")
    report = "\n".join(lines)
    write_whole(folder / "report.txt", report + "\n")
    write_whole(
        folder / "results.json", json.dumps([asdict(r) for r in comparison.results], indent=2)
    )
    save_picture(folder, problem, policies, seed=HELD_OUT)
    return Run(folder, comparison, report, rule)


def _readings(problem: NavigationProblem, learned: LearnedRule, lineup: LineUp) -> list[str]:
    """The learned law beside the theory's, where the theory has a linear one."""
    best = None if lineup.optimum is None else lineup.optimum.policy
    if not isinstance(best, LinearQuadraticPolicy):
        return []
    basis = optimal_basis(problem)
    try:
        return [side_by_side(*(read_rule(problem, policy, basis) for policy in (learned, best)))]
    except Refusal as refusal:  # collinear: a law cannot be told from another
        return [f"The learned law cannot be read: {refusal}"]
