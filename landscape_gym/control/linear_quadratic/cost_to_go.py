"""What is still to be paid from given states, for rows that have each their own Hessian."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.derivation.gains import Gains
from landscape_gym.derivation.model import (
    Law,
    LinearQuadratic,
    Value,
    endless_value_of,
    values_of,
)
from landscape_gym.derivation.structure import Structure, cells
from landscape_gym.landscapes.base import Array


class RowProblems(NamedTuple):
    """The linear-quadratic problems of some rows: (rows, d) of one coordinate, or (rows,)."""

    lq: LinearQuadratic
    law: Law
    """With a leading axis T in a finite horizon."""
    hessian: Array
    """(rows, d, 1, 1), or (rows, d, d)."""

    def values(self, horizon: int | None) -> list[Value]:
        """The value at each step of the horizon; one value if it is infinite."""
        if horizon is None:
            return [endless_value_of(self.lq, self.law)]
        backwards = [before for _, _, before in values_of(self.lq, self.law, horizon)]
        return backwards[::-1]


def row_problems(structure: Structure, gains: Gains) -> RowProblems:
    """The problems that gains solve, in the coordinates that the gains act on."""
    law, d = gains.law, structure.problem.dim
    if law.K.ndim == 4:
        hessian = gains.curvature.astype(np.float64).reshape(-1, d, d)
        lq = structure.coupled(hessian)
    else:
        assert structure.diagonals is not None  # or gains would be matrices
        h = gains.curvature.astype(np.float64)
        if gains.basis is not None:
            h = np.maximum(np.linalg.eigvalsh(h.reshape(-1, d, d)), 0.0)
        hessian, lq = cells(h), structure.decoupled(h, *structure.diagonals)
        law = Law(*map(cells, law))
    if structure.problem.horizon is None:
        law = Law(*(gain[0] for gain in law))
    return RowProblems(lq, law, hessian)


def cost_to_go(
    structure: Structure, gains: Gains, step: Array | None, x: Array, z: Array, m: Array
) -> Array:
    """Expected cost from now on under full information, (rows,).

    Args:
        structure: The problem's.
        gains: Optimal gains of the same rows, or of a single row that stands for all.
        step: The step that each row is at, (rows,), in a finite horizon.
        x: Parameters, (rows, d).
        z: Targets, (rows, d).
        m: Mean of the targets' prior, (d,).
    """
    m = np.broadcast_to(m, x.shape)
    coupled = gains.law.K.ndim == 4
    if gains.basis is not None:
        back = np.swapaxes(gains.basis, 1, 2)
        x, z, m = (np.matvec(back, each) for each in (x, z, m))
    if not coupled:
        x, z, m = (each[..., None] for each in (x, z, m))
    values = row_problems(structure, gains).values(structure.problem.horizon)
    costs = np.stack([value.at(x, z, m) for value in values])  # (T, rows) or (T, rows, d)
    if not coupled:
        costs = costs.sum(axis=-1)
    return costs[0] if step is None else costs[step, np.arange(len(step))]
