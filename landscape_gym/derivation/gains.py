"""From a navigation problem and the Hessians of a batch to the gains of its optimum.

Which solver: closed forms on the axes where Hessian, metric and default dynamics are diagonal;
closed forms on the Hessian's eigenvectors where metric and default dynamics are multiples of the
identity; a Riccati equation for each Hessian otherwise.

Notation: x parameters, z target, m mean of the target's prior, u = -(K x + K_z z + K_m m)
(model.py). T is the horizon, 1 where it is infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from landscape_gym.derivation import diagonal, lqr
from landscape_gym.derivation.lqr import LQRSolution
from landscape_gym.derivation.model import Law
from landscape_gym.derivation.structure import Structure
from landscape_gym.landscapes.base import Array


class Gains(NamedTuple):
    """Laws of some rows, and the curvatures that they were computed from."""

    curvature: Array
    """Diagonals of the Hessians, (rows, d), or Hessians row by row, (rows, d * d)."""
    law: Law
    """Elementwise gains, (T, rows, d), or matrices, (T, rows, m, d)."""
    basis: Array | None = None
    """Orthonormal columns on which elementwise gains act, (rows, d, d); None: the axes."""
    solution: LQRSolution | None = None
    """How the matrices were found, if for a single Hessian; None for closed forms."""


class GainSolver(NamedTuple):
    """How to come to gains."""

    channel: str
    """What to read of each row's Hessian: ``curvature``, its diagonal, or ``hessian``."""
    solve: Callable[[Array], Gains]
    """From that channel, (rows, size), to gains."""
    iterates: bool = False
    """Whether that may take many steps of value iteration for each row."""


def gain_solver(structure: Structure) -> GainSolver:
    """The cheapest solver for a linear-quadratic problem."""
    if structure.diagonals is not None:
        metric, drift = structure.diagonals
        if structure.on_the_axes:
            return GainSolver("curvature", partial(_closed_form, structure, metric, drift))
        if np.ptp(metric) == 0 and np.ptp(drift) == 0:
            isotropic = partial(_on_eigenvectors, structure, metric[:1], drift[:1])
            return GainSolver("hessian", isotropic)
    by_riccati = partial(_by_riccati, structure)
    return GainSolver("hessian", by_riccati, iterates=structure.problem.horizon is None)


def shared_gains(structure: Structure, solver: GainSolver) -> Gains | None:
    """The gains that all rows have where the Hessian is always the same, else None."""
    curvature = structure.curvature
    if curvature is None:
        return None
    if (curvature.ndim == 1) != (solver.channel == "curvature"):
        curvature = np.diag(curvature)  # a matrix from its diagonal, or the reverse
    return solver.solve(curvature.reshape(1, -1))


def replace_rows(gains: Gains, rows: Array, fresh: Gains) -> Gains:
    """A copy in which some rows have the gains of `fresh`."""

    def put(old: Array, new: Array, axis: int) -> Array:
        out = old.copy()
        out[(slice(None),) * axis + (rows,)] = new
        return out

    curvature = put(gains.curvature, fresh.curvature, 0)
    law = Law(*(put(old, new, 1) for old, new in zip(gains.law, fresh.law, strict=True)))
    if gains.basis is None or fresh.basis is None:
        return Gains(curvature, law)
    return Gains(curvature, law, put(gains.basis, fresh.basis, 0))


def control(gains: Gains, step: Array | None, x: Array, z: Array, m: Array) -> Array:
    """u, (rows, m), at parameters x, targets z and means of their prior m, (rows or 1, d).

    Args:
        gains: Gains of the same rows, or of a single row that stands for all.
        step: The step that each row is at, (rows,), in a finite horizon.
        x: Parameters.
        z: Targets.
        m: Means of the targets' prior.
    """
    if gains.basis is None:
        return control_in_basis(gains, step, x, z, m)
    back = np.swapaxes(gains.basis, 1, 2)
    x, z, m = times(back, x), times(back, z), times(back, m)
    return times(gains.basis, control_in_basis(gains, step, x, z, m))


def control_in_basis(gains: Gains, step: Array | None, x: Array, z: Array, m: Array) -> Array:
    """The same, for vectors in the basis that the gains act on."""
    K, K_z, K_m = (_at(gain, step) for gain in gains.law)
    if K.ndim == 3:
        return -(times(K, x) + times(K_z, z) + times(K_m, m))
    return -(K * x + K_z * z + K_m * m)


def times(matrices: Array, vectors: Array) -> Array:
    """``A x`` for each row; a single matrix or vector stands for all rows."""
    if len(matrices) == 1:
        return vectors @ matrices[0].T
    return np.matvec(matrices, vectors)


def _at(gain: Array, step: Array | None) -> Array:
    """The gain of each row at its step."""
    if step is None:
        return gain[0]
    return gain[step, np.arange(len(step)) if gain.shape[1] > 1 else 0]


def _closed_form(structure: Structure, metric: Array, drift: Array, h: Array) -> Gains:
    """Elementwise gains for Hessian diagonals, (rows, d)."""
    horizon = structure.problem.horizon
    dq = structure.elementwise(h.astype(np.float64), metric, drift)
    if horizon is not None:
        return Gains(h, diagonal.finite_horizon(dq, horizon))
    return Gains(h, Law(*(gain[None] for gain in diagonal.stationary(dq))))


def _on_eigenvectors(structure: Structure, metric: Array, drift: Array, hessian: Array) -> Gains:
    """Elementwise gains on the eigenvectors of Hessians, (rows, d * d)."""
    eigenvalues, basis = np.linalg.eigh(_square(structure, hessian))
    law = _closed_form(structure, metric, drift, np.maximum(eigenvalues, 0.0)).law
    return Gains(hessian, law, basis)


def _by_riccati(structure: Structure, hessian: Array) -> Gains:
    """Gain matrices for Hessians, (rows, d * d), one after another."""
    horizon = structure.problem.horizon
    solutions = [lqr.solve(structure.coupled(H), horizon) for H in _square(structure, hessian)]
    stacked = (np.stack(gains, axis=-3) for gains in zip(*(s.law for s in solutions), strict=True))
    law = Law(*(gain if gain.ndim == 4 else gain[None] for gain in stacked))
    return Gains(hessian, law, solution=solutions[0] if len(solutions) == 1 else None)


def _square(structure: Structure, hessian: Array) -> Array:
    """Hessians (rows, d * d) as matrices, (rows, d, d)."""
    d = structure.problem.dim
    return hessian.astype(np.float64).reshape(-1, d, d)
