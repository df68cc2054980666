"""Least squares on dependent data: the covariance of coefficients where episodes are independent.

Notation: x_r the columns of row r, e_r the residual of an output, g an episode of G.

    B = (sum_r x_r x_r')^-1        A_g = sum_{r in g} x_r x_r'        s_g = sum_{r in g} x_r e_r
    w_g = w - B (1 - A_g B)^-1 s_g                      the coefficients without episode g, exactly
    cov w = (G - 1) / G sum_g (w_g - w) (w_g - w)'

This jackknife over episodes is the sandwich estimator with episodes as clusters (Liang and Zeger,
"Longitudinal data analysis using generalized linear models", 1986) in its form for few clusters
(CR3 in Bell and McCaffrey, 2002); without (1 - A_g B)^-1 intervals of 32 episodes cover 91 % at
95 %. Rows of one episode may depend on each other in any way, and residuals may scatter differently
everywhere: a policy that is not such a law leaves residuals that do both. A bootstrap over episodes
tends to the same, and has to resample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.refusal import Refusal

COLLINEAR = 1e-7
"""Ratio of singular values below which columns determine one another; rounding leaves 1e-16."""
CONSTANT = "constant"
"""What the last column is called, which is 1 everywhere."""


class Fit(NamedTuple):
    """Least squares of m outputs on k columns."""

    coefficients: Array
    """(m, k)"""
    covariance: Array
    """Of each output's coefficients, (m, k, k)."""
    columns: list[str]
    """The quantity that each column belongs to."""
    r2: float
    """Explained fraction of the outputs' variance; NaN where they do not vary."""


def fit(outputs: Array, quantities: Mapping[str, Array], counted: Array) -> Fit:
    """Fit outputs to quantities and a constant.

    Args:
        outputs: (steps, episodes, m).
        quantities: By name, (steps, episodes, size) each.
        counted: Which rows to fit, (steps, episodes).

    Raises:
        Refusal: where columns are collinear or vanish, or no row counts.
    """
    if not counted.any():
        raise Refusal("every episode diverged at its first step: there is nothing to read.")
    columns = [name for name, values in quantities.items() for _ in range(values.shape[-1])]
    columns.append(CONSTANT)
    weight = counted[..., None].astype(np.float64)
    x = np.concatenate([*quantities.values(), np.ones_like(weight)], axis=-1) * weight
    y = outputs * weight
    rows, episodes = int(counted.sum()), counted.shape[1]
    size = np.sqrt(np.einsum("tek,tek->k", x, x) / rows)
    x = x / np.where(size > 0, size, 1.0)  # units differ by orders of magnitude
    flat = x.reshape(-1, len(columns))
    _check_determined(flat, columns)
    found = np.linalg.lstsq(flat, y.reshape(-1, y.shape[-1]), rcond=None)[0]
    residual = y - x @ found
    changes = _changes_without_each(x, residual)
    covariance = (episodes - 1) / episodes * np.einsum("ekm,elm->mkl", changes, changes)
    scatter = float(np.sum((y - weight * y.sum((0, 1)) / rows) ** 2))
    return Fit(
        coefficients=found.T / size,
        covariance=covariance / np.outer(size, size),
        columns=columns,
        r2=1 - float(np.sum(residual**2)) / scatter if scatter > 0 else float("nan"),
    )


def _changes_without_each(x: Array, residual: Array) -> Array:
    """How coefficients change when an episode is left out, (episodes, k, m)."""
    scores = np.einsum("tek,tem->ekm", x, residual)
    grams = np.einsum("tek,tel->ekl", x, x)
    bread = np.linalg.inv(grams.sum(axis=0))
    rest = np.eye(x.shape[-1]) - grams @ bread
    try:
        solved = np.linalg.inv(rest)
    except np.linalg.LinAlgError:
        solved = np.full_like(rest, np.inf)
    if np.abs(solved).max() > 1 / COLLINEAR:
        raise Refusal(
            "a coefficient is determined by one episode alone, so that nothing tells how far it "
            "scatters: read more episodes."
        )
    return -bread @ solved @ scores


def _check_determined(x: Array, columns: Sequence[str]) -> None:
    """ValueError where columns (rows, k), of mean square 1 or 0, have no unique coefficients."""
    absent = dict.fromkeys(np.array(columns)[~x.any(axis=0)].tolist())
    if absent:
        raise Refusal(
            f"{', '.join(absent)}: 0 in some coordinate all along these episodes, so that no "
            "coefficient shows. Leave it out, or read more steps or other episodes."
        )
    _, values, directions = np.linalg.svd(np.linalg.qr(x, mode="r"))
    if len(values) == len(columns) and values[-1] > COLLINEAR * values[0]:
        return
    weights = np.abs(directions[-1])
    involved = dict.fromkeys(np.array(columns)[weights > 0.05 * weights.max()].tolist())
    raise Refusal(
        f"collinear along these episodes: {', '.join(involved)}. A combination of them vanishes, "
        "as of gradient and to_target where all episodes have the same curvature, so that their "
        "coefficients are not determined. Leave one out, or read more varied episodes."
    )
