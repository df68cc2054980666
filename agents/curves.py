"""Two curves of the theory with learned points on them: momentum by horizon, resets by hazard.

What is learned is read off the policies (`landscape_gym.readout`), however they were trained: a
`Train` takes a regime and a seed, and gives a policy.

Momentum (theory 4(c)). Curvature is hidden and control is cheap, and the learner is linear in the
gradient and the previous update, ``u = -a g + b u_prev``. The best b grows with the horizon. Two
things matter to how such a rule is trained, for it cannot be best in every state:

- Which states count. The horizon is a number of steps here, and not a discount rate, because
  policy gradients as they are implemented leave out the weight beta^t of step t, and so value late
  states too much: at gamma = 5 (eta = 100, dt = 0.2) they tend to b = 0.19 instead of 0.13.
  Without a discount they tend to the best rule, if they see whole episodes.
- Exploration. The previous update is the executed one, and its noise tells nothing of the
  landscape. The rule that is best with noise trusts it less, in proportion to the noise's
  variance: b is 2 % too small at T = 20 where the noise has 0.1 times the standard deviation of
  starts, 12 % where it has 0.3 times.

Resets (theory 8). Where tasks are redrawn the optimal rule aims at ``(1 - w) z + w mu``, and w
grows with the hazard.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import t as student

from landscape_gym.actions import Velocity
from landscape_gym.control import best_linear_rule, optimum
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.landscapes import LogUniform, Quadratic
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem, UniformStart
from landscape_gym.readout import optimal_basis, read_rule
from landscape_gym.readout.reading import CONFIDENCE, Coefficient
from landscape_gym.registration import REGIMES, Regime
from landscape_gym.rendering.palette import BLUE, GREEN, PURPLE, VERMILION

Train = Callable[[Regime, int], Policy]
"""From a regime and a seed to a learned policy."""

HORIZONS = (2, 3, 5, 8, 12)
"""Steps T."""
HAZARDS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Rates at which tasks are redrawn; the task-switching regime has 0.1."""
SEEDS = (0, 1, 2)
READ_FROM = 2_000_000
"""Seed of the first episode that policies are read on, away from training and evaluation."""
COLOURS = (BLUE, VERMILION, GREEN, PURPLE)
"""Of series."""

MOMENTUM = REGIMES["hidden-curvature"].configured(
    NavigationProblem(
        landscape=Quadratic(dim=1, curvature=LogUniform(0.05, 5.0)),
        eta=100.0,
        gamma=0.0,
        dt=0.2,
        horizon=20,
        # Bounded, so that the best rule's velocities, at most 8.8, are never clipped by the action.
        start=UniformStart(-1.0, 1.0),
    ),
    observation={"channels": ("gradient", "previous_update"), "scaled": False},
    action=Velocity(scale=10.0),
)
"""One coordinate of hidden curvature where control is cheap: momentum in its simplest form."""


@dataclass(frozen=True)
class Point:
    """What one policy learned."""

    series: str
    """Which coefficient it is; "" where there is one only."""
    x: float
    seed: int
    """Of the training."""
    learned: float
    low: float
    """Lower end of the reading's 95 % interval; it does not tell how training scatters."""
    high: float
    """Upper end."""
    theory: float


