"""Other prices of motion make other rules: sign descent and Muon (theory section 12)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from baselines.claims.evidence import Check, Effort, Evidence, agree, at_least
from baselines.claims.figures import SERIES, contours, label, mark, panels
from baselines.claims.measure import slope
from baselines.claims.priced_path import PricedPath, priced_path
from landscape_gym.evaluation import rollout
from landscape_gym.landscapes import Landscape, MatrixQuadratic
from landscape_gym.landscapes.base import Array, NoInstances
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import UNBOUNDED, DoNothing, Policy, RulePolicy, StatefulPolicy
from landscape_gym.problem import NavigationProblem, NormalStart
from landscape_gym.rendering.canvas import Axes, Figure
from landscape_gym.rendering.palette import GREYS
from landscape_gym.rules import GradientDescent, Muon, SignDescent

A, B = (
    np.array([[1.0, 0.3], [0.3, 0.5]]),
    np.array([[2.0, 0.2, 0.0], [0.2, 1.0, 0.1], [0, 0.1, 0.4]]),
)
BEND = 2.4
"""Above the largest eigenvalue of A x B."""
START = np.array([1.0, -0.5, 0.7, 0.3, 1.2, -0.4])
"""A matrix W of 2 x 3, row by row."""
SLOPES = {"steep": np.array([3.0, -1.0, 0.5, 0.2, 2.0, -0.4]), "flat": np.full(6, -0.1)}
"""Gradients of losses that are linear: one of full rank, and one of rank 1."""
ETA, K = 1.3, 0.7
GAMMA, NEAR, FAR, GAMMAS = 0.5, 2.0, 200.0, (50.0, 100.0, 200.0)
"""Discount rates: of linear losses; where the rule is not yet the optimum, where it is; a range."""
PACE, STEPS = 0.2, 200
"""gamma dt, and steps of an episode: beyond them nothing counts, exp(-40)."""
RULES: dict[str, Any] = {"max": SignDescent, "spectral": Muon}
NAMES = {"max": "largest coordinate", "spectral": "spectral norm"}
PARTS = {"max": "coordinate", "spectral": "singular value"}


@dataclass(frozen=True)
class Plane(Landscape):
    """``L(W) = <C, W>``."""

    kind: ClassVar[str] = "plane"
    convex: ClassVar[bool] = True
    slope: tuple[float, ...] = ()
    """C, row by row."""
    dim: int = 6

    def sample(self, draw: Any) -> NoInstances:
        """Nothing is random."""
        return NoInstances()

    def loss_and_grad(self, instances: NoInstances, theta: Array) -> tuple[Array, Array]:
        """The gradient is the same everywhere."""
        C = np.asarray(self.slope, theta.dtype)
        return theta @ C, np.broadcast_to(C, theta.shape)

    def tensors(self) -> Tensors:
        """A matrix of 2 x 3."""
        return Tensors(((2, 3),))


@dataclass(frozen=True)
class NormsClaim:
    """Constants: the speed in units of eta k / gamma, and how it depends on the dual norm."""

    name: ClassVar[str] = "norms"
    title: ClassVar[str] = "Sign descent and Muon are navigation with other norms"
    sentence: ClassVar[str] = (
        "If moves cost `N(theta')^2 / (2 eta)` for any norm N, a short horizon gives "
        "`u = -(eta k / gamma) N*(g) argmax <w, g>` over `N(w) <= 1`, N* the dual norm: "
        "gradient descent for the Euclidean norm, sign descent with speed `|g|_1` for the largest "
        "coordinate, and for the spectral norm of a matrix the orthogonalised update of Muon, with "
        "the nuclear norm of the gradient as its speed."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "The paper prices motion by quadratic forms; that the same holds for norms is not in it. "
        "The three ways: the closed form; the whole path as a convex problem, solved by proximal "
        "steps that know no dual norm; and the multiple of the rule that costs least in the "
        "environment, by a parabola through its costs.",
        "Where the loss is linear the step is exact at any gamma, once 1/gamma is the sum over "
        "steps, `dt / (1 - exp(-gamma dt))`. Where it bends, the error falls as `gamma^-2`.",
        "At a longer horizon the optimum still moves coordinates, or singular directions, at one "
        "speed; but what has come to where it is best off rests there, or waits for the others.",
        "As they are used, both rules have a constant speed, for a schedule to act on. The speed "
        "that is derived falls with the gradient.",
    )

    rate: float = 1.0
    """Speed per dual norm, in units of eta k (time that counts)."""
    power: float = 1.0
    """Of the dual norm in the speed."""

    def evidence(self, effort: Effort) -> Evidence:
        """Of both norms."""
        return Evidence(tuple(check for norm in RULES for check in self.checks(norm)), draw)

    def checks(self, norm: str) -> list[Check]:
        """Speed and evenness on linear losses, the limit on one that bends, and other paths."""
        named, G = NAMES[norm], gradient(START)
        far, start = quadratic(norm, FAR), RULES[norm].derive(quadratic(norm, FAR))
        first = start.update(G, start.init(G))[0]
        return [
            *(
                # Proximal steps end at 1e-11 and the horizon at exp(-40); costs are a parabola.
                agree(
                    f"{named}: speed in units of eta k dt / (1 - beta), {name} linear loss",
                    1e-6,
                    closed=self.rate * dual(norm, C) ** self.power,
                    solver=speed(norm, best(plane(norm, name)).control[0]) / unit(GAMMA),
                    simulated=dual(norm, C) * best_rate(plane(norm, name)) / unit(GAMMA),
                )
                for name, C in SLOPES.items()
            ),
            # Relative error: eta k w' H w / gamma^2 with w the direction, 2e-4 here, of 4.1.
            agree(
                f"{named}: the same, quadratic loss at gamma = {FAR:g}",
                2e-3,
                closed=self.rate * dual(norm, G) ** self.power,
                solver=speed(norm, best(far).control[0]) / unit(FAR),
                simulated=dual(norm, G) * best_rate(far) / unit(FAR),
            ),
            # Of the next order in 1/gamma, a few per cent at the lowest gamma.
            agree(
                f"{named}: power of gamma with which the error of that falls",
                0.1,
                closed=-2.0,
                solver=error_power(norm),
            ),
            agree(
                f"{named}: slowest over fastest {PARTS[norm]} there",
                1e-6,
                closed=1.0,
                solver=evenness(norm, best(far).control[0]),
                simulated=evenness(norm, first),
            ),
            # The same sum, once by the solver and once step by step.
            agree(
                f"{named}: cost of the best path at gamma = {NEAR:g}",
                1e-9,
                solver=best(quadratic(norm, NEAR)).cost,
                simulated=cost(quadratic(norm, NEAR), Replay(best(quadratic(norm, NEAR)))),
            ),
            at_least(
                f"{named}: what the rule costs there over that",
                1.01,
                simulated=cost(quadratic(norm, NEAR), descent(quadratic(norm, NEAR)))
                / best(quadratic(norm, NEAR)).cost,
            ),
            # <C, C>^2 / (N(C) N*(C))^2, at most 1 by duality.
            agree(
                f"{named}: gain of the best gradient descent over that of the rule, linear loss",
                1e-6,
                closed=descent_share(norm),
                simulated=simulated_share(norm),
            ),
        ]


class Replay(StatefulPolicy):
    """Does what a path says, whatever happens."""

    observation = ObservationConfig(("elapsed",))

    def __init__(self, path: PricedPath) -> None:
        """Keep the controls."""
        self.control = path.control

    def act(self, observation: Array, state: None) -> tuple[Array, None]:
        """The control of the step; ``elapsed`` is the fraction of the episode that is over."""
        step = np.rint(observation[:, 0] * len(self.control)).astype(int)
        return self.control[step] / UNBOUNDED.scale, None


def plane(norm: str, name: str, gamma: float = GAMMA) -> NavigationProblem:
    """A linear loss, priced by a norm."""
    return _problem(Plane(tuple(SLOPES[name])), norm, gamma)


def quadratic(norm: str, gamma: float) -> NavigationProblem:
    """The quadratic loss, priced by a norm."""
    return _problem(MatrixQuadratic(left=A.tolist(), right=B.tolist()), norm, gamma)


def _problem(landscape: Landscape, norm: str, gamma: float) -> NavigationProblem:
    """From `START`, in steps of a fifth of the horizon, to where nothing counts any more."""
    return NavigationProblem(
        landscape=landscape,
        metric=norm,
        start=NormalStart(tuple(START), 0.0),
        eta=ETA,
        k=K,
        gamma=gamma,
        dt=PACE / gamma,
        episode_steps=STEPS,
        max_norm=1e9,
    )


def unit(gamma: float) -> float:
    """``eta k dt / (1 - beta)``."""
    return ETA * K * PACE / gamma / (1 - np.exp(-PACE))


def gradient(theta: Array) -> Array:
    """Of the quadratic loss, ``A W B``."""
    return (A @ theta.reshape(2, 3) @ B).ravel()


def parts(norm: str, u: Array) -> Array:
    """What the norm is the largest of: magnitudes, or singular values."""
    return abs(u) if norm == "max" else np.linalg.svd(u.reshape(2, 3), compute_uv=False)


def speed(norm: str, u: Array) -> float:
    """N(u)."""
    return float(parts(norm, u).max())


def dual(norm: str, g: Array) -> float:
    """N*(g): the sum of what N is the largest of."""
    return float(parts(norm, g).sum())


def evenness(norm: str, u: Array) -> float:
    """The smallest part over the largest."""
    return float(parts(norm, u).min() / parts(norm, u).max())


@cache
def best(problem: NavigationProblem) -> PricedPath:
    """The best path."""
    return priced_path(problem, START, problem.steps, bend=BEND)


def descent(problem: NavigationProblem) -> RulePolicy:
    """The rule that is derived for the norm."""
    return RulePolicy(RULES[str(problem.metric)].derive(problem))


def cost(problem: NavigationProblem, policy: Policy) -> float:
    """Of the one episode that there is."""
    return float(rollout(problem, policy, episodes=1, seed=0).cost[0])


@cache
def costs(problem: NavigationProblem, rule: Any, factors: tuple[float, ...]) -> Array:
    """Of a rule at multiples of its rate."""
    rules = (replace(rule, lr=factor * rule.lr) for factor in factors)
    return np.array([cost(problem, RulePolicy(each)) for each in rules])


def best_multiple(problem: NavigationProblem, rule: Any) -> float:
    """Which multiple of the rule's rate costs least, by a parabola through three costs."""
    low, middle, high = costs(problem, rule, (0.8, 1.0, 1.2))
    return float(1.0 + 0.1 * (low - high) / (low - 2 * middle + high))


