"""Continuous time: the optimum, and the forms in the paper's notebook."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from baselines.pages import markdown
from docs.generate.effort import Effort
from landscape_gym.control import (
    LinearQuadratic,
    continuous_riccati,
    decay_end_point,
    decay_rate,
    riccati,
    rotation_eigenvalues,
    rotation_end_point,
)
from landscape_gym.landscapes.base import Array

PULL, DECAY, TURN = 4.0, 1.0, 3.0
"""eta k h, the rate of decay, and radians per unit time."""
TARGET = np.array([1.0, 0.0])
GAMMAS = (0.0, 1.0, 3.0)
SHORT = 1e-4
"""Time per step of the environment's discrete time."""
QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])
DYNAMICS = {"decay": -DECAY * np.eye(2), "rotation": TURN * QUARTER}


@dataclass(frozen=True)
class Motion:
    """How parameters move in the closed loop."""

    eigenvalues: Array
    """Of the closed loop, complex, in order of the imaginary part."""
    end: Array
    """Where they come to rest, (2,)."""

    def distance(self, other: Motion) -> tuple[float, float]:
        """The largest differences of eigenvalues and of end points."""
        return (
            float(np.abs(self.eigenvalues - other.eigenvalues).max()),
            float(np.abs(self.end - other.end).max()),
        )


def notebook_table(effort: Effort) -> str:
    """Rates and end points by discount rate, and how well three computations of them agree."""
    columns = [column(gamma) for gamma in GAMMAS]
    rows = [(what, *(each[what] for each in columns)) for what in columns[0]]
    pairs = [
        (closed(kind, g), solved(kind, g), stepped(kind, g)) for kind in DYNAMICS for g in GAMMAS
    ]
    solver = max(max(form.distance(other)) for form, other, _ in pairs)
    rates, ends = np.max([form.distance(other) for form, _, other in pairs], axis=0)
    figure = np.array([0.0, -0.5])
    end = rotation_end_point(figure, PULL, gamma=0.0, q=10.0)
    mark = notebook_mark(figure, gamma=0.0, q=10.0)
    return (
        f"pull = {PULL:g}, z = (1, 0). Closed forms and the Riccati solution agree to "
        f"{solver:.0e}, discrete time at dt = {SHORT:g} to {rates:.0e} (eigenvalues) and "
        f"{ends:.0e} (end points). In the figure itself (gamma = 0, q = 10, pull = 4, "
        f"z = (0, -0.5)) the mark is at {point(mark)}, the path's end at {point(end)}.\n\n"
        + markdown(("", *(f"gamma = {gamma:g}" for gamma in GAMMAS)), rows)
    )


def column(gamma: float) -> dict[str, str]:
    """The figures at one discount rate."""
    pull = PULL + DECAY * (DECAY - gamma)  # the notebook's sign
    rate = np.sqrt(gamma**2 / 4 + pull) - gamma / 2
    decay, rotation = closed("decay", gamma), closed("rotation", gamma)
    turning = f"{rotation.eigenvalues[1].real:.4f} +- {TURN:g}i"
    return {
        "decay, j = 1: rate": f"{-decay.eigenvalues[0].real:.4f}",
        "the notebook's rate": f"{rate:.4f}",
        "decay, j = 1: end point": f"{decay.end[0]:.4f}",
        "the notebook's end point": f"{PULL / pull:.4f}",
        "rotation, q = 3: eigenvalues (the notebook's too)": turning,
        "rotation, q = 3: end point": point(rotation.end),
        "the notebook's mark": point(notebook_mark(TARGET, gamma=gamma, q=TURN)),
    }


def closed(kind: str, gamma: float) -> Motion:
    """By the closed forms."""
    if kind == "decay":
        rate = decay_rate(PULL, gamma=gamma, j=DECAY)
        return Motion(np.full(2, -rate + 0j), decay_end_point(TARGET, PULL, gamma=gamma, j=DECAY))
    eigenvalues = rotation_eigenvalues(PULL, gamma=gamma, q=TURN)
    end = rotation_end_point(TARGET, PULL, gamma=gamma, q=TURN)
    return Motion(in_order(eigenvalues), end)


def solved(kind: str, gamma: float) -> Motion:
    """By the continuous Riccati equation."""
    solution = continuous_riccati(PULL * np.eye(2), F=DYNAMICS[kind], gamma=gamma)
    return Motion(in_order(solution.eigenvalues), solution.end_point(TARGET))


def stepped(kind: str, gamma: float) -> Motion:
    """By the environment's discrete time, in short steps."""
    F = DYNAMICS[kind]
    law = riccati(LinearQuadratic.of(PULL * np.eye(2), F=F, gamma=gamma, dt=SHORT)).law
    loop = F - law.K
    return Motion(in_order(np.linalg.eigvals(loop)), np.linalg.solve(loop, law.K_z @ TARGET))


def notebook_mark(z: Array, *, gamma: float, q: float) -> Array:
    """Where the notebook marks the end of a turning path."""
    return PULL / ((PULL + q**2) ** 2 + (q * gamma) ** 2) * z


def in_order(eigenvalues: Array) -> Array:
    """By the imaginary part."""
    return eigenvalues[np.argsort(np.imag(eigenvalues))]


def point(xy: Array) -> str:
    """As in the table."""
    return f"({', '.join(f'{0.0 if abs(c) < 5e-5 else c:.4f}' for c in xy)})"