@dataclass(frozen=True)
class Curve:
    """Learned points and the theory's curve."""

    title: str
    x: str
    """What is varied."""
    y: str
    """What is learned."""
    points: tuple[Point, ...]
    theory: dict[str, tuple[tuple[float, float], ...]]
    """By series, (x, y) along the theory's curve."""

    def to_json(self) -> str:
        """Everything, as JSON text."""
        return json.dumps(asdict(self), indent=2)

    def to_csv(self) -> str:
        """The points, a line for each, with a header."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Point)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(point) for point in self.points)
        return text.getvalue()


def momentum_curve(
    train: Train, horizons: Sequence[int] = HORIZONS, seeds: Sequence[int] = SEEDS
) -> Curve:
    """The learned momentum b of ``u = -a g + b u_prev`` against the horizon.

    Args:
        train: Trains a policy on a regime.
        horizons: Numbers of steps, each at least 2: in a single step b has no effect.
        seeds: Of trainings at each horizon.

    Raises:
        ValueError: for a shorter horizon.
    """
    if min(horizons) < 2:
        raise ValueError(f"a horizon of at least 2 steps shows momentum, got {min(horizons)}.")
    points = []
    for horizon in horizons:
        regime = MOMENTUM.configured(horizon=int(horizon))
        for seed in seeds:
            b = _momentum(regime.problem, train(regime, seed))
            points.append(_point("", horizon, seed, b, best_momentum(horizon)))
    between = np.unique(np.geomspace(min(horizons), max(horizons), 25).round()).astype(int)
    return Curve(
        title="Momentum is what a longer horizon buys",
        x="horizon T in steps",
        y="momentum b",
        points=tuple(points),
        theory={"": tuple((float(T), best_momentum(int(T))) for T in between)},
    )


@cache
def best_momentum(horizon: int) -> float:
    """The b of the best linear rule in `MOMENTUM` with that horizon, 2 or more steps.

    Example:
        >>> round(best_momentum(20), 4)
        0.2749
    """
    return best_linear_rule(linear_setting(MOMENTUM.configured(horizon=horizon).problem)).b


def _momentum(problem: NavigationProblem, policy: Policy) -> Coefficient:
    basis = ("gradient", "previous_update")
    law = read_rule(problem, policy, basis, shared=True, episodes=1024, seed=READ_FROM)
    return law.coefficients["previous_update"]


def reset_curve(
    train: Train, hazards: Sequence[float] = HAZARDS, seeds: Sequence[int] = SEEDS
) -> Curve:
    """The learned reset weight w of each coordinate against the hazard.

    Args:
        train: Trains a policy on a regime.
        hazards: Rates at which tasks are redrawn, above 0.
        seeds: Of trainings at each hazard.

    Raises:
        ValueError: for a hazard of 0, where targets stay and there is no such weight.
    """
    if min(hazards) <= 0:
        raise ValueError(f"tasks are redrawn at a rate above 0, got {min(hazards)}.")
    points = []
    for hazard in hazards:
        regime = REGIMES["task-switching"].configured(hazard=float(hazard))
        best = optimal_weights(hazard)
        for seed in seeds:
            w = _weights(regime.problem, train(regime, seed))
            for i, series in enumerate(SERIES):
                part = Coefficient(w.value[i], w.half_width[i])
                points.append(_point(series, hazard, seed, part, best[i]))
    between = np.geomspace(min(hazards), max(hazards), 25)
    lines = np.array([optimal_weights(float(hazard)) for hazard in between])
    return Curve(
        title="The faster tasks change, the further back the optimal rule aims",
        x="hazard lambda",
        y="weight w of the prior's mean",
        points=tuple(points),
        theory={
            series: tuple(zip(between.tolist(), lines[:, i].tolist(), strict=True))
            for i, series in enumerate(SERIES)
        },
    )


SERIES = ("h = 1/9", "h = 1")
"""The coordinates of the task-switching regime."""


@cache
def optimal_weights(hazard: float) -> tuple[float, ...]:
    """The weights w of the optimum in the task-switching regime with that hazard, read off it.

    Example:
        >>> [round(w, 4) for w in optimal_weights(0.1)]
        [0.201, 0.0822]
    """
    problem = REGIMES["task-switching"].configured(hazard=float(hazard)).problem
    return tuple(_weights(problem, optimum(problem).policy).value.tolist())


def _weights(problem: NavigationProblem, policy: Policy) -> Coefficient:
    law = read_rule(problem, policy, optimal_basis(problem), seed=READ_FROM)
    return law.share("to_prior", "to_target")


def _point(series: str, x: float, seed: int, read: Coefficient, theory: float) -> Point:
    low, high = float(read.low), float(read.high)
    return Point(series, float(x), int(seed), float(read.value), low, high, theory)


def draw(curve: Curve) -> Figure:
    """The theory's curve as a line, and learned points over it.

    Dots are single trainings, with bars where the reading's interval is visible; crosses are their
    means, with bars for the 95 % interval of the mean over trainings.
    """
    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for (series, line), colour in zip(curve.theory.items(), COLOURS, strict=False):
        name = f", {series}" if series else ""
        axes.plot(*zip(*line, strict=True), color=colour, label=f"theory{name}")
        own = [point for point in curve.points if point.series == series]
        learned = np.array([point.learned for point in own])
        ends = [learned - [p.low for p in own], [p.high for p in own] - learned]
        x = [point.x for point in own]
        axes.errorbar(x, learned, ends, fmt="o", color=colour, markersize=3.5, alpha=0.45)
        x, mean, half = zip(*_means(own), strict=True)
        label = f"learned{name}: mean and 95 % interval over trainings"
        axes.errorbar(x, mean, half, fmt="x", color=colour, capsize=4, label=label)
    axes.set(title=curve.title, xlabel=curve.x, ylabel=curve.y, xscale="log")
    varied = sorted({point.x for point in curve.points})
    axes.set_xticks(varied, [f"{x:g}" for x in varied])
    axes.minorticks_off()
    axes.legend(fontsize="small", frameon=False)
    return figure


def _means(points: Sequence[Point]) -> Iterator[tuple[float, float, float]]:
    """At each x the mean over trainings, and how far its 95 % interval reaches to either side."""
    for x in dict.fromkeys(point.x for point in points):
        learned = [point.learned for point in points if point.x == x]
        n, half = len(learned), 0.0
        if n > 1:
            error = np.std(learned, ddof=1) / np.sqrt(n)
            half = float(student.ppf((1 + CONFIDENCE) / 2, n - 1) * error)
        yield x, float(np.mean(learned)), half
