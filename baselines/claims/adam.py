"""Adam is a filter's weight: which drift makes which exponent right (theory section 11)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import solve_discrete_are

from baselines.claims.evidence import Check, Effort, Evidence, agree, at_least, at_most
from baselines.claims.figures import SERIES, label, panels
from baselines.claims.powers import DRIFTS, power_cost, settled_power, simulated_cost
from baselines.stationary import FORMS, drifting, told
from landscape_gym.control import LinearRule, LQGPolicy, best_linear_rule, optimum
from landscape_gym.derivation.linear_rule import linear_rule_cost
from landscape_gym.derivation.setting import linear_setting
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rules import Adam, GradientDescent, Momentum, RMSprop

PROBLEM = REGIMES["drifting-target"].problem
SEED = 1_000_000
SLOW, SPEED = 0.003, 0.3
"""eps, and the control's part of the way in a step, where that is not free."""
EVEN_H = (0.15, 0.4, 1.0, 2.5)
EVEN = PROBLEM.replace(
    landscape={"dim": 4, "curvature": EVEN_H, "optimum_std": 0.15},
    metric=EVEN_H,
    eta=SPEED**2 / (1 - SPEED) / PROBLEM.dt**2,
    drift=0.0015,
    gamma=0.0,
)
"""The metric is the curvature, so that control has one speed."""
SETTINGS = {
    "slow": drifting(SLOW),
    "wide": drifting(SLOW, h=np.geomspace(0.05, 5.0, 33)[:-1] * 100 ** (1 / 64)),
    "even": drifting(SLOW, SPEED, shaped=True),
    "fast": drifting(0.1, 0.1, shaped=True),
}
"""Free control of one and of two decades of curvatures; control of one speed; a filter as fast."""


