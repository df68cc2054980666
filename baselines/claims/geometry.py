"""The metric of parameter space turns the optimal rule into natural gradient (theory section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from baselines.claims.evidence import Effort, Evidence, agree, at_least
from baselines.claims.figures import SERIES, contours, label, mark, panels
from baselines.claims.measure import Steering, at_zero_step, regression, trace
from landscape_gym.control import LinearQuadraticPolicy, continuous_riccati, gain_matrix
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem, NormalStart
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rendering.palette import INK

H, G = np.array([[3.0, 0.8], [0.8, 1.0]]), np.array([[1.0, -0.4], [-0.4, 0.5]])
GAMMA, FAR = 1.0, 200.0
"""Discount rates: a moderate one, and one at which the limit of short horizons holds to 1e-4."""
M = np.array([[1.5, 0.5], [-0.3, 0.8]])
"""Other coordinates phi of the same parameters, theta = M phi."""
START = np.array([1.5, 1.0])


@dataclass(frozen=True)
class GeometryClaim:
    """Constants: the exponent of the gain, and the natural gradient's learning rate."""

    name: ClassVar[str] = "geometry"
    title: ClassVar[str] = "Natural gradient is navigation with a metric"
    sentence: ClassVar[str] = (
        "If moves cost `theta' G theta' / (2 eta)`, a short horizon gives natural gradient "
        "descent, `u = -(eta k / gamma) G^-1 g`, and any horizon `u = -R (theta - z)` with "
        "`R = (gamma^2/4 + eta k G^-1 H)^(1/2) - gamma/2`."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "The root is the principal one of a matrix that is not symmetric: G and H need not "
        "commute. With other coordinates, `theta = M phi` and `G -> M' G M`, the path is the same; "
        "that of gradient descent is not.",
    )

    exponent: float = 0.5
    """Of the matrix in R."""
    rate: float = 1.0
    """The natural gradient's learning rate, in units of eta k / gamma."""

    def evidence(self, effort: Effort) -> Evidence:
        """The gain entry by entry, the limit of short horizons, and equivariance."""
        closed = self.gain()
        solved, measured = continuous_riccati(H, G=G, gamma=GAMMA).law.K, measured_gain()
        natural = self.rate * np.linalg.inv(G)
        limit = FAR * gain_matrix(H, G, gamma=FAR) @ np.linalg.inv(H)
        checks = (
            # Riccati solutions to rounding; the environment after extrapolation to dt = 0, whose
            # next term is dt^2 R^3 / 6, 1e-5 here.
            *(
                agree(
                    f"R[{i}, {j}] at gamma = 1, G and H do not commute",
                    1e-9,
                    closed=float(closed[i, j]),
                    solver=float(solved[i, j]),
                    simulated=float(measured[i, j]),
                    sampling=3e-4,
                )
                for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))
            ),
            # Relative error of the limit: pull / gamma^2, with pull up to 9, so 2e-4 of 2.9.
            *(
                agree(
                    f"u of a unit gradient, entry [{i}, {j}] at gamma = 200, times gamma",
                    3e-3,
                    closed=float(natural[i, j]),
                    solver=float(limit[i, j]),
                    simulated=float(measured_limit()[i, j]),
                )
                for i, j in ((0, 0), (0, 1))
            ),
            # The same path: rounding along 60 steps.
            agree(
                "other coordinates: largest difference of the optimal paths",
                1e-10,
                closed=0.0,
                solver=float(np.abs(M @ transformed_gain() @ np.linalg.inv(M) - solved).max()),
                simulated=float(np.abs(np.subtract(*optimal_paths())).max()),
            ),
            at_least(
                "the same of gradient descent",
                0.1,
                simulated=float(np.abs(np.subtract(*descent_paths())).max()),
            ),
        )
        return Evidence(checks, self.draw)

    def gain(self) -> Array:
        """R by eigenvectors of G^-1 H."""
        values, vectors = np.linalg.eig(np.linalg.solve(G, H))
        powers = (GAMMA**2 / 4 + values) ** self.exponent - GAMMA / 2
        return (vectors * powers @ np.linalg.inv(vectors)).real

    def draw(self) -> Figure:
        """Paths under three metrics, and paths in two systems of coordinates."""
        figure, (left, right) = panels(2, 3.7)
        grid = np.linspace(-2, 2, 121)
        points = np.stack(np.meshgrid(grid, grid), axis=-1)
        loss = 0.5 * np.sum(points @ H * points, axis=-1)
        for axes in (left, right):
            contours(axes, grid, grid, loss)
            axes.set_aspect("equal")
            axes.set(xlim=(-1.3, 1.8), ylim=(-1.6, 1.6))
        metrics = {
            "G = 1": np.eye(2),
            "G = diag(4, 1/4)": np.diag([4.0, 0.25]),
            "G = H: straight": H,
        }
        for series, (name, metric) in zip(SERIES, metrics.items(), strict=False):
            path = followed(planar(H, metric, START, episode_steps=400))
            left.plot(*path.T, label=name, **series)
        label(left, "The metric bends the optimal path", "theta 1", "theta 2")
        (first, second), (descent, other) = optimal_paths(), descent_paths()
        right.plot(*first.T, label="optimum", **SERIES[0])
        right.plot(*second[::4].T, "o", color=INK, ms=4, label="found in phi")
        right.plot(*descent.T, label="gradient descent", **SERIES[1])
        right.plot(*other.T, label="descent in phi", **SERIES[3])
        label(right, "Coordinates matter to descent only", "theta 1", "theta 2")
        for axes in (left, right):
            mark(axes, START, "start")
            mark(axes, (0, 0), "minimum")
            axes.legend(fontsize=8.5, framealpha=0.85, edgecolor="none", loc="lower left")
        return figure


