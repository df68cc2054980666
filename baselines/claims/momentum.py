"""Momentum is what a longer horizon buys (theory section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.linalg import solve_discrete_are

from baselines.claims.evidence import Check, Effort, Evidence, agree, at_least
from baselines.claims.figures import PALE, SERIES, label, panels
from baselines.claims.measure import Trace, regression, slope, trace
from landscape_gym.control import (
    HiddenCurvature,
    LinearRule,
    LQGPolicy,
    best_linear_rule,
    convergence_rate,
    heavy_ball,
)
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import Quadratic
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import IsotropicNoise, NavigationProblem, NormalStart
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rendering.palette import INK
from landscape_gym.rules import Momentum

CURVATURES = np.geomspace(0.05, 5.0, 41)
CHEAP = HiddenCurvature(CURVATURES, np.full(41, 1 / 41), eta=100.0, dt=0.2)
HORIZONS = (2, 5, 20, 200)
GAMMAS = (5.0, 1.0, 0.2, 0.0)
DRIFTING = NavigationProblem(
    landscape=Quadratic(dim=1, curvature=(0.3,), optimum_std=1.0),
    noise=IsotropicNoise(0.3),
    drift=0.01,
    gamma=0.01,
    episode_steps=400,
)
SETTLED = 300
"""Steps after which the filter's variance has reached its limit to rounding error."""


class Stationary(NamedTuple):
    """The rule ``u_t = b u_{t-1} - a y_t``."""

    a: float
    b: float


