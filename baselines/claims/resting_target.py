"""Where the target rests, Adam has the form of the inference only (theory section 7(e))."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, ClassVar, NamedTuple

import numpy as np

from baselines.claims.evidence import Check, Effort, Evidence, agree, at_least, at_most
from baselines.claims.figures import SERIES, label, panels
from landscape_gym.control import (
    HiddenCurvature,
    LinearQuadraticPolicy,
    LQGPolicy,
    SelfTuningPolicy,
    best_linear_rule,
)
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import LogUniform, Quadratic
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.problem import CurvatureNoise, NavigationProblem, NormalStart
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rendering.palette import INK
from landscape_gym.rules.adam import Adam, AdamState
from landscape_gym.rules.gradient_descent import GradientDescent
from landscape_gym.rules.momentum import Momentum

TABLE = NavigationProblem(
    landscape=Quadratic(dim=10, curvature=LogUniform(0.05, 5.0), optimum_std=1.0),
    start=NormalStart(0.0, 0.0),
)
SIGMAS = (0.3, 1.0, 3.0)
SEED = 1_000_000


class DecayingState(NamedTuple):
    """Steps made, and what Adam remembers."""

    step: Any
    adam: AdamState


@dataclass(frozen=True)
class DecayingAdam:
    """Adam whose learning rate falls as ``1 / (1 + t / decay)``."""

    channels = ("gradient",)
    adam: Adam
    decay: float

    def init(self, gradient: Any) -> DecayingState:
        """Nothing seen."""
        return DecayingState(0.0 * gradient[..., :1], self.adam.init(gradient))

    def update(self, gradient: Any, state: DecayingState) -> tuple[Any, DecayingState]:
        """The velocity, and what is remembered."""
        u, adam = self.adam.update(gradient, state.adam)
        return u / (1 + state.step / self.decay), DecayingState(state.step + 1, adam)


SETTINGS = [
    DecayingAdam(Adam(lr, b1, b2), decay)
    for lr, b1, b2, decay in product(
        (0.2, 0.4, 0.8, 1.2, 2.0, 3.0), (0.0, 0.5, 0.9), (0.9, 0.99), (math.inf, 60.0, 20.0)
    )
]
"""108 settings: learning rate, b1, b2 and decay; in random order, so that some stand for all."""
np.random.default_rng(0).shuffle(SETTINGS)


@dataclass(frozen=True)
class RestingTargetClaim:
    """Constants: theory's table 7(e)."""

    name: ClassVar[str] = "resting-target"
    title: ClassVar[str] = "Where the target rests, inference done properly beats Adam"
    sentence: ClassVar[str] = (
        "Adaptive optimizers like Adam infer the landscape from noisy gradients. Of a target that "
        "rests more is known with each gradient, so that no constant filter is right."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "Adam has the form of the inference here, not its quality. Done properly, coordinate by "
        "coordinate, the self-tuning rule is within a few per cent of the bound that no learner "
        "can pass (LQG, told the curvature), without a constant to tune; the best of 108 settings "
        "of Adam, with decay, pays a fifth more than the bound where noise is strong, and three "
        "fifths where it is weak; there tuned momentum does better than Adam.",
        "Theory's figures are means of 400 episodes. The bound is known exactly, as a sum: at "
        "sigma = 3 it is 2.659, not 2.696.",
    )

    bound: tuple[float, ...] = (1.042, 1.348, 2.696)
    """Cost of LQG, told the curvature, over that of full information, for `SIGMAS`."""
    self_tuning: tuple[float, ...] = (1.076, 1.386, 2.721)
    """The same of the self-tuning rule, a bank of 25 filters."""

    def evidence(self, effort: Effort) -> Evidence:
        """The table."""
        rows = zip(SIGMAS, self.bound, self.self_tuning, strict=True)
        checks = tuple(check for row in rows for check in table_checks(*row, effort))
        return Evidence(checks, lambda: draw(effort))


def noisy(sigma: float) -> NavigationProblem:
    """Theory's problem at a level of noise."""
    return TABLE.replace(noise=CurvatureNoise(sigma))


@cache
def mean_cost(policy: Policy, sigma: float, episodes: int) -> float:
    """Mean cost of an episode."""
    return float(rollout(noisy(sigma), policy, episodes=episodes, seed=SEED).cost.mean())


