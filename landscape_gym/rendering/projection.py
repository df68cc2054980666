"""The plane in which a path of many dimensions is drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.landscapes.base import Array

NEGLIGIBLE = 1e-5
"""Relative size below which a direction is rounding error."""


class Plane(NamedTuple):
    """A path seen along its two main directions, relative to its start."""

    path: Array
    """(n, 2)"""
    minimum: Array | None
    """(2,)"""
    share: float
    """Part of the path's variance that lies in the plane."""


def project(path: Array, minimum: Array | None) -> Plane:
    """Project a path (n, dim) and the minimum (dim,), for dim >= 2, on the path's main plane.

    Where the path is straight, the direction to the minimum or an axis is the second one.
    Signs are chosen so that the path reaches farthest to the right and upwards.
    """
    candidates, share = _principal(path)
    if minimum is not None:
        candidates.append(minimum - path[0])
    candidates.extend(np.eye(3, path.shape[1]))
    basis = _orthonormal(candidates)
    flat = (path - path[0]) @ basis.T
    star = None if minimum is None else basis @ (minimum - path[0])
    farthest = flat if star is None or flat.any() else star[None, :]
    farthest = farthest[np.abs(farthest).argmax(axis=0), [0, 1]]
    sign = np.where(farthest < 0, -1.0, 1.0)
    return Plane(flat * sign, None if star is None else star * sign, share)


def _principal(path: Array) -> tuple[list[Array], float]:
    """Up to two principal directions of a path, and their part of its variance."""
    moves = path - path.mean(axis=0)
    n, dim = moves.shape
    if n > dim:
        values, vectors = np.linalg.eigh(moves.T @ moves)
    else:  # the same from inner products, of which there are fewer
        values, vectors = np.linalg.eigh(moves @ moves.T)
        vectors = moves.T @ vectors
    total = values.sum()
    if total <= 0:
        return [], 1.0
    kept = [i for i in (-1, -2) if len(values) >= -i and values[i] > NEGLIGIBLE**2 * values[-1]]
    return [vectors[:, i] for i in kept], float(values[kept].sum() / total)


def _orthonormal(candidates: list[Array]) -> Array:
    """The first two directions that are independent, made orthonormal, (2, dim)."""
    basis: list[Array] = []
    for direction in candidates:
        rest, size = direction, np.linalg.norm(direction)
        for unit in basis:
            rest = rest - (rest @ unit) * unit
        left = np.linalg.norm(rest)
        if left > NEGLIGIBLE * size:
            basis.append(rest / left)
        if len(basis) == 2:
            break
    return np.array(basis)