@dataclass(frozen=True)
class MomentumClaim:
    """Constants: best momenta of theory's table, the Nesterov form's step, heavy ball's b."""

    name: ClassVar[str] = "momentum"
    title: ClassVar[str] = "Momentum is long-horizon navigation"
    sentence: ClassVar[str] = (
        "Planning further ahead, the optimal policy acquires inertia: to first order a look-ahead "
        "gradient, Nesterov's form, and in general momentum."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "Where the landscape is known a longer horizon changes gains, and no velocity has to be "
        "remembered. Momentum proper pays where something is hidden: curvature (then the best b of "
        "`u = -a g + b u_prev` grows with the horizon, if control is cheap), or a drifting target "
        "behind noise (then heavy ball is the stationary LQG controller, exactly).",
        "Where control is dear the best b is negative for short horizons (b = -0.32 for eta = 1 "
        "and T = 2), so that momentum is no consequence of the horizon alone.",
        "Heavy ball is optimal only once its filter has settled. From a wide prior the "
        "time-varying filter costs less: that is what warm-up and bias correction are for.",
    )

    look_ahead: float = 1.0
    """How far ahead Nesterov's form looks, in units of theta' / gamma."""
    by_horizon: tuple[float, ...] = (0.11542, 0.18448, 0.27633, 0.31109)
    """Best b for eta = 100, gamma = 0 and T = 2, 5, 20, 200 (quadrature and Nelder-Mead)."""
    by_discount: tuple[float, ...] = (0.13146, 0.19888, 0.26725, 0.31110)
    """Best b for eta = 100, T = 400 and gamma = 5, 1, 0.2, 0."""
    momentum: float = 1.0
    """Heavy ball's b in units of (1 - l h)(1 - dt kappa)."""

    def evidence(self, effort: Effort) -> Evidence:
        """Look-ahead, hidden curvature by horizon and discount, and heavy ball as LQG."""
        ball = heavy_ball(DRIFTING)
        solved, seen = by_riccati(DRIFTING), by_regression(settled())
        closed = Stationary(float(ball.a[0]), self.momentum * float(ball.b[0]))
        checks = (
            # To leading order the error is (pull / gamma^2)^2; the next order moves the fit by 0.1.
            agree(
                "exponent of the error of Nesterov's form in gamma",
                0.1,
                closed=-4.0,
                solver=slope(GAMMAS_FAR, self.look_ahead_errors()),
            ),
            *self.horizons(),
            # A finite sum against a simulation of the same 41 curvatures: rounding.
            *(cost_check(T) for T in (20, 200)),
            # Five digits are given, and the minimum is flat: J is known to 1e-15, b to its root.
            *(
                agree(f"eta = 100, gamma = {gamma:g}: best b", 2e-5, closed=b, solver=found.b)
                for gamma, b, found in zip(GAMMAS, self.by_discount, rules()[1], strict=True)
            ),
            at_least(
                "smallest growth of the best b from one horizon, or discount, to the next longer",
                0.01,
                solver=min(float(np.diff([rule.b for rule in found]).min()) for found in rules()),
            ),
            # Kalman and Riccati equations by another solver; the regression is on exact data.
            agree("heavy ball: a", 1e-9, closed=closed.a, solver=solved.a, simulated=seen.a),
            agree("heavy ball: b", 1e-9, closed=closed.b, solver=solved.b, simulated=seen.b),
            at_least(
                "cost of heavy ball over that of the time-varying filter, from a wide prior",
                1.05,
                simulated=price_of_settling(effort),
            ),
        )
        return Evidence(checks, self.draw)

    def look_ahead_errors(self) -> np.ndarray:
        """Relative error of ``theta' = -(1/gamma) grad L(theta + theta'/gamma)`` where pull = 1.

        Along the slow branch theta' = -r theta, so it is ``r = (1 - r / gamma) / gamma``.
        """
        r = 1 / (GAMMAS_FAR + self.look_ahead / GAMMAS_FAR)
        return r / np.array([convergence_rate(1.0, gamma=gamma) for gamma in GAMMAS_FAR]) - 1

    def horizons(self) -> tuple[Check, ...]:
        """The best b at each horizon; by simulation it is where three costs' parabola is least."""
        return tuple(
            # Solver as above; the parabola's width of 0.02 leaves a cubic term's error.
            agree(
                f"eta = 100, T = {T}: best b",
                2e-5,
                closed=b,
                solver=found.b,
                simulated=lowest_in_the_environment(T, found),
                sampling=2e-3,
            )
            for T, b, found in zip(HORIZONS, self.by_horizon, rules()[0], strict=True)
        )

    def draw(self) -> Figure:
        """The best momentum by horizon and by discount, and heavy ball following the filter."""
        figure, (left, middle, right) = panels(3)
        horizons = (2, 3, 5, 8, 12, 20, 50, 200)
        for series, eta in zip(SERIES, (100.0, 10.0, 1.0), strict=False):
            found = [best_linear_rule(replace(CHEAP, eta=eta, horizon=T)).b for T in horizons]
            left.semilogx(horizons, found, marker=".", label=f"eta = {eta:g}", **series)
        left.axhline(0, color=PALE, linewidth=0.8)
        label(left, "Longer horizons: more momentum", "horizon T in steps", "best b")
        gammas = np.geomspace(0.03, 20, 9)
        for series, eta in zip(SERIES, (100.0, 10.0, 1.0), strict=False):
            rated = [replace(CHEAP, eta=eta, gamma=gamma, horizon=400) for gamma in gammas]
            found = [best_linear_rule(setting).b for setting in rated]
            middle.semilogx(1 / gammas, found, marker=".", label=f"eta = {eta:g}", **series)
        middle.axhline(0, color=PALE, linewidth=0.8)
        label(middle, "The same by discount", "horizon 1/gamma", "best b")
        seen = settled()
        ball = heavy_ball(DRIFTING)
        u = np.zeros(len(seen.control))
        for t, y in enumerate(seen.gradient[:, 0, 0]):
            u[t] = ball.b[0] * (u[t - 1] if t else 0.0) - ball.a[0] * y
        right.plot(seen.control[:120, 0, 0], label="LQG: Kalman filter", **SERIES[0])
        right.plot(u[:120], label="heavy ball, from rest", **SERIES[1])
        right.axhline(0, color=INK, linewidth=0.4)
        label(right, "Heavy ball is the settled filter", "step", "velocity u")
        return figure


