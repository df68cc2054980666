"""The results page: every experiment's seeds, judged on episodes that nothing was tuned on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agents.experiments import Experiment
from agents.run import RULE_FILE, TRAINING_FILE
from baselines.pages import markdown, source
from landscape_gym.artifact import load_rule
from landscape_gym.control import optimum
from landscape_gym.evaluation import Rollout, judge, rollout, with_nothing
from landscape_gym.learned import LearnedRule
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.readout import optimal_basis, read_exponent, read_rule

INTRODUCTION = """\
# Agents

What Stable-Baselines3 agents and regression on the optimum's moves have learned, against the
optimum of what they can know: full information where the target shows in the gradient, the Kalman
filter's controller (LQG) where it is hidden behind noise, and full information, which no learner
reaches, where curvature is hidden. Three seeds each, or as many as are in brackets, trained on one
thread. J / J* is the ratio of mean discounted costs, on the same fresh episodes for all; regret is
(J - J*) / (J_null - J*), J_null the cost of doing nothing; the worst of the seeds is in the table,
beside what it was to be at most. Seconds are of a processor where rules were found by regression,
and on the clock in the others: those of two trainings side by side, and of up to four.

    python -m agents            # train what is missing, under runs/results
    python -m agents --curves   # train and draw the two curves
    python -m agents --write    # judge what is under runs/results, and write this page

Rows of agents whose runs are not there stay as they were judged before.

Rules of seed 0 are shipped: `landscape_gym.load_rule(NAME)`, with the names that
`landscape_gym.artifact.shipped_rules()` gives."""

MISSED = """\
## Where a bar is missed, and what was tried

Trials were single trainings of seed 0, with other `--settings`, unless more is said.

