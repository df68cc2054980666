"""One problem whose constants alone turn it into each of the paper's cases (theory 2 to 8)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from baselines.claims.evidence import Effort, Evidence, agree
from baselines.claims.figures import SERIES, label, panels
from baselines.claims.measure import at_zero_step, regression, trace
from landscape_gym.control import LinearQuadraticPolicy, LQGPolicy, heavy_ball
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.rendering.canvas import Figure

H, ETA, G, J, HAZARD = 4.0, 1.0, 0.25, 1.0, 0.5
"""Curvature, scale of change, metric, decay and rate of redraws where they are not at rest."""
GAMMA = 1.0
NOISE, DRIFT = 0.5, 0.1
"""Standard deviation of the gradient's noise, and variance per unit time of the target's walk."""
STEP = 0.01
"""Time per step of the one problem."""
CASES: dict[str, dict[str, Any]] = {
    "gradient descent": {"horizon": 1},
    "natural gradient": {"horizon": 1, "metric": (G,)},
    "ballistic": {"gamma": 0.0},
    "discounted": {},
    "partial control": {"default_dynamics": "decay"},
    "reset": {"hazard": HAZARD},
}
"""What is changed of the one problem, and nothing else."""


@dataclass(frozen=True)
class OneProblemClaim:
    """A factor in each case's gain: that on the error, and the reset's weight."""

    name: ClassVar[str] = "one-problem"
    title: ClassVar[str] = "One objective turns into every rule"
    sentence: ClassVar[str] = (
        "Named learning rules are the optima of one objective: horizon, metric, default dynamics, "
        "noise and hazard alone decide which."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "All rows are the same bowl in the same environment; the rest of a row's name is all that "
        "was changed. One solver finds all but momentum, where the target is hidden: its solver "
        "has the filter's equation beside the controller's.",
    )

    greedy: float = 1.0
    """c in c eta k dt h / (G + eta k h dt^2), of one step."""
    root: float = 1.0
    """c in (gamma^2/4 + c eta k h)^(1/2) - gamma/2, without end."""
    decay: float = 1.0
    """c in the same with c j (j + gamma) added under the root, less j."""
    memory: float = 1.0
    """c in momentum's b = (1 - c l h) (1 - kappa dt) and a = c kappa l."""
    reset: float = 1.0
    """c in the weight c lambda / (lambda + gamma + r) of the prior's mean."""

    def evidence(self, effort: Effort) -> Evidence:
        """Gains of each case."""
        closed = self.closed()
        checks = []
        for case, gain in closed.items():
            tolerance = 1e-10 if "horizon" in CASES.get(case, {}) else 5e-4
            checks.append(
                agree(
                    _changed(case),
                    tolerance,
                    closed=gain,
                    solver=solved(case),
                    simulated=simulated(case),
                    sampling=max(tolerance, 1e-8),
                )
            )
        made = f"noise = {NOISE}, drift = {DRIFT}"
        rule, seen = heavy_ball(moving(0.1, 1)), remembered()
        for what, closed, solver, found in zip(
            "ab", self.momentum(0.1), rule[:2], seen, strict=True
        ):
            what = f"momentum: {what} of u = b u_prev - a y ({made})"
            checks.append(
                agree(what, 1e-8, closed=closed, solver=float(solver[0]), simulated=found)
            )
        return Evidence(tuple(checks), self.draw)

    def momentum(self, dt: float) -> tuple[float, float]:
        """Step size a and momentum b, from the Kalman gain l and the discrete gain kappa."""
        c, q, beta = 1 / (ETA * dt), dt * H, math.exp(-GAMMA * dt)
        s = c * (1 - beta) + q
        V = (-s + math.sqrt(s**2 + 4 * beta * c * q)) / (2 * beta)
        kappa = (1 - c / (c + q + beta * V)) / dt
        P = (DRIFT * dt + math.sqrt((DRIFT * dt) ** 2 + 4 * DRIFT * dt * NOISE**2 / H**2)) / 2
        l = self.memory * P * H / (P * H**2 + NOISE**2)
        return kappa * l, (1 - l * H) * (1 - dt * kappa)

    def closed(self) -> dict[str, float]:
        """Gain on the error by case, by closed form; of the reset its weight, too."""
        pull, g = ETA * H, GAMMA / 2
        step = lambda metric: self.greedy * STEP * pull / (metric + STEP**2 * pull)  # noqa: E731
        rate = math.sqrt(g**2 + self.root * pull) - g
        decayed = math.sqrt(g**2 + pull + self.decay * J * (J + GAMMA)) - g - J
        return {
            "gradient descent": step(1.0),
            "natural gradient": step(G),
            "ballistic": math.sqrt(self.root * pull),
            "discounted": rate,
            "partial control": decayed,
            "reset": rate,
            "weight of the prior's mean": self.reset * HAZARD / (HAZARD + GAMMA + rate),
        }

    def draw(self) -> Figure:
        """Paths of all cases from one start."""
        figure, (axes,) = panels(1, 3.6)
        for i, case in enumerate(CASES):
            at = problem(case, 0.02).replace(horizon=None, episode_steps=150)
            path = trace(at, LinearQuadraticPolicy(problem(case, 0.02, 150)), episodes=1).theta
            style: dict[str, Any] = SERIES[i % len(SERIES)] | (
                {} if i < len(SERIES) else {"linestyle": ":"}
            )
            axes.plot(0.02 * np.arange(len(path)), path[:, 0, 0], label=case, **style)
        label(axes, "One bowl, one start", "time", "theta")
        axes.legend(fontsize=8, frameon=False, loc="lower right")
        return figure


