"""Weight resetting is the optimal response to tasks that change (theory section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize_scalar

from baselines.claims.evidence import Effort, Evidence, agree, at_least
from baselines.claims.figures import SERIES, label, panels
from baselines.claims.measure import Steering, at_zero_step, regression, trace
from landscape_gym.control import (
    Law,
    LinearQuadraticPolicy,
    LQGPolicy,
    continuous_riccati,
    ensemble,
    reset_weight,
)
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import IsotropicNoise, NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rendering.palette import INK
from landscape_gym.rules.soft_reset import SoftReset

SEEN = NavigationProblem(
    landscape=Quadratic(dim=1, curvature=(1.0,), optimum=2.0, optimum_std=1.0),
    gamma=0.1,
    hazard=0.5,
    episode_steps=600,
)
"""Tasks that change every two units of time, about a mean of 2; exp(-6) of the cost is cut off."""
HIDDEN = REGIMES["hidden-task-switching"].problem
SEED = 1_000_000


@dataclass(frozen=True)
class ResettingClaim:
    """Constants: the hazard's share in w, and the weight that is best in steps of 0.1."""

    name: ClassVar[str] = "resetting"
    title: ClassVar[str] = "Weight resetting is the answer to task uncertainty"
    sentence: ClassVar[str] = (
        "If tasks are redrawn at rate lambda, the optimal learner aims not at the task's optimum "
        "but part of the way back to the prior's mean: at `(1 - w) z + w mu` with "
        "`w = lambda / (lambda + gamma + r)`. Resetting weights, softly or at a switch, is optimal."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "Soft resets, weight decay and L2-to-initialisation are this rule, with a strength that is "
        "derived: the faster tasks change against horizon and speed, the further back.",
        "Where switches are unseen the belief about the target is no Gaussian. A Kalman filter "
        "with the same moments is the best linear belief; the exact one keeps a filter for each "
        "age that the task may have, and costs less.",
    )

    share: float = 1.0
    """c in w = c lambda / (lambda + gamma + r)."""
    best_weight: float = 0.3051
    """w in the environment's time, dt = 0.1, where a task lasts a step at least."""

    def evidence(self, effort: Effort) -> Evidence:
        """The weight, that it is the best one, and what beliefs about unseen switches cost."""
        costs = costs_of_beliefs(effort)
        saved = costs["linear"] - costs["exact"]
        spread = float(costs["linear"].std() / np.sqrt(effort.episodes))
        law = continuous_riccati([[1.0]], gamma=SEEN.gamma, hazard=SEEN.hazard).law
        checks = (
            # Riccati to rounding; the environment by a regression on exact data, extrapolated to
            # dt = 0, of which (dt lambda)^2 = 1e-4 times w is left.
            agree(
                "w in continuous time, lambda = 0.5, gamma = 0.1, eta k h = 1",
                1e-10,
                closed=self.share * float(reset_weight(1.0, gamma=SEEN.gamma, hazard=SEEN.hazard)),
                solver=float(-law.K_m[0, 0] / law.K[0, 0]),
                simulated=float(at_zero_step(measured_weight, 0.02)),
                sampling=2e-4,
            ),
            # The constant has four digits, and the minimiser's tolerance is 1e-8. Three simulated
            # costs lie on a parabola, whose vertex scatters by 0.01 over seeds in quick runs.
            agree(
                "w of least cost, dt = 0.1",
                1e-4,
                closed=self.best_weight,
                solver=least_cost_weight(),
                simulated=vertex(WIDE, simulated_costs(WIDE, effort)),
                sampling=0.025,
            ),
            at_least(
                "cost of aiming at the task's optimum over the least",
                1.05,
                solver=float(exact_cost(0.0) / exact_cost(least_cost_weight())),
            ),
            # Four standard errors of the mean.
            agree(
                "unseen switches: cost of the linear belief",
                4 * spread,
                solver=LQGPolicy(HIDDEN, belief="linear").expected_cost(HIDDEN.steps),
                simulated=float(costs["linear"].mean()),
            ),
            # The rule is that controller in the form of a recurrence.
            agree(
                "largest difference of that cost and of the soft-reset rule's, over episodes",
                1e-9,
                closed=0.0,
                simulated=float(np.abs(costs["soft reset"] - costs["linear"]).max()),
            ),
            at_least(
                "what the exact belief saves, in standard errors over the same episodes",
                3.0,
                simulated=float(saved.mean() / saved.std() * np.sqrt(effort.episodes)),
            ),
            at_least(
                "cost of a filter that knows of no switches over the exact belief's",
                1.2,
                simulated=float(costs["no switches"].mean() / costs["exact"].mean()),
            ),
        )
        return Evidence(checks, lambda: draw(self.share, effort))