@dataclass(frozen=True)
class AdamClaim:
    """Constants: of Adam's closed form, of the exponents' law, and of what the form loses."""

    name: ClassVar[str] = "adam"
    title: ClassVar[str] = "Adam is the optimum behind a slow filter of a drifting target"
    sentence: ClassVar[str] = (
        "Adaptive optimizers like Adam infer the landscape from noisy gradients: the first moment "
        "filters the gradient, the second estimates the curvature."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "The paper takes the exponent 1/2 from the long-horizon gain `H^(-1/2)`. It comes from the "
        "filter: a drifting target's estimate moves by `q^(1/2) y / v^(1/2)`, the drift's "
        "deviation times the gradient over the noise's, whatever the curvature. If control is "
        "free, RMSprop with that learning rate is the optimum to second order; control of one "
        "speed kappa adds `b1 = 1 - dt kappa`.",
        "Which landscape moves how decides which optimizer is right: where the drift's variance "
        "goes as `h^-p` the best exponent of v is `(1 + p)/2`, gradient descent for p = -1, Adam "
        "for p = 0, natural gradient for p = 1.",
        "It fails where the filter is as fast as control (refitted constants save most of it), and "
        "where the target rests and gradients outweigh noise: on landscape-nav derived Adam pays "
        "several times the optimum, and the next claim says what does better.",
        "The environment's drift is the same in all coordinates: p = -1 and 1 are simulated in "
        "other units of each, in which the rule acts. v is a running mean of squares.",
    )

    length: float = 1.0
    """RMSprop's dt lr over the drift's deviation in a step."""
    exponents: tuple[float, ...] = (0.0, 0.5, 1.0)
    """Best exponents of v for p = -1, 0, 1."""
    wrong: float = 1.186
    """What exponents 0 and 1 cost over 1/2, h log-uniform over two decades."""
    excess: float = 0.125
    """RMSprop's excess over LQG, told h, in units of eps^2."""
    memory: float = 0.7
    """b1 where control goes three tenths of the way in a step."""
    b1: float = 0.9
    """The factor of the average where drift over noise, q/r, is 1/90."""

    def evidence(self, effort: Effort) -> Evidence:
        """The law of exponents, constants, what the form loses, and where it fails."""
        checks = (
            *self.exponent_checks(effort),
            *self.constant_checks(effort),
            *regime_checks(effort),
            *failure_checks(effort),
        )
        return Evidence(checks, self.draw)

    def exponent_checks(self, effort: Effort) -> list[Check]:
        """Which exponent is best, and what others cost."""
        h = np.geomspace(0.05, 5.0, 400)
        closed = math.sqrt(h.mean()) / np.sqrt(h).mean()  # Cauchy and Schwarz
        return [
            *(
                # eps is at most 0.03 of the curvatures; costs of three exponents, by a parabola,
                # scatter together.
                agree(
                    f"best exponent of v where the drift goes as h^-p, p = {p:g}",
                    0.01,
                    closed=exponent,
                    solver=settled_power(p),
                    simulated=best_power(p, effort),
                    sampling=0.06,
                )
                for p, exponent in zip(DRIFTS, self.exponents, strict=True)
            ),
            # Of 400 curvatures that include both ends.
            agree(
                "cost of exponent 0 or 1 over that of 1/2", 4e-3, closed=self.wrong, solver=closed
            ),
            *(
                agree(
                    f"the same of the best {name} over LQG, told h, eps = {SLOW:g} at h = 1",
                    8e-3,
                    closed=self.wrong,
                    solver=best_cost("wide", name),
                )
                for name in ("gradient descent", "natural gradient")
            ),
        ]

    def constant_checks(self, effort: Effort) -> list[Check]:
        """RMSprop's step, its excess, and Adam's memory."""
        return [
            # eps^(1/2) of the largest curvature, 1 %; the environment's v holds the gradient's
            # own square too, up to an eighth.
            agree(
                "best dt lr of RMSprop over the drift's deviation in a step",
                0.02,
                closed=self.length,
                solver=best_rule("slow", "RMSprop").a / SLOW,
                simulated=best_length(effort),
                sampling=0.12,
            ),
            # Of eps = 0.01 and 0.02, extrapolated to 0.
            agree("RMSprop's excess over LQG, in eps^2", 1e-3, closed=self.excess, solver=excess()),
            # eps (1 - dt kappa) is left out: 1 % at the largest curvature.
            agree(
                "b1 of the best Adam where dt kappa = 0.3, metric G = H",
                0.015,
                closed=self.memory,
                solver=best_rule("even", "Adam").b,
                simulated=best_memory(effort),
                sampling=0.06,
            ),
            at_most(
                "the same: best Adam over LQG, told h", 1.002, solver=best_cost("even", "Adam")
            ),
            at_least("the same: best heavy ball", 1.15, solver=best_cost("even", "heavy ball")),
            # The environment's b1 comes from a curve that is flat at its minimum.
            agree(
                "b1 of a lone filter at q/r = 1/90",
                1e-9,
                closed=self.b1,
                solver=settled_average(),
            ),
        ]

    def draw(self) -> Figure:
        """Costs of exponents under three drifts, and RMSprop's excess against eps."""
        figure, (left, right) = panels(2)
        powers = np.linspace(-0.25, 1.25, 31)
        names = {-1: "p = -1: descent", 0: "p = 0: Adam", 1: "p = 1: natural gradient"}
        for series, p in zip(SERIES, DRIFTS, strict=False):
            left.plot(powers, [power_cost(p, s) for s in powers], label=names[int(p)], **series)
        left.set(ylim=(0.98, 2.0))
        label(left, "Drift as h$^{-p}$ decides the exponent", "exponent of v", "cost over LQG")
        eps = np.geomspace(0.01, 1.0, 15)
        found = [rmsprop_excess(each) for each in eps]
        right.loglog(eps, found, label="RMSprop over LQG, less 1", **SERIES[0])
        right.loglog(eps, self.excess * eps**2, label="eps$^2$/8", **SERIES[1])
        label(right, "What RMSprop loses", "speed of the filter, eps", "excess cost")
        return figure


@cache
def best_rule(setting: str, form: str) -> LinearRule:
    """The best rule of a form in one of `SETTINGS`."""
    power, momentum = FORMS[form]
    return best_linear_rule(SETTINGS[setting], momentum=momentum, power=power)


@cache
def best_cost(setting: str, form: str) -> float:
    """Its cost over that of LQG, told each curvature."""
    return best_rule(setting, form).cost / told(SETTINGS[setting])


def rmsprop_excess(eps: float) -> float:
    """Of RMSprop with the closed form's step, of one curvature, over LQG."""
    one = drifting(eps, 1 - 1e-9, h=np.ones(1))
    return float(linear_rule_cost(one, eps, 0.0, power=0.5)) / told(one) - 1


@cache
def excess() -> float:
    """In units of eps^2, as eps goes to 0."""
    coarse, fine = (rmsprop_excess(eps) / eps**2 for eps in (0.02, 0.01))
    return 2 * fine - coarse


