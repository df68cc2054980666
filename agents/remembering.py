"""What remembering is worth: every regime by agents with and without a memory.

    python -m agents.remembering            # train what is missing, under runs/remembering
    python -m agents.remembering --write    # judge, and write docs/remembering.md

A benchmark of partial observability with known optima. Trainings are short, half a minute each;
the optimum is that of full information, and a belief is the best that is known for a learner's
channels, which is not trained at all.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from agents.algorithms import PPO, RecurrentPPO
from agents.presets import PRESETS
from agents.stable_baselines import AgentTraining
from agents.training import train
from baselines.hidden_curvature import best_learner
from baselines.pages import ROOT, markdown, source
from landscape_gym.artifact import load_rule, save_rule
from landscape_gym.command_line import parsed
from landscape_gym.control import optimum
from landscape_gym.derivation.memory_rule import best_memory_rule
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.evaluation import Comparison, Estimate, compare
from landscape_gym.files import write_whole
from landscape_gym.learned import LearnedRule
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.program import noting_how_to_go_on, program
from landscape_gym.refusal import Refusal
from landscape_gym.registration import REGIMES, Regime

PROG = "python -m agents.remembering"
PAGE = ROOT / "docs" / "remembering.md"
SEED = 8_000_000
"""Of the first episode that agents are judged on."""
EPISODES = 256
BELIEF, OPTIMUM, FRAME, DESCENT = "belief", "optimum", "frame", "descent"
RATES = (0.5, 0.8, 0.9, 0.95)
"""Of averages."""

SEEN: dict[str, tuple[str, ...]] = {
    "task-switching": ("parameters", "target"),
    "hidden-task-switching": ("gradient", "parameters"),
    "partial-control": ("gradient", "parameters"),
    "double-well": ("parameters",),
}
"""Channels that are no memory of anything, where they are not the gradient alone."""
HIDDEN = {
    "landscape-nav": "curvature, axes, target; noise",
    "hidden-curvature": "curvature, axes",
    "noisy-gradient": "target, which drifts; noise",
    "hidden-task-switching": "target, which jumps; noise",
}
"""What a learner has to infer, where it has to infer anything."""
LEFT_OUT = ("logistic-regression", "drifting-target", "learning-speed")
"""What could be inferred in the first nobody knows; the others have channels for one rule."""
SHIPPED = {
    ("short-horizon", "memoryless"): "short-horizon",
    ("long-horizon", "memoryless"): "long-horizon",
    ("geometry", "memoryless"): "geometry",
    ("partial-control", "memoryless"): "partial-control",
    ("task-switching", "memoryless"): "task-switching",
    ("double-well", "memoryless"): "double-well",
    ("noisy-gradient", "averages"): "noisy-gradient",
    ("hidden-task-switching", "averages"): "hidden-task-switching",
    ("landscape-nav", "frame"): "landscape-nav",
    ("hidden-curvature", "frame"): "hidden-curvature-frame",
}
"""Agents that are there already, by regime and kind: trained for longer (agents/README.md)."""
COUPLED = ("landscape-nav", "hidden-curvature")
"""Where one rule serves all coordinates."""


@dataclass(frozen=True)
class Kind:
    """A kind of memory: what an agent has of it, and how it is trained."""

    title: str
    channels: tuple[str, ...]
    """Besides what is seen now."""
    training: AgentTraining


KINDS: dict[str, Kind] = {
    "memoryless": Kind("memoryless", (), PPO(timesteps=300_000, num_envs=256, batch_size=4096)),
    "averages": Kind(
        "averages",
        ("averages", "lags"),
        PPO(timesteps=400_000, num_envs=256, batch_size=4096),
    ),
    "lstm": Kind(
        "LSTM",
        ("previous_update",),
        replace(
            cast(RecurrentPPO, PRESETS["recurrent"]), timesteps=40_000, num_envs=64, batch_size=640
        ),
    ),
}


@dataclass(frozen=True)
class Options:
    """Train agents with and without a memory, and write what remembering is worth."""

    folder: Path = Path("runs/remembering")
    """Where their rules are."""
    regimes: tuple[str, ...] = tuple(name for name in REGIMES if name not in LEFT_OUT)
    """In which regimes."""
    write: bool = False
    """Judge what is there, and write the page, instead of training; regimes that are not named keep
    their lines."""


def setup(name: str, kind: str) -> tuple[Regime, AgentTraining]:
    """A regime as an agent of a kind meets it, and how it is trained there.

    Args:
        name: Of the regime.
        kind: In `KINDS`.
    """
    own = REGIMES[name]
    channels = (*SEEN.get(name, ("gradient",)), *KINDS[kind].channels)
    channels = tuple(dict.fromkeys(channels))
    seen = ObservationConfig(channels, rates=RATES)
    regime = replace(own, observation=seen)
    training = replace(KINDS[kind].training, observation=None)
    if not isinstance(training, RecurrentPPO):
        training = replace(training, per_coordinate=name in COUPLED, critic="privileged")
    return regime, training


def _place(folder: Path, name: str, kind: str) -> Path:
    return folder / f"{name}-{kind}.safetensors"


def _train(options: Options) -> None:
    """Train what is neither there nor shipped, where there is anything to remember."""
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, kind in itertools.product(options.regimes, KINDS):
        place = _place(options.folder, name, kind)
        if name not in HIDDEN or (name, kind) in SHIPPED or place.is_file():
            continue
        regime, training = setup(name, kind)
        begun = time.process_time()
        trainer = train(training.trainer(regime, 0))
        seconds = round(time.process_time() - begun, 1)
        save_rule(trainer.rule({"regime": name, "seconds": seconds}), place)
        print(f"{name}, {kind}: {seconds:g} s of CPU", flush=True)


def agents_of(name: str, folder: Path) -> dict[str, LearnedRule]:
    """The agents of a regime by kind, shipped ones and those that were trained here.

    Args:
        name: Of the regime.
        folder: Where the rules are.
    """
    found = {}
    for kind in (*KINDS, FRAME):
        if (name, kind) in SHIPPED:
            found[kind] = load_rule(SHIPPED[name, kind])
        elif name in HIDDEN and kind in KINDS:
            found[kind] = load_rule(_place(folder, name, kind))
    return found


def _belief(regime: Regime) -> Policy | None:
    """The best that is known for who infers what is hidden; None where nothing is."""
    try:
        if (hidden := best_learner(regime.problem, regime.observation)) is not None:
            return hidden.policy
        return optimum(regime.problem, regime.observation, plan_paths=False).policy
    except Refusal:
        return None


def judged(name: str, folder: Path) -> Comparison:
    """All agents of a regime, belief and optimum on the same episodes.

    Args:
        name: Of the regime.
        folder: Where the rules are.
    """
    regime = REGIMES[name]
    best = optimum(regime.problem)
    policies: dict[str, Policy] = {**agents_of(name, folder)}
    if name in COUPLED:
        rule = best_memory_rule(linear_setting(regime.problem), 0)
        policies[DESCENT] = RulePolicy(rule)
    if name in HIDDEN and (belief := _belief(regime)) is not None:
        policies[BELIEF] = belief
    policies[OPTIMUM] = best.policy
    return compare(
        regime.problem,
        policies,
        episodes=EPISODES,
        seed=SEED,
        optimum=OPTIMUM,
    )


def row(name: str, found: Comparison, folder: Path) -> tuple[str, ...]:
    """A regime's line of the table.

    Args:
        name: Of the regime.
        found: How its policies did.
        folder: Where the rules are, which say how long they took.
    """
    ratios = {result.name: result.ratio for result in found.results}
    agents = agents_of(name, folder)
    cells = []
    for kind in (*KINDS, FRAME):
        seconds = agents[kind].about.get("seconds") if kind in agents else None
        took = "" if seconds is None else f" ({seconds:.0f} s)"
        cells.append(f"{_short(ratios[kind])}{took}" if kind in agents else "")
    cells.insert(0, _short(ratios[DESCENT]) if DESCENT in ratios else "")
    kinds = (*agents, BELIEF, DESCENT)
    known = {k: r.value for k, r in ratios.items() if r is not None and k in kinds}
    if name not in HIDDEN:  # the optimum is a learner, too
        known[OPTIMUM] = 1.0
    cells.append(_short(ratios[BELIEF]) if BELIEF in ratios else "")
    best = min(known, key=known.__getitem__)
    worth = min(known[k] for k in ("memoryless", DESCENT) if k in known) - known[best]
    return (name, HIDDEN.get(name, "nothing"), *cells, f"{worth:.3f}", TITLES.get(best, best))


def _short(ratio: Estimate | None) -> str:
    assert ratio is not None
    return f"{ratio.value:.3f}" if ratio.value < 100 else f"{ratio.value:.3g}"


TITLES = {**{kind: each.title for kind, each in KINDS.items()}, FRAME: "frame"}
"""Of columns of agents."""
HEAD = ("regime", "hidden", DESCENT, *TITLES.values(), "belief", "worth", "best known")

TEXT = f"""\
What has to be remembered in each regime, and what that is worth. All figures are J / J*, the mean
discounted cost over that of the optimum under full information, in {EPISODES} fresh episodes from
seed {SEED}, one training each. Behind those that were
trained for this table stand the CPU seconds that it took, on one thread that others shared; the
rest are shipped rules, whose trainings [agents](../agents/README.md) tells of. *Worth* is what the
best without a memory pays more than the best that is known without privileges, in units of J*.