def best_rate(problem: NavigationProblem) -> float:
    """Velocity per dual norm that costs least of the rule derived for the norm."""
    rule = RULES[str(problem.metric)].derive(problem)
    return rule.lr * best_multiple(problem, rule)


def error_power(norm: str) -> float:
    """How the relative error of the speed goes with gamma."""
    exact = [speed(norm, best(quadratic(norm, gamma)).control[0]) for gamma in GAMMAS]
    limit = dual(norm, gradient(START)) * np.array([unit(gamma) for gamma in GAMMAS])
    return slope(GAMMAS, exact / limit - 1)


def descent_share(norm: str) -> float:
    """Gain along the gradient over that along the norm's own direction."""
    C = SLOPES["steep"]
    return float((C @ C / (speed(norm, C) * dual(norm, C))) ** 2)


def simulated_share(norm: str) -> float:
    """The same of rollouts, each rule at its best multiple: a parabola's depth below no move."""
    problem, gains = plane(norm, "steep"), []
    nothing = cost(problem, DoNothing(6))
    for rule in (GradientDescent(speed(norm, np.ones(6)) * unit(GAMMA)), None):
        rule = rule or RULES[norm].derive(problem)
        factor = best_multiple(problem, rule)
        gains.append(nothing - costs(problem, rule, (factor,))[0])
    return float(gains[0] / gains[1])


