"""Train the experiments of the results page, and write it.

    python -m agents                       # train what is missing under runs/results
    python -m agents --names geometry      # of one experiment
    python -m agents --curves              # train and draw momentum by horizon, resets by hazard
    python -m agents --write               # judge what is there, write agents/README.md, ship
    python -m agents judge landscape-nav   # rules by name, file or folder, beside derived ones
    python -m agents networks              # rules for networks, on networks that they have not seen
    python -m agents ablation              # what each part of landscape-nav's training is worth

Experiments that were stopped go on where they stopped; several of these commands can train
different experiments side by side.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from landscape_gym.extras import needed_by
from landscape_gym.program import noting_how_to_go_on, program

with needed_by(__name__):
    from agents import ablation, judge, networks
    from agents.curves import draw, momentum_curve, reset_curve
    from agents.experiments import BUDGETS, Experiment, train_momentum, train_reset
    from agents.results import Line, Score, line, lines_of, page, score
    from agents.run import RULE_FILE, train_run
    from baselines.pages import ROOT, revision
    from landscape_gym.command_line import named, parsed
    from landscape_gym.configuration import count, one_of
    from landscape_gym.files import write_whole
    from landscape_gym.rendering.png import save

PROG = "python -m agents"
COMMANDS = {"judge": judge, "networks": networks, "ablation": ablation}
"""Other commands, by the first word: modules with options."""
PICTURES = ROOT / "docs" / "images" / "agents"
README = ROOT / "agents" / "README.md"
LIBRARY = ROOT / "landscape_gym" / "learned" / "library"


@dataclass(frozen=True)
class Options:
    """Train the experiments of the results page, and write it."""

    budget: Annotated[str, named(BUDGETS)] = "quick"
    """Which of them: those that take minutes, or those that take longer."""
    names: tuple[str, ...] = ()
    """Which experiments of the budget; none takes all."""
    seeds: int = 3
    """How many seeds of each."""
    folder: Path = Path("runs/results")
    """Where their runs are."""
    curves: bool = False
    """Train and draw the two curves of the theory instead."""
    write: bool = False
    """Write the page and the shipped rules from runs that are there, instead of training."""
    progress: bool = True
    """Whether to show progress bars."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for a name that is not known, or fewer than one seed.
        """
        there = [each.name for each in BUDGETS[one_of("budget", self.budget, BUDGETS)]]
        for name in self.names:
            one_of(f"experiment of the budget {self.budget}", name, there)
        count("seeds", self.seeds)


def main(options: Options) -> None:
    """Train, or write the page."""
    seeds = range(options.seeds)
    if options.write:
        _write(options.folder, seeds)
        return
    if options.curves:
        _draw_curves(seeds)
        return
    with noting_how_to_go_on("The same command"):
        _train_all(options, seeds)


def _train_all(options: Options, seeds: range) -> None:
    there = {each.name: each for each in BUDGETS[options.budget]}
    for name in options.names or there:
        for seed in seeds:
            print(f"{options.budget} {name}, seed {seed}", flush=True)
            place = _place(options.folder, options.budget, there[name], seed)
            _train(there[name], seed, place, options.progress)


def _place(folder: Path, budget: str, experiment: Experiment, seed: int) -> Path:
    return folder / budget / experiment.name / f"seed{seed}"


def _train(experiment: Experiment, seed: int, folder: Path, progress: bool) -> None:
    """Train one seed, unless it is there; go on with it if it was stopped."""
    if (folder / RULE_FILE).is_file():
        return
    train_run(replace(experiment.config(seed), progress=progress).at(folder))


def _draw_curves(seeds: range) -> None:
    """Train what the curves need, and keep points and pictures beside the page."""
    curves = {
        "momentum": lambda: momentum_curve(train_momentum, seeds=seeds),
        "reset": lambda: reset_curve(train_reset, seeds=seeds),
    }
    for name, make in curves.items():
        curve = make()
        write_whole(PICTURES / f"{name}.csv", curve.to_csv())
        save(draw(curve), PICTURES / f"{name}.png")


def _write(folder: Path, seeds: range) -> None:
    """Judge what is there, write the page, and copy the rules that are shipped.

    Experiments that are not there keep their lines of the page.

    Raises:
        FileNotFoundError: if nothing is there.
    """
    if not any(folder.glob(f"*/*/seed*/{RULE_FILE}")):
        raise FileNotFoundError(f"{folder} holds no run of an experiment: train first.")
    LIBRARY.mkdir(exist_ok=True)
    before = lines_of(README.read_text() if README.is_file() else "")
    lines: dict[str, list[Line]] = {}
    for budget, experiments in BUDGETS.items():
        lines[budget] = []
        for experiment in experiments:
            places = [_place(folder, budget, experiment, seed) for seed in seeds]
            if not all((place / RULE_FILE).is_file() for place in places):
                if (kept := before[budget].get(experiment.title)) is not None:
                    lines[budget].append(kept)
                continue
            judged = [score(experiment, k, place) for k, place in zip(seeds, places, strict=True)]
            print(f"{budget} {experiment.name}: {', '.join(_said(s) for s in judged)}")
            lines[budget].append(line(experiment, judged))
            if experiment.ships:
                shutil.copyfile(places[0] / RULE_FILE, LIBRARY / f"{experiment.name}.safetensors")
    write_whole(README, page(lines, "python -m agents --write", revision()))


def _said(score: Score) -> str:
    return f"regret {score.regret:.4f}" if score.ratio is None else f"{score.ratio:.4f}"


@program(PROG, "Nothing was written.")
def _run(words: Sequence[str] | None = None) -> None:
    first, *others = (sys.argv[1:] if words is None else words) or [""]
    if first not in COMMANDS:
        main(parsed(Options, words, prog=PROG, description=__doc__, commands=COMMANDS))
        return
    other: Any = COMMANDS[first]
    prog = f"{PROG} {first}"
    other.main(parsed(other.Options, others, prog=prog, description=other.__doc__))


if __name__ == "__main__":
    sys.exit(_run())