def settled_average() -> float:
    """b1 = 1 - K of the stationary filter of a drifting gradient, by scipy's Riccati solver."""
    one, q = np.ones((1, 1)), 1 / 90
    P = solve_discrete_are(one, one, q * one, one)[0, 0]
    return float(1 - P / (P + 1))


@cache
def costs(problem: NavigationProblem, policy: Policy, episodes: int) -> Array:
    """Costs of episodes, the same ones each time."""
    return rollout(problem, policy, episodes=episodes, seed=SEED).cost


def over_lqg(problem: NavigationProblem, policy: Policy, effort: Effort) -> float:
    """Mean cost over that of LQG, told the curvature, in the same episodes."""
    episodes = effort.episodes // 8
    mine, lqg = (costs(problem, each, episodes) for each in (policy, LQGPolicy(problem)))
    return float(mine.mean() / lqg.mean())


def lowest(at: Any, values: Any) -> float:
    """Where a parabola through three values is lowest."""
    curve = np.polynomial.Polynomial.fit(at, values, 2)
    return float(curve.deriv().roots()[0])


@cache
def best_power(p: float, effort: Effort) -> float:
    """The exponent of least cost in the environment, v estimated and h hidden."""
    middle = (1 + p) / 2
    tried = (middle - 0.3, middle, middle + 0.3)
    return lowest(tried, [simulated_cost(p, s, effort.episodes // 8) for s in tried])


@cache
def best_length(effort: Effort) -> float:
    """The multiple of the drift's deviation that RMSprop does best with in the environment."""
    rule, factors = RMSprop.derive(PROBLEM), (0.8, 1.0, 1.25)
    rules = [replace(rule, lr=factor * rule.lr) for factor in factors]
    found = [over_lqg(PROBLEM, RulePolicy(each), effort) for each in rules]
    return math.exp(lowest(np.log(factors), found))


@cache
def best_memory(effort: Effort) -> float:
    """The b1 that Adam does best with in the environment where control has one speed."""
    rule, tried = Adam.derive(EVEN), (0.6, 0.7, 0.8)
    return lowest(tried, [over_lqg(EVEN, RulePolicy(replace(rule, b1=b)), effort) for b in tried])


@cache
def regime_checks(effort: Effort) -> list[Check]:
    """What rules cost in the regime, over LQG, told the curvature."""
    setting = replace(linear_setting(PROBLEM), horizon=PROBLEM.steps)
    descent = GradientDescent(best_linear_rule(setting, momentum=False).a)
    momentum, dear = Momentum.derive(PROBLEM), PROBLEM.replace(eta=10.0)

    def paid(rule: Any, problem: NavigationProblem = PROBLEM) -> float:
        return over_lqg(problem, RulePolicy(rule), effort)

    return [
        at_most(
            "drifting-target: RMSprop over LQG, told h",
            1.01,
            simulated=paid(RMSprop.derive(PROBLEM)),
        ),
        at_most("drifting-target: Adam", 1.01, simulated=paid(Adam.derive(PROBLEM))),
        at_least("drifting-target: momentum", 1.08, simulated=paid(momentum)),
        at_least("drifting-target: the best gradient descent", 1.08, simulated=paid(descent)),
        at_most(
            "the same, control dear (eta = 10): Adam", 1.04, simulated=paid(Adam.derive(dear), dear)
        ),
        at_most(
            "the same with G = H, dt kappa = 0.3: Adam",
            1.03,
            simulated=paid(Adam.derive(EVEN), EVEN),
        ),
    ]


@cache
def failure_checks(effort: Effort) -> list[Check]:
    """Where the form is not the optimum, and by how much."""
    fast = SETTINGS["fast"]
    closed = float(linear_rule_cost(fast, 0.1 * 0.1, 0.9, power=0.5)) / told(fast)
    where = REGIMES["landscape-nav"].problem
    episodes = effort.episodes // 8
    policies = (RulePolicy(Adam.derive(where)), optimum(where).policy)
    adam, least = (costs(where, each, episodes).mean() for each in policies)
    return [
        at_least(
            "filter as fast as control (both 0.1): the closed form over LQG", 1.1, solver=closed
        ),
        at_most("the same: Adam, refitted", 1.06, solver=best_cost("fast", "Adam")),
        at_least("landscape-nav: derived Adam over the optimum", 3.0, simulated=adam / least),
    ]