def draw() -> Figure:
    """Unit balls and their steepest directions, best paths, and singular values on the way."""
    figure, (left, middle, right) = panels(3, 3.7)
    _draw_balls(left)
    _draw_paths(middle)
    _draw_singular_values(right)
    return figure


def _draw_balls(axes: Axes) -> None:
    g, angle = np.array([0.9, 0.35]), np.linspace(0, 2 * np.pi, 400)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    G = np.diag([2.5, 0.6])
    balls = {
        "|u|: gradient descent": (circle, -g / np.linalg.norm(g)),
        "(u' G u)^(1/2): natural gradient": (
            circle / np.sqrt(np.sum(circle * (G @ circle), axis=0)),
            -np.linalg.solve(G, g) / np.sqrt(g @ np.linalg.solve(G, g)),
        ),
        "largest |u_i|: sign descent": (circle / abs(circle).max(axis=0), -np.sign(g)),
    }
    for series, (name, (ball, step)) in zip(SERIES, balls.items(), strict=False):
        axes.plot(*ball, label=name, **series)
        axes.plot(*zip((0, 0), step, strict=True), lw=1.2, **series)
        axes.plot(*step, "o", ms=5, color=series["color"])
    across = np.array([g[1], -g[0]])
    axes.plot(*np.transpose([-3 * across, 3 * across]), color=GREYS[4], lw=0.8)
    axes.set(xlim=(-1.7, 1.4), ylim=(-2.2, 1.4))
    axes.set_aspect("equal")
    label(axes, "Furthest downhill at one price", "u 1", "u 2")


