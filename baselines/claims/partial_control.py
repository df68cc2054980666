"""Default dynamics that the learner cannot switch off (theory section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np

from baselines.claims.evidence import Effort, Evidence, agree, at_least
from baselines.claims.figures import PALE, SERIES, label, mark, panels
from baselines.claims.measure import at_zero_step, regression, trace
from landscape_gym.control import LinearQuadraticPolicy, continuous_riccati
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import Decay, NavigationProblem, NormalStart, Rotation
from landscape_gym.rendering.canvas import Figure
from landscape_gym.rendering.palette import BLUE, GREYS, INK, VERMILION

PULL, J, Q, GAMMA = 4.0, 1.0, 3.0, 1.0
"""eta k h, rate of decay, radians per unit time, and discount rate."""
Z = np.array([1.0, 0.0])
QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])
DYNAMICS = {"decay": -J * np.eye(2), "rotation": Q * QUARTER, "one control": Q * QUARTER}
ONE = ((1.0,), (0.0,))
"""B, through which one control moves the first of two parameters."""


class Motion(NamedTuple):
    """How parameters move under the optimal control."""

    jacobian: Array
    """C of the velocity field C theta + const, (2, 2)."""
    end: Array
    """Where they come to rest, (2,)."""

    @property
    def rate(self) -> float:
        """At which the distance to the end decays."""
        return -float(np.trace(self.jacobian)) / 2

    @property
    def turning(self) -> float:
        """The antisymmetric part of the field: 0 for the gradient of any potential."""
        return float(self.jacobian[1, 0] - self.jacobian[0, 1]) / 2

    @property
    def own_turning(self) -> float:
        """The same of what the learner does to a rotation, without what happens by itself."""
        return self.turning - Q


@dataclass(frozen=True)
class PartialControlClaim:
    """Constants: the discount's part in decay, and rotation's in its end point."""

    name: ClassVar[str] = "partial-control"
    title: ClassVar[str] = "Partial control gives rules that follow no gradient"
    sentence: ClassVar[str] = (
        "If parameters move by themselves, `theta' = f(theta) + u`, the optimal rule is no "
        "gradient rule, and the path ends short of the loss's minimum."
    )
    remarks: ClassVar[tuple[str, ...]] = (
        "For decay `f = -j theta` the rate has `j (j + gamma)` under its root and the end point "
        "has it in its denominator. The paper's notebook (fig3-nongrad.ipynb) has `j (j - gamma)`, "
        "the same at its figure's gamma = 0: for gamma = j its path would end at the minimum as if "
        "nothing decayed.",
        "With fewer controls than parameters the policy itself, and not only what happens to "
        "parameters, has a Jacobian with an antisymmetric part: the learner moves theta 1 for what "
        "it is going to do to theta 2.",
        "For rotation the notebook's path is right; the point that it marks as the path's end, "
        "pull / D z, is not where that path ends, at any gamma.",
    )

    discount: float = 1.0
    """c in decay's j (j + c gamma)."""
    reach: float = 1.0
    """c in b^2 = (gamma^2/4 + q^2) (gamma^2/4 + q^2 + c pull), of rotation with one control."""
    aim: float = 1.0
    """c in its end point, theta 2 = c pull (gamma z_1 + q z_2) / (D (q + K_2))."""
    turn: float = 1.0
    """c in rotation's end point, (pull / D) [(pull + q^2) I + c q gamma J] z."""

    def evidence(self, effort: Effort) -> Evidence:
        """Rates and end points of both, and what the notebook has instead."""
        solved = {kind: by_riccati(kind, GAMMA) for kind in DYNAMICS}
        seen = {kind: in_the_environment(kind) for kind in DYNAMICS}
        rate, end = self.decay(GAMMA)
        turned = self.rotation(GAMMA)
        # Closed forms and Riccati solutions to rounding. The environment after extrapolation to
        # dt = 0: the next term, of order (dt |C|)^2 with |C| = 3.4, is 3e-4 at most.
        exact, short = 1e-10, 5e-4
        alone = self.one_control(GAMMA)
        straight = np.sqrt(GAMMA**2 / 4 + PULL) - GAMMA / 2
        rows = (
            ("decay: rate", rate, solved["decay"].rate, seen["decay"].rate),
            ("decay: end point", end, solved["decay"].end[0], seen["decay"].end[0]),
            ("rotation: rate", straight, solved["rotation"].rate, seen["rotation"].rate),
            ("rotation: turning", Q, solved["rotation"].turning, seen["rotation"].turning),
            *(
                (f"rotation: end point, theta {i + 1}", turned[i], *each)
                for i, each in enumerate(
                    zip(solved["rotation"].end, seen["rotation"].end, strict=True)
                )
            ),
            *(
                (
                    f"one control: {what}",
                    of(alone),
                    of(solved["one control"]),
                    of(seen["one control"]),
                )
                for what, of in (
                    ("rate", lambda motion: motion.rate),
                    ("turning of the field", lambda motion: motion.turning),
                    ("turning of the policy alone", lambda motion: motion.own_turning),
                    ("end point, theta 1", lambda motion: motion.end[0]),
                    ("end point, theta 2", lambda motion: motion.end[1]),
                )
            ),
        )
        checks = (
            *(
                agree(
                    what,
                    exact,
                    closed=float(closed),
                    solver=float(solver),
                    simulated=float(simulated),
                    sampling=short,
                )
                for what, closed, solver, simulated in rows
            ),
            at_least(
                "decay: how far the notebook's end point is from the path's end",
                0.3,
                solver=abs(notebook_end(GAMMA) - solved["decay"].end[0]),
                simulated=abs(notebook_end(GAMMA) - seen["decay"].end[0]),
            ),
            at_least(
                "rotation: how far the path ends from the minimum",
                0.3,
                solver=float(np.linalg.norm(solved["rotation"].end - Z)),
                simulated=float(np.linalg.norm(seen["rotation"].end - Z)),
            ),
        )
        return Evidence(checks, self.draw)

    def decay(self, gamma: float) -> tuple[float, float]:
        """Rate and end point of decay, by theory's closed forms."""
        pull = PULL + J * (J + self.discount * gamma)
        return float(np.sqrt(gamma**2 / 4 + pull) - gamma / 2), PULL / pull

    def rotation(self, gamma: float) -> Array:
        """End point of rotation, by theory's closed form."""
        along, across = PULL + Q**2, self.turn * Q * gamma
        D = along**2 + (Q * gamma) ** 2
        return PULL / D * (along * Z + across * QUARTER @ Z)

    def one_control(self, gamma: float) -> Motion:
        """Rotation of which theta 1 alone is controlled, by spectral factorisation.

        With g = gamma/2 the damped closed loop has the polynomial s^2 + a s + b whose product with
        its mirror image is that of the open loop plus ``pull (g^2 + q^2 - s^2)``.
        """
        g, w = gamma / 2, gamma**2 / 4 + Q**2
        b = np.sqrt(w * (w + self.reach * PULL))
        a = np.sqrt(2 * b - 2 * (Q**2 - g**2) + PULL)
        first = a - gamma  # K of u = -(K theta - ...), from trace and determinant
        second = (b - g * (g + first)) / Q - Q
        D = gamma * (gamma + first) + Q * (Q + second)
        held = self.aim * PULL * (gamma * Z[0] + Q * Z[1]) / D
        jacobian = np.array([[-first, -Q - second], [Q, 0.0]])
        return Motion(jacobian, np.array([0.0, held / (Q + second)]))

    def draw(self) -> Figure:
        """End points against the discount rate: decay, and rotation in the plane."""
        figure, (left, right) = panels(2, 3.6)
        gammas = np.linspace(0, 4, 41)
        left.plot(gammas, [self.decay(g)[1] for g in gammas], label="closed form", **SERIES[0])
        notebook = [notebook_end(g) for g in gammas]
        left.plot(gammas, notebook, label="paper's notebook", **SERIES[1])
        some = gammas[::5]
        left.plot(
            some, [by_riccati("decay", g).end[0] for g in some], "o", color=INK, label="Riccati"
        )
        left.axhline(1, color=PALE, linewidth=0.8)
        left.text(0.05, 1.03, "the minimum", fontsize=8.5, color=GREYS[1])
        left.set_ylim(0, 2.5)
        label(left, "Decay: where paths end", "discount rate gamma", "end point")
        ends = np.array([self.rotation(g) for g in np.linspace(0, 12, 121)])
        right.plot(*ends.T, label="ends, gamma from 0 to 12", **SERIES[0])
        riccati = np.array([by_riccati("rotation", g).end for g in (0.0, 1.0, 3.0, 8.0)])
        right.plot(*riccati.T, "o", color=INK, label="Riccati: 0, 1, 3, 8")
        marks = np.array([notebook_mark(g) for g in (0.0, 1.0, 3.0, 8.0)])
        right.plot(*marks.T, "x", color=VERMILION, label="marked in the notebook")
        path = trace(environment("rotation", 0.02, 600), optimum("rotation", 0.02)).theta[:, 0]
        right.plot(*path.T, color=BLUE, linewidth=0.8, alpha=0.7, label="path, gamma = 1")
        mark(right, Z, "minimum", "the loss's minimum")
        right.set_aspect("equal")
        right.set(xlim=(-0.75, 1.2), ylim=(-1.2, 0.75))
        label(right, "Rotation: paths end short of the minimum", "theta 1", "theta 2")
        right.legend(fontsize=8, frameon=False, loc="lower left")
        return figure