def planar(hessian: Array, metric: Array, start: Array, **changes: Any) -> NavigationProblem:
    """A problem in two dimensions with its minimum at 0."""
    settings = {"gamma": GAMMA, "dt": 0.05, "episode_steps": 60, **changes}
    return NavigationProblem(
        landscape=Quadratic(dim=2, curvature=hessian.tolist()),
        metric=metric.tolist(),
        start=NormalStart(tuple(start), 0.0),
        **settings,
    )


def measured_gain() -> Array:
    """The gain of the optimum in the environment, as the time step goes to 0."""

    def measure(dt: float) -> Array:
        problem = planar(H, G, START, dt=dt, episode_steps=40)
        seen = trace(problem, LinearQuadraticPolicy(problem))
        return -regression(seen.control, seen.theta[:-1])[0]

    return at_zero_step(measure, 0.01)


@cache
def measured_limit() -> Array:
    """Velocity of the optimum per gradient at `FAR`, in units of the discrete learning rate."""
    problem = planar(H, G, START, gamma=FAR, dt=1e-3, episode_steps=40)
    seen = trace(problem, LinearQuadraticPolicy(problem))
    horizon = problem.dt / (1 - problem.discount)
    return -regression(seen.control, seen.gradient)[0] / horizon


def transformed_gain() -> Array:
    """The gain in the coordinates phi."""
    return continuous_riccati(M.T @ H @ M, G=M.T @ G @ M, gamma=GAMMA).law.K


def followed(problem: NavigationProblem) -> Array:
    """The optimal path in the environment, (steps + 1, 2)."""
    return trace(problem, LinearQuadraticPolicy(problem)).theta[:, 0]


def in_phi() -> NavigationProblem:
    """The problem in the coordinates phi."""
    return planar(M.T @ H @ M, M.T @ G @ M, np.linalg.solve(M, START))


@cache
def optimal_paths() -> tuple[Array, Array]:
    """The optimum's path, found in theta and in phi, both in theta."""
    return followed(planar(H, G, START)), followed(in_phi()) @ M.T


@cache
def descent_paths() -> tuple[Array, Array]:
    """The same of gradient descent."""
    problem, other = planar(H, G, START), in_phi()
    paths = [
        trace(each, Steering(0.5 * hessian)).theta[:, 0]
        for each, hessian in ((problem, H), (other, M.T @ H @ M))
    ]
    return paths[0], paths[1] @ M.T