def _draw_paths(axes: Axes) -> None:
    h, start = np.array([1.0, 0.25]), np.array([1.6, 0.9])
    grid = np.linspace(-0.4, 1.9, 101)
    contours(axes, grid, grid, 0.5 * (h[0] * grid**2 + h[1] * grid[:, None] ** 2))
    norms = {"Euclidean": "spectral", "largest coordinate": "max"}  # of a column they are those
    landscape = MatrixQuadratic(rows=2, columns=1, left=tuple(h))
    for series, (name, norm) in zip(SERIES, norms.items(), strict=False):
        problem = NavigationProblem(landscape=landscape, metric=norm, gamma=0.5, dt=0.05)
        path = priced_path(problem, start, 400, bend=1.0, tolerance=1e-6).theta
        axes.plot(*path.T, label=f"best path, {name}", **series)
    mark(axes, start, "start")
    mark(axes, (0, 0), "minimum")
    axes.set_aspect("equal")
    label(axes, "A long horizon goes along diagonals, too", "theta 1", "theta 2")


def _draw_singular_values(axes: Axes) -> None:
    path, problem = best(quadratic("spectral", NEAR)), quadratic("spectral", NEAR)
    time = problem.dt * np.arange(problem.steps)
    values = {
        "of the gradient": [parts("spectral", gradient(theta)) for theta in path.theta[:-1]],
        "of the best velocity": [parts("spectral", u) for u in path.control],
    }
    for series, (name, pair) in zip(SERIES, values.items(), strict=False):
        for number, line in enumerate(np.transpose(pair)):
            axes.semilogy(time, line, label=name if number == 0 else None, **series)
    axes.set(xlim=(0, 4.0), ylim=(1e-3, 10.0))
    label(axes, "Spectral norm: both singular values move alike", "time", "singular values")