class Row(NamedTuple):
    """Costs at a level of noise, relative to full information."""

    informed: float
    """LQG, told the curvature, in the environment."""
    informed_exactly: float
    """The same, as a sum."""
    self_tuning: float
    adam: float
    momentum: float
    descent: float


@cache
def table(sigma: float, effort: Effort) -> Row:
    """A row of theory's table."""
    problem = noisy(sigma)
    full = LinearQuadraticPolicy(problem)
    informed = LQGPolicy(problem)
    best = mean_cost(full, sigma, effort.episodes)
    rules = (
        best_linear_rule(setting(problem)),
        best_linear_rule(setting(problem), momentum=False),
    )
    policies: Iterator[Policy] = iter(
        (
            informed,
            SelfTuningPolicy(problem),
            RulePolicy(tuned_adam(sigma, effort)),
            RulePolicy(Momentum(rules[0].a, rules[0].b)),
            RulePolicy(GradientDescent(rules[1].a)),
        )
    )
    costs = [mean_cost(policy, sigma, effort.episodes) / best for policy in policies]
    exact = informed.expected_cost(problem.steps) / full.expected_cost(problem.steps)
    return Row(costs[0], exact, *costs[1:])


def setting(problem: NavigationProblem) -> HiddenCurvature:
    """A coordinate of the problem as a linear rule meets it in an episode."""
    return replace(linear_setting(problem), horizon=problem.steps)


@cache
def tuned_adam(sigma: float, effort: Effort) -> DecayingAdam:
    """The setting of least cost on episodes of its own."""
    problem = noisy(sigma)

    def cost(rule: DecayingAdam) -> float:
        return float(rollout(problem, RulePolicy(rule), episodes=200, seed=0).cost.mean())

    return min(SETTINGS[: effort.settings], key=cost)


def table_checks(
    sigma: float, bound: float, self_tuning: float, effort: Effort
) -> tuple[Check, ...]:
    """Theory's figures, and the order of the learners."""
    row = table(sigma, effort)
    # Theory's figures are of 400 episodes, whose ratios scatter by 1 % at sigma = 3; so do those
    # of a quick run. The exact ratio, 2.659, says which way.
    return (
        agree(
            f"sigma = {sigma:g}: LQG, told the curvature, over full information",
            0.03 * bound,
            closed=bound,
            solver=row.informed_exactly,
            simulated=row.informed,
        ),
        agree(
            f"sigma = {sigma:g}: self-tuning rule over full information",
            0.03 * self_tuning,
            closed=self_tuning,
            simulated=row.self_tuning,
        ),
        # Theory has 1 to 3.3 %, and costs scatter together.
        at_most(
            f"sigma = {sigma:g}: how much more the self-tuning rule pays than that LQG",
            0.04,
            simulated=row.self_tuning / row.informed - 1,
        ),
        at_least(
            f"sigma = {sigma:g}: how much more Adam pays than the self-tuning rule",
            0.1,
            simulated=row.adam / row.self_tuning - 1,
        ),
        at_least(
            f"sigma = {sigma:g}: the same of momentum",
            0.1,
            simulated=row.momentum / row.self_tuning - 1,
        ),
    )


def draw(effort: Effort) -> Figure:
    """What each learner costs beyond full information."""
    figure, (axes,) = panels(1)
    names = {
        "LQG, told the curvature": "informed",
        "self-tuning": "self_tuning",
        "Adam, tuned": "adam",
        "momentum, tuned": "momentum",
        "descent, tuned": "descent",
    }
    rows = [table(sigma, effort) for sigma in SIGMAS]
    hatches = ("", "//", "..", "xx", "--")
    for i, ((name, field), series, hatch) in enumerate(
        zip(names.items(), SERIES, hatches, strict=True)
    ):
        heights = [getattr(row, field) for row in rows]
        places = np.arange(3) + 0.16 * (i - 2)
        axes.bar(
            places, heights, 0.15, color=series["color"], hatch=hatch, edgecolor="white", label=name
        )
    axes.axhline(1, color=INK, linewidth=0.6)
    axes.set_xticks(np.arange(3), [f"sigma = {sigma:g}" for sigma in SIGMAS])
    label(axes, "Cost relative to full information", "noise", "cost ratio")
    return figure