- **Reset weight**: the bars were 6 % and 2 %. It is a small difference of two gains, so 1 % off
  in each is 5 to 10 % in it. With a critic that is trained by gradient steps, w was biased towards
  0 (a tenth to a quarter of the theory's at lambda 0.8). With one that is solved for, what is left
  is the noise of redraws: three times the steps halve it. Lambda 0.5 did as 0.8; quieter
  exploration scattered more (in 4 M steps 0.21, 0.34 and 0.26 for 0.201).
- **Kalman filter**: met, and not when exploration is louder, which biases it. With the critic
  trained and log_std from -0.5 the flat coordinate's gain came to -3.5, from -1.5 to -0.5, for
  -0.28 (one seed each). A critic that sees the true error has less noise but is wrong, as
  its values depend on how sure the belief is: 1.026, from -2 and solved for.
- **gamma = 10**: the regret was to be 0.002. A rule hardly pays there, and its gains are a
  hundredth of a step; 10 M steps come to 0.0004.
- **Hidden curvature at length**: the bars were 1.02 along the axes and, rotated, 1.035, with 1.04
  and 1.15 in other dimensions. Along the axes three times the steps with quieter noise at the end
  came from 1.026 to 1.0204, and wider layers (64, 64) with larger batches to no less. Rotated, more
  than twice the steps came to no less than 2.5 M, so the shorter one is shipped.
- **Hidden curvature in any dimension**: met, by all seeds: 1.03, and in other dimensions 1.04 and,
  the worst episode, 1.15. It took four things. Units of the first gradient: with the frame's
  constants as they are, episodes that begin beside the target, where all is smaller than those,
  came to 1.50 at d = 2; where nothing told how long that gradient was, d = 6 came to 1.037. Errors
  over J*^1.75: at d = 2 the best learner by regression is known, as two moves show all of the
  curvature. For its first it takes the mean of u* over landscapes whose first gradient is as long
  (by three million draws), for its second one integral, and then it moves as the optimum does. With
  errors over J*^1.5 its worst is 1.138, all of it lost by the first move of an episode that begins
  beside the target where curvature is greatest, whose gradient is as long as that of shallow ones;
  over J*^2 it is 1.068, and the mean 1.021 instead of 1.018; over J* 1.26. Steps of Adam:
  minibatches of 640 in place of 2560 brought means of 1.035, 1.039 to 1.028, 1.028 at d = 2 (seeds
  0 and 1), and those of 320 the worst episodes there from 1.097, 1.102, 1.152 to 1.096, 1.085,
  1.121; more episodes, more rounds, and averages of the weights did not. And the first moves where
  coordinates are many: without wide episodes d = 1000 came to 1.039, 1.060, 1.063 in two episodes,
  nearly all of it lost by the first thirty moves, whose coefficients were what lies beyond d = 60;
  whole episodes of d = 200 in place of those of d = 60, one a round, scattered. A minibatch takes
  as many of their axes as of others: with one step of theirs in each, the mean and the worst of
  2048 episodes at d = 2 from seed 1,700,000 came to 1.038, 1.029, 1.030 and 1.204, 1.267, 1.256,
  now to 1.033, 1.032, 1.028 and 1.109, 1.077, 1.285, where J* is 0.001. Errors of wide episodes
  that count for 0.3 do as well (seed 0).
- **Logistic regression**: the bar was 1.05. One step size and one momentum for all parameters, of
  loss and age, come to 1.09; a rule in the frame of gradients, 24 rounds of 64 episodes, to 1.062
  (1.070 in 16 of 32; 1.086 in units of the first gradient); one matrix times the gradient to 1.043.
- **Averages at length**: the bar was 1.03; one seed of three is below it.
- **Right well**: always was asked. At gamma 1 there are starts beside the edge between the basins,
  which the network draws a little off; what such a start loses is small.
- **Not run at length**: the network at gamma 1, the LSTM and the double well at gamma 1, whose
  ratios meet the longer bars (1.001, 1.08, 1.002) within minutes; and the task that is not seen.
- **Learning speed**: the bar was 1.01, and two seeds of three meet it; all do in the 1024 episodes
  from seed 8,000,000 (1.0061, 1.0090, 1.0043). Twice the steps are no cure: in 8 M all three came
  to 1.0130, 1.0072, 1.0051 in the page's episodes. In 6 M steps seed 0 came to 1.004, and seed 1 to
  1.023 (from seed 1,600,000). 2 M steps of 5e-3 with batches of 6400 and louder exploration,
  log_std from -2 to -5, scattered from seed to seed: 1.0022, 1.0361 and 1.0577. With exploration
  that ended at -4 rates were a quarter too high where losses are large: 1.018, 1.024.
- **Seconds**: four rows took longer than 300, with up to four trainings on two cores."""

CURVES = """\
## Learned constants on the theory's curves

Every dot is read off one training (`landscape_gym.readout`), the line is the theory's.

![Momentum against the horizon](../docs/images/agents/momentum.png)

![Reset weight against the hazard](../docs/images/agents/reset.png)

Momentum is that of ``u = -a g + b u_prev`` where curvature is hidden; the reset weight w that of
``u = -r (theta - [(1 - w) z + w mu])`` where tasks are redrawn. What biases b in training, and by
how much, is told in agents/curves.py. Points: docs/images/agents/*.csv."""

FRESH_SEED = 7_000_000
"""Of the first episode; presets were chosen on others."""
EPISODES = Experiment.episodes
DIMS = {2: 256, 100: 256, 1000: 32}
"""Dimensions that a rule is carried over to, and in how many episodes."""
FRAMED_DIMS = {2: 1024, 100: 64, 1000: 4}
"""The same of a rule in a frame, which turns axes of d coordinates at every step."""


@dataclass(frozen=True)
class Score:
    """How one seed did."""

    seed: int
    ratio: float | None
    regret: float
    seconds: float
    """That training took."""
    extra: tuple[float, ...] = ()
    """What else was measured; what it says is in `EXTRAS`."""


EXTRAS = {
    "gains": "largest error of a gain",
    "reset weight": "largest error of a reset weight",
    "right well": "episodes that end in the optimum's well",
    "exponent": "exponents of the curvature",
}


def score(experiment: Experiment, seed: int, folder: Path) -> Score:
    """Judge the rule in a run's folder."""
    rule = load_rule(folder / RULE_FILE)
    problem = experiment.config(seed).configured().problem
    episodes = min(EPISODES, experiment.episodes)
    best, others = _others(experiment, episodes)
    runs = {**_runs(problem, {"learned": rule}, episodes), **others}
    result = judge(problem, runs, optimum="optimum" if experiment.known else None)["learned"]
    return Score(
        seed=seed,
        ratio=None if result.ratio is None else result.ratio.value,
        regret=result.regret.value,
        seconds=_seconds(folder),
        extra=_extra(experiment, problem, rule, best or rule, runs),
    )


@lru_cache(maxsize=1)  # for one seed after another
def _others(experiment: Experiment, episodes: int) -> tuple[Policy | None, dict[str, Rollout]]:
    """The optimum, if it is known, and how it does."""
    if not experiment.known:
        return None, {}
    regime = experiment.config(0).configured()
    best = optimum(regime.problem, regime.observation if experiment.learner else None)
    assert best.bound == "exact" or (experiment.learner and best.bound == "lower"), best.status
    return best.policy, _runs(regime.problem, {"optimum": best.policy}, episodes)


def _seconds(folder: Path) -> float:
    """How long a training took: of a processor, or on the clock where that is all that was kept."""
    told = json.loads((folder / TRAINING_FILE).read_text())
    return told.get("processor_seconds") or told["seconds"]


def _runs(
    problem: NavigationProblem, policies: dict[str, Policy], episodes: int
) -> dict[str, Rollout]:
    """Of policies, and of doing nothing, in the same episodes."""
    return {
        name: rollout(problem, policy, episodes=episodes, seed=FRESH_SEED, keep_paths=episodes)
        for name, policy in with_nothing(problem, policies).items()
    }


def _extra(
    experiment: Experiment,
    problem: NavigationProblem,
    rule: LearnedRule,
    best: Policy,
    runs: dict[str, Rollout],
) -> tuple[float, ...]:
    """What is measured besides costs."""
    if experiment.extra in ("gains", "reset weight"):
        learned, theory = (
            read_rule(problem, each, optimal_basis(problem)) for each in (rule, best)
        )
        if experiment.extra == "gains":
            ours, theirs = (
                np.diag(each.coefficients["to_target"].value) for each in (learned, theory)
            )
        else:
            ours, theirs = (each.share("to_prior", "to_target").value for each in (learned, theory))
        return (float(np.abs(ours / theirs - 1).max()),)
    if experiment.extra == "right well":
        ends = [np.asarray(runs[name].path)[-1, :, 0] > 0 for name in ("learned", "optimum")]
        return (float(np.mean(ends[0] == ends[1])),)
    if experiment.extra == "exponent":
        return (float(read_exponent(problem, rule, seed=FRESH_SEED).value),)
    if experiment.extra == "transfer":
        dims = FRAMED_DIMS if rule.framed else DIMS
        return tuple(x for dim in dims.items() for x in _carried_over(problem, rule, *dim))
    return ()


def _carried_over(
    problem: NavigationProblem, rule: LearnedRule, dim: int, episodes: int
) -> tuple[float, float]:
    """Mean and worst ratio to the optimum over single episodes, in another dimension."""
    problem = problem.replace(landscape={"dim": dim})
    policies: tuple[Policy, ...] = (rule, optimum(problem).policy)
    learned, best = (
        rollout(problem, policy, episodes=episodes, seed=FRESH_SEED).cost for policy in policies
    )
    return float(np.mean(learned / best)), float(np.max(learned / best))


HEAD = ("agent", "steps", "s a seed", "J / J*: worst of seeds (each)", "asked", "regret", "and")
TITLES = {"quick": "Within minutes", "long": "Longer"}


class Line(NamedTuple):
    """An experiment's part of the page."""

    row: tuple[str, ...]
    """Below `HEAD`."""
    command: str
    """That trained it."""


def line(experiment: Experiment, scores: Sequence[Score]) -> Line:
    """What the page says of an experiment whose seeds were judged."""
    command = replace(experiment.config(0), seeds=len(scores)).command
    return Line(_row(experiment, scores), command)


def lines_of(page: str) -> dict[str, dict[str, Line]]:
    """What a page says: by budget, by the title of the experiment."""
    found = {}
    for budget, title in TITLES.items():
        _, _, section = page.partition(f"## {title}\n")
        section = section.partition("\n## ")[0].splitlines()
        rows = [
            tuple(cell.strip() for cell in text.strip("|").split("|"))
            for text in section
            if text.startswith("|")
        ]
        commands = [text.strip() for text in section if text.startswith("    ")]
        made = zip(rows[2:], commands, strict=True)  # after the head and what it is ruled off by
        found[budget] = {row[0]: Line(row, command) for row, command in made}
    return found


def page(lines: Mapping[str, Sequence[Line]], command: str, revision: str) -> str:
    """The results page, from the lines of each budget."""
    parts = [
        INTRODUCTION,
        f"{source(command, revision)}: {EPISODES} episodes from seed {FRESH_SEED}.",
    ]
    for budget, of_it in lines.items():
        if of_it:
            commands = "\n".join(f"    {each.command}" for each in of_it)
            rows = [each.row for each in of_it]
            parts += [f"## {TITLES[budget]}", markdown(HEAD, rows), "Trained by, line by line,"]
            parts += [commands]
    return "\n\n".join([*parts, MISSED, CURVES]) + "\n"


def _row(experiment: Experiment, scores: Sequence[Score]) -> tuple[str, ...]:
    ratios = [each.ratio for each in scores if each.ratio is not None]
    config = experiment.config(0)
    steps = config.training().steps(config.configured().problem)
    return (
        experiment.title,
        f"{steps / 1e6:.3g} M",
        f"{np.mean([each.seconds for each in scores]):.0f}",
        f"{max(ratios):.4f} ({', '.join(f'{x:.4f}' for x in ratios)})" if ratios else "",
        "" if experiment.bar is None else f"<= {experiment.bar:g}",
        f"{max(each.regret for each in scores):.4f}",
        _said(experiment, scores),
    )


def _said(experiment: Experiment, scores: Sequence[Score]) -> str:
    """What else was measured, the worst of the seeds."""
    extras = np.array([each.extra for each in scores])
    if experiment.extra in ("gains", "reset weight"):
        return f"{EXTRAS[experiment.extra]} {extras.max():.1%}"
    if experiment.extra == "right well":
        return f"{EXTRAS['right well']}: {extras.min():.1%}"
    if experiment.extra == "exponent":
        return f"{EXTRAS['exponent']} {', '.join(f'{x:.2f}' for x in extras[:, 0])}"
    if experiment.extra == "transfer":
        worst = extras.max(axis=0).reshape(-1, 2)
        carried = (f"d = {d}: {m:.3f}, {w:.3f}" for d, (m, w) in zip(DIMS, worst, strict=False))
        return "mean, worst episode at " + "; ".join(carried)
    return ""