def notebook_end(gamma: float) -> float:
    """End point of decay in the paper's notebook; NaN past where it has none."""
    pull = PULL + J * (J - gamma)
    return PULL / pull if pull > 0 else float("nan")


def notebook_mark(gamma: float) -> Array:
    """The point that the notebook marks as rotation's end."""
    return PULL / ((PULL + Q**2) ** 2 + (Q * gamma) ** 2) * Z


def by_riccati(kind: str, gamma: float) -> Motion:
    """By the Riccati equation of continuous time."""
    B = ONE if kind == "one control" else None
    solution = continuous_riccati(PULL * np.eye(2), F=DYNAMICS[kind], B=B, gamma=gamma)
    return Motion(solution.C, solution.end_point(Z))


def environment(kind: str, dt: float, steps: int) -> NavigationProblem:
    """The problem with a time step."""
    return NavigationProblem(
        landscape=Quadratic(dim=2, curvature=(PULL, PULL), optimum=tuple(Z)),
        default_dynamics=Decay(J) if kind == "decay" else Rotation(Q),
        control_matrix=ONE if kind == "one control" else None,
        gamma=GAMMA,
        dt=dt,
        episode_steps=steps,
        start=NormalStart((-0.5, 0.6), 0.0),
    )


def optimum(kind: str, dt: float) -> LinearQuadraticPolicy:
    """What acts in it."""
    return LinearQuadraticPolicy(environment(kind, dt, 1))


@cache
def in_the_environment(kind: str) -> Motion:
    """By the environment: velocities along two paths, and where one ends."""

    def measure(dt: float) -> Array:
        steps = round(20 / dt)  # exp(-0.97 times 20) is below 1e-8
        theta = trace(environment(kind, dt, steps), optimum(kind, dt)).theta[:, 0]
        early = round(1.5 / dt)
        velocity = np.diff(theta[: early + 1], axis=0) / dt
        # Decay goes straight, so that one path does not show all of the field: by symmetry one
        # number does.
        if kind == "decay":
            distance = theta[:early] - theta[-1]
            jacobian = np.eye(2) * np.sum(velocity * distance) / np.sum(distance**2)
        else:
            jacobian = regression(velocity, theta[:early])[0]
        return np.concatenate([jacobian.ravel(), theta[-1]])

    found = at_zero_step(measure, 0.01)
    return Motion(found[:4].reshape(2, 2), found[4:])