def _changed(case: str) -> str:
    """The case, and what makes it."""
    changes = CASES.get(case, CASES["reset"])
    made = ", ".join(f"{name} = {value}" for name, value in changes.items())
    return f"{case} ({made or 'nothing changed'})"


def problem(case: str, dt: float, steps: int = 1) -> NavigationProblem:
    """The one problem, with what the case changes."""
    changes = CASES.get(case, CASES["reset"])
    return NavigationProblem(
        **{
            "landscape": Quadratic(dim=1, curvature=(H,), optimum_std=1.0),
            "eta": ETA,
            "gamma": GAMMA,
            "dt": dt,
            "episode_steps": steps,
            **changes,
        }
    )


def moving(dt: float, steps: int) -> NavigationProblem:
    """The one problem with noise and a target that walks."""
    noise = {"kind": "isotropic", "std": NOISE}
    return problem("discounted", dt, steps).replace(noise=noise, drift=DRIFT)


@cache
def remembered() -> tuple[float, float]:
    """Step size a and momentum b by the environment, once the filter is stationary."""
    at = moving(0.1, 400)
    seen = trace(at, LQGPolicy(at), episodes=16)
    late = seen.control[300:]
    a, b, _ = regression(late, seen.gradient[300:], seen.control[299:-1])
    return -float(a[0, 0]), float(b[0, 0])


def gain_of(case: str, K: Array, K_m: Array) -> float:
    """What a case is about, of gains on the parameters and on the prior's mean."""
    return float(-K_m / K if case not in CASES else K)


def limit(case: str, measure: Any) -> float:
    """At the problem's own step where the horizon is one of them, else as steps become short."""
    if "horizon" in CASES.get(case, {}):
        return float(measure(STEP))
    return float(at_zero_step(measure, STEP / 4))


@cache
def solved(case: str) -> float:
    """By the solver of linear-quadratic problems."""

    def measure(dt: float) -> float:
        law: Any = LinearQuadraticPolicy(problem(case, dt)).law
        return gain_of(case, law.K.ravel()[0], law.K_m.ravel()[0])

    return limit(case, measure)


@cache
def simulated(case: str) -> float:
    """By the environment: the regression of controls on parameters, target and 1."""

    def measure(dt: float) -> float:
        steps = CASES.get(case, {}).get("horizon", 4)
        at = problem(case, dt, steps).replace(landscape={"optimum": 1.0})
        seen = trace(at, LinearQuadraticPolicy(at), episodes=64)
        K, _, constant = regression(seen.control, seen.theta[:-1], seen.target)
        return gain_of(case, -K[0, 0], -constant[0])

    return limit(case, measure)