GAMMAS_FAR = np.array([8.0, 16.0, 32.0, 64.0])


@cache
def rules() -> tuple[tuple[LinearRule, ...], tuple[LinearRule, ...]]:
    """The best rules by horizon and by discount."""
    return (
        tuple(best_linear_rule(replace(CHEAP, horizon=T)) for T in HORIZONS),
        tuple(best_linear_rule(replace(CHEAP, gamma=gamma, horizon=400)) for gamma in GAMMAS),
    )


def simulated_cost(T: int, rule: LinearRule) -> float:
    """Cost per coordinate of a landscape whose 41 curvatures are all there are."""
    problem = NavigationProblem(
        landscape=Quadratic(dim=41, curvature=CURVATURES.tolist()),
        eta=CHEAP.eta,
        gamma=0.0,
        dt=CHEAP.dt,
        horizon=T,
        start=NormalStart(1.0, 0.0),
    )
    policy = RulePolicy(Momentum(rule.a, rule.b))
    return float(rollout(problem, policy, episodes=1, seed=0).cost[0]) / 41


def cost_check(T: int) -> Check:
    """The best rule's cost, as a sum and in the environment."""
    found = rules()[0][HORIZONS.index(T)]
    return agree(
        f"eta = 100, T = {T}: cost of the best rule",
        1e-10,
        solver=found.cost,
        simulated=simulated_cost(T, found),
    )


@cache
def lowest_in_the_environment(T: int, rule: LinearRule, width: float = 0.02) -> float:
    """The b of least cost, a as it is, by a parabola through three simulated costs.

    They lie off the minimum, so that it is found and not put in.
    """
    b = rule.b + width * np.array([-0.5, 0.5, 1.0])
    costs = [simulated_cost(T, rule._replace(b=float(each))) for each in b]
    curve = np.polyfit(b, costs, 2)
    return float(-curve[1] / (2 * curve[0]))


def by_riccati(problem: NavigationProblem) -> Stationary:
    """Filter and controller of one coordinate by scipy's Riccati solver."""
    p = problem
    h, walk, noise = 0.3, p.drift * p.dt, 0.09
    one = np.ones((1, 1))
    P = solve_discrete_are(one, h * one, walk * one, noise * one)[0, 0]  # before a gradient
    l = h * P / (h * h * P + noise)
    root = np.sqrt(p.discount)
    # Loss after the move: V = min dt/2 [u^2 / eta + k h (e + dt u)^2] + beta V(e + dt u).
    Q, R, N = p.dt * h, p.dt * (1 / p.eta + h * p.dt**2), p.dt**2 * h
    A, B = root * one, root * p.dt * one
    S = solve_discrete_are(A, B, Q * one, R * one, s=N * one)[0, 0]
    kappa = (p.discount * p.dt * S + N) / (R + p.discount * p.dt**2 * S)
    return Stationary(kappa * l, (1 - l * h) * (1 - p.dt * kappa))


@cache
def price_of_settling(effort: Effort) -> float:
    """Cost of heavy ball over that of the time-varying filter."""
    ball = heavy_ball(DRIFTING)
    policies = (RulePolicy(Momentum(float(ball.a[0]), float(ball.b[0]))), LQGPolicy(DRIFTING))
    costs = [
        rollout(DRIFTING, policy, episodes=effort.episodes, seed=1_000_000).cost.mean()
        for policy in policies
    ]
    return float(costs[0] / costs[1])


@cache
def settled() -> Trace:
    """What the LQG policy sees and does."""
    return trace(DRIFTING, LQGPolicy(DRIFTING), episodes=4)


def by_regression(seen: Trace) -> Stationary:
    """The law of late controls on the gradient and the control before."""
    u, y = seen.control[SETTLED:], seen.gradient[SETTLED:]
    on_gradient, on_last, _ = regression(u, y, seen.control[SETTLED - 1 : -1])
    return Stationary(-float(on_gradient[0, 0]), float(on_last[0, 0]))