- **descent**: the best gradient descent, by its expected cost (`best_memory_rule`), where one rule
  serves all coordinates.
- **memoryless**: PPO on what is seen now: the gradient, and parameters or target where the regime
  shows them; linear, one rule for all coordinates where these interact, a network in the double
  well.
- **averages**: the same with exponential averages of gradients and parameters at four rates.
- **LSTM**: RecurrentPPO on what is seen now and the last update. It has to find out what to
  remember, in 40,000 steps; with a million it comes to 1.06 of what can be known in noisy-gradient
  ([agents](../agents/README.md)).
- **frame**: averages along the eigenvectors of the gradients' second moment, in landscape-nav of
  the likeliest Hessian, by regression on the optimum's moves (`landscape_gym.frame`), as shipped.
- **belief**: what is inferred by Bayes' rule or likelihood (`optimum(problem, observation)`, and a
  quasi-Newton learner where curvature is hidden), which is not trained. Where nothing is hidden
  the optimum itself is a policy without memory.

Where nothing is hidden there is nothing to remember, and a memoryless agent is at the optimum.
Trainings for this table are short, so a column is what half a minute buys, and not the best of its
kind: where an agent with a memory is worse than one without, that is what learning to remember
costs. Logistic regression is left out: nobody knows what could be inferred there."""


def page(rows: Sequence[tuple[str, ...]], command: str) -> str:
    """The page."""
    return (
        "\n\n".join(
            ["# What remembering is worth", f"{source(command)}.", TEXT, markdown(HEAD, rows)]
        )
        + "\n"
    )


def main(options: Options) -> None:
    """Train, or write the page."""
    if not options.write:
        with noting_how_to_go_on("The same command"):
            _train(options)
        return
    rows = rows_of(PAGE.read_text()) if PAGE.is_file() else {}
    for name in options.regimes:
        rows[name] = row(name, judged(name, options.folder), options.folder)
        print(" | ".join(rows[name]), flush=True)
    ordered = [rows[name] for name in REGIMES if name in rows]
    write_whole(PAGE, page(ordered, f"{PROG} --write"))


def rows_of(page: str) -> dict[str, tuple[str, ...]]:
    """The lines of a page's table, by regime."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    rows = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines)
    return {row[0]: row for row in rows if row[0] in REGIMES}


@program(PROG, "Nothing was written.")
def _run(words: Sequence[str] | None = None) -> None:
    main(parsed(Options, words, prog=PROG, description=__doc__))


if __name__ == "__main__":
    sys.exit(_run())