WIDE = (0.0, 0.35, 0.7)
"""Weights whose costs are simulated."""


@cache
def measured_weight(dt: float) -> float:
    """The optimum's w in the environment, by regression on parameters and target."""
    problem = SEEN.replace(dt=dt, episode_steps=40)
    seen = trace(problem, LinearQuadraticPolicy(problem), episodes=64, seed=SEED)
    on_theta, _, constant = regression(seen.control, seen.theta[:-1], seen.target)
    return float(constant[0] / -on_theta[0, 0] / 2.0)  # the prior's mean is 2


def exact_cost(weight: float) -> float:
    """Expected cost of aiming at ``(1 - weight) z + weight mu`` with the optimal gain."""
    parts = ensemble(SEEN)
    K = parts.law.K
    return parts.expected_cost(None, Law(K, -(1 - weight) * K, -weight * K))


@cache
def least_cost_weight() -> float:
    """The weight of least expected cost."""
    found: Any = minimize_scalar(
        exact_cost, bounds=(0, 1), method="bounded", options={"xatol": 1e-8}
    )
    return float(found.x)


@cache
def simulated_costs(weights: Sequence[float], effort: Effort) -> Array:
    """Mean costs in the environment, on the same episodes."""
    gain = ensemble(SEEN).law.K[0]
    policies = [Steering(gain, weight, 2.0) for weight in weights]
    return np.array(
        [
            rollout(SEEN, policy, episodes=2 * effort.episodes, seed=SEED).cost.mean()
            for policy in policies
        ]
    )


def vertex(x: Sequence[float], y: Array) -> float:
    """Where the parabola through three points is least; costs are one in the weight."""
    a, b, _ = np.polyfit(x, y, 2)
    return float(-b / (2 * a))


@cache
def costs_of_beliefs(effort: Effort) -> dict[str, Array]:
    """Costs of learners of tasks that change unseen, on the same episodes."""
    learners = {
        "exact": LQGPolicy(HIDDEN),
        "linear": LQGPolicy(HIDDEN, belief="linear"),
        "soft reset": RulePolicy(SoftReset.derive(HIDDEN), HIDDEN),
        "no switches": LQGPolicy(HIDDEN.replace(hazard=0.0)),
    }
    return {
        name: rollout(HIDDEN, learner, episodes=effort.episodes, seed=SEED).cost
        for name, learner in learners.items()
    }


def draw(share: float, effort: Effort) -> Figure:
    """Costs by weight, the weight by hazard, and two beliefs in an episode of unseen switches."""
    figure, (left, middle, right) = panels(3)
    weights = np.linspace(0, 1, 21)
    left.plot(weights, [exact_cost(w) for w in weights], label="expected", **SERIES[0])
    left.plot(WIDE, simulated_costs(WIDE, effort), "o", color=INK, label="simulated")
    left.axvline(least_cost_weight(), color=INK, linewidth=0.6, linestyle=":")
    label(left, "Aim part of the way back", "weight w of the prior's mean", "cost")
    hazards = np.geomspace(0.01, 30, 40)
    for series, gamma in zip(SERIES, (0.1, 1.0, 10.0), strict=False):
        w = [share * reset_weight(1.0, gamma=gamma, hazard=each) for each in hazards]
        middle.semilogx(hazards, w, label=f"gamma = {gamma:g}", **series)
    label(middle, "The further, the faster tasks change", "hazard lambda", "weight w")
    problem = HIDDEN.replace(noise=IsotropicNoise(0.5), hazard=0.15)
    learners = [LQGPolicy(problem, belief=name) for name in ("exact", "linear")]
    seen = [trace(problem, learner, episodes=1, seed=SEED + 14) for learner in learners]
    right.plot(seen[0].theta[:-1, 0, 1], label="exact belief", **SERIES[0])
    right.plot(seen[1].theta[:-1, 0, 1], label="linear belief", **SERIES[1])
    steps, target = range(problem.steps), seen[0].target[:, 0, 1]
    right.step(steps, target, where="post", color=INK, lw=0.8, label="target")
    right.set_ylim(-2.6, 1.6)
    label(right, "Unseen switches: parameters follow", "step", "theta 2")
    right.legend(fontsize=8.5, frameon=False, loc="lower left")
    return figure
