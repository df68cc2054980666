"""Linear-quadratic navigation in continuous time, which discrete time tends to as dt -> 0.

Problem (theory sections 2, 6 and 8), for the loss ``1/2 (x - z)' H (x - z)`` and the default
dynamics ``f = F x``:

    minimise  E integral exp(-gamma t) [ 1/(2 eta) u' G u + k/2 (x - z)' H (x - z) ] dt,
    dx/dt = F x + B u;  z is redrawn at rate lambda, with mean m;     x, z and m are known

Notation:

    x, u     parameters theta (d,) and control (m,)
    z, m     target (the loss's minimum) and the mean of its prior, both (d,)
    F, B     default dynamics (d, d) and control matrix (d, m), without dt
    H, G     Hessian (d, d) and metric (m, m)
    S        eta B G^-1 B'
    P, M, N  value: V(x, z) = 1/2 x' P x + x' (M z + N m) + terms without x
    K        law: u = -(K x + K_z z + K_m m) = -eta G^-1 B' (P x + M z + N m)
    C        closed loop: dx/dt = C x - B (K_z z + K_m m),  C = F - B K = F - S P

Bellman's equation ``gamma V = min_u cost + (F x + B u)' grad V + lambda (E V(x, z+) - V)`` gives

    (F - gamma/2 I)' P + P (F - gamma/2 I) - P S P + k H = 0
    ((gamma + lambda) I - C') M = -k H,        (gamma I - C') N = lambda M

The closed forms below need the objective only as ``pull = eta k h / metric``, a number per
coordinate (or per eigenvalue of eta k G^-1 H), and gamma. Where they differ from the paper's
published notebook, theory section 6 and tests/golden/test_continuous.py have the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh, solve_continuous_are

from landscape_gym.configuration import number
from landscape_gym.derivation.model import Law
from landscape_gym.landscapes.base import Array
from landscape_gym.refusal import Refusal

RESIDUAL = 1e-8
"""Relative residual of Bellman's equation up to which a solution is accepted."""


@dataclass(frozen=True)
class ContinuousSolution:
    """Value, law and closed loop; NaN where there is no solution."""

    status: str
    """What was solved, and how, as a sentence."""
    converged: bool
    """Whether Bellman's equation holds to `RESIDUAL`."""
    residual: float
    """Largest relative error of Bellman's equation."""
    P: Array
    """Value, (d, d); cost-to-go 1/2 x' P x for a target at 0."""
    law: Law
    """Gains (m, d)."""
    C: Array
    """Closed loop, (d, d)."""
    B: Array
    """Control matrix, (d, m)."""

    @property
    def eigenvalues(self) -> Array:
        """Eigenvalues of the closed loop, complex, slowest first: minus the rates of the path."""
        return np.sort_complex(np.linalg.eigvals(self.C))[::-1]

    def end_point(self, z: Any, m: Any = 0.0) -> Array:
        """Where the path comes to rest if the task does not switch, (d,).

        Args:
            z: Target, (d,).
            m: Mean of the target's prior, one number or (d,); it matters only with hazard.

        Raises:
            Refusal: if there is no solution, or its path does not end at a single point.
        """
        if not self.converged:
            raise Refusal(self.status)
        slowest = float(np.real(self.eigenvalues[0]))
        if slowest > -1e-12 * np.abs(self.C).max():
            raise Refusal(
                f"the closed loop has an eigenvalue of real part {slowest:.2g}, so its path has no "
                "end, or one that depends on the start: integrate dx/dt = C x - B (K_z z + K_m m)."
            )
        z, m = (np.broadcast_to(np.asarray(point, np.float64), len(self.C)) for point in (z, m))
        return np.linalg.solve(self.C, self.B @ (self.law.K_z @ z + self.law.K_m @ m))


def continuous_riccati(
    H: Any,
    *,
    G: Any = None,
    F: Any = None,
    B: Any = None,
    eta: float = 1.0,
    k: float = 1.0,
    gamma: float,
    hazard: float = 0.0,
) -> ContinuousSolution:
    """The stationary optimum of the infinite horizon.

    Args:
        H: Hessian of the loss, (d, d), positive semidefinite.
        G: Metric, (m, m), positive definite; the identity if None.
        F: Default dynamics ``f = F theta``, (d, d); none if None.
        B: Control matrix, (d, m); the identity if None.
        eta: Scale of affordable change, > 0.
        k: Weight of the loss, > 0.
        gamma: Discount rate, >= 0.
        hazard: Rate at which the task is redrawn, >= 0.

    Raises:
        ValueError: for a matrix that is not definite as stated, or a number out of range.

    Example:
        >>> solution = continuous_riccati([[4.0]], F=[[-1.0]], gamma=1.0)  # decays at rate 1
        >>> solution.eigenvalues.real.round(4), solution.end_point([1.0]).round(4)
        (array([-2.]), array([0.6667]))
    """
    for name, value in (("eta", eta), ("k", k), ("gamma", gamma), ("hazard", hazard)):
        number(name, value, low=0.0, strict=name in ("eta", "k"))
    H = np.asarray(H, np.float64)
    I = np.eye(len(H))
    F = np.zeros_like(H) if F is None else np.asarray(F, np.float64)
    B = I if B is None else np.asarray(B, np.float64)
    G = np.eye(B.shape[1]) if G is None else np.asarray(G, np.float64)
    _check_definite(H, G)
    damped = F - gamma / 2 * I
    P, status = _stabilising(damped, B, k * H, G / eta)
    gain = eta * np.linalg.solve(G, B.T)
    C = F - B @ gain @ P
    M = np.linalg.solve((gamma + hazard) * I - C.T, -k * H)
    N = np.linalg.solve(gamma * I - C.T, hazard * M)
    terms = np.stack([damped.T @ P, P @ damped, -P @ B @ gain @ P, k * H])
    residual = float(np.abs(terms.sum(0)).max() / (np.abs(terms).max() or 1.0))
    law = Law(gain @ P, gain @ M, gain @ N)
    if residual > RESIDUAL:
        status = "Not converged: the Riccati solver stopped short of its tolerance."
    status = f"{status} Relative residual {residual:.1e}."
    return ContinuousSolution(status, residual <= RESIDUAL, residual, P, law, C, B)


def gain_matrix(H: Any, G: Any = None, *, eta: float = 1.0, k: float = 1.0, gamma: float) -> Array:
    """Optimal gain without default dynamics: ``u = -R (theta - z)`` (theory section 2).

    ``R = (gamma^2/4 I + eta k G^-1 H)^(1/2) - gamma/2 I``, with the principal square root. For
    gamma -> inf it is ``(eta k / gamma) G^-1 H``, gradient descent in the metric G.

    Args:
        H: Hessian of the loss, (d, d), positive semidefinite.
        G: Metric, (d, d), positive definite; the identity if None. It need not commute with H.
        eta: Scale of affordable change, > 0.
        k: Weight of the loss, > 0.
        gamma: Discount rate, >= 0.

    Raises:
        ValueError: for a matrix that is not definite as stated, or gamma < 0.

    Example:
        >>> gain_matrix([[2.0, 1.0], [1.0, 2.0]], gamma=0.0).round(4)
        array([[1.366, 0.366],
               [0.366, 1.366]])
    """
    H = np.asarray(H, np.float64)
    G = np.eye(len(H)) if G is None else np.asarray(G, np.float64)
    _check_definite(H, G)
    # H X = G X diag(h) and X' G X = I: functions of G^-1 H are functions of h on X, real ones.
    h, X = eigh(H, G)
    return X * convergence_rate(eta * k * np.maximum(h, 0.0), gamma=gamma) @ X.T @ G


def convergence_rate(pull: Any, *, gamma: float) -> Array:
    """Rate at which the error decays, ``r = sqrt(gamma^2/4 + pull) - gamma/2`` (theory 4(a)).

    Four times the curvature is four times as fast for gamma^2 >> pull, but only twice as fast for
    gamma = 0.

    Args:
        pull: eta k h / metric, >= 0.
        gamma: Discount rate, >= 0.

    Raises:
        ValueError: for a negative argument.

    Example:
        >>> convergence_rate([1.0, 4.0], gamma=0.0)
        array([1., 2.])
        >>> convergence_rate([1.0, 4.0], gamma=100.0).round(4)
        array([0.01, 0.04])
    """
    pull = _not_negative("pull", pull)
    half = _not_negative("gamma", gamma) / 2
    return _ratio(pull, np.sqrt(half**2 + pull) + half)  # r without cancellation


def decay_rate(pull: Any, *, gamma: float, j: float) -> Array:
    """Rate of the closed loop where parameters decay, ``f = -j theta`` (theory section 6).

    ``sqrt(gamma^2/4 + pull + j (j + gamma)) - gamma/2``; the paper's notebook has j (j - gamma).

    Args:
        pull: eta k h / metric, >= 0.
        gamma: Discount rate, >= 0.
        j: Decay per unit time, >= 0.

    Raises:
        ValueError: for a negative argument.

    Example:
        >>> decay_rate(4.0, gamma=1.0, j=1.0)
        np.float64(2.0)
    """
    cost_of_decay = _not_negative("j", j) * (j + gamma)
    return convergence_rate(_not_negative("pull", pull) + cost_of_decay, gamma=gamma)


def decay_end_point(z: Any, pull: Any, *, gamma: float, j: float) -> Array:
    """Where the path ends if parameters decay: ``z pull / (pull + j (j + gamma))``, short of z.

    Args:
        z: Target.
        pull: eta k h / metric, >= 0.
        gamma: Discount rate, >= 0.
        j: Decay per unit time, >= 0.

    Raises:
        ValueError: for a negative `pull`, `gamma` or `j`.

    Example:
        >>> decay_end_point([3.0, -3.0], 4.0, gamma=1.0, j=1.0)
        array([ 2., -2.])
    """
    pull = _not_negative("pull", pull)
    cost_of_decay = _not_negative("j", j) * (j + _not_negative("gamma", gamma))
    return np.asarray(z, np.float64) * _ratio(pull, pull + cost_of_decay)


def rotation_eigenvalues(pull: Any, *, gamma: float, q: float) -> Array:
    """Closed-loop eigenvalues ``-r + i q, -r - i q`` where parameters turn (theory section 6).

    The default dynamics are ``f = q [[0, -1], [1, 0]] theta``; Hessian and metric are isotropic.

    Args:
        pull: eta k h / metric, >= 0.
        gamma: Discount rate, >= 0.
        q: Radians per unit time, counter-clockwise.

    Raises:
        ValueError: for a negative `pull` or `gamma`.

    Example:
        >>> rotation_eigenvalues(6.0, gamma=1.0, q=3.0)
        array([-2.+3.j, -2.-3.j])
    """
    return -convergence_rate(pull, gamma=gamma) + 1j * q * np.array([1.0, -1.0])


def rotation_end_point(z: Any, pull: Any, *, gamma: float, q: float) -> Array:
    """Where the path ends if parameters turn: ``pull / D [(pull + q^2) I + q gamma J] z``.

    ``J = [[0, -1], [1, 0]]``, ``D = (pull + q^2)^2 + (q gamma)^2``. The paper's notebook marks
    ``pull / D z``.

    Args:
        z: Target, (2,).
        pull: eta k h / metric, >= 0.
        gamma: Discount rate, >= 0.
        q: Radians per unit time, counter-clockwise.

    Raises:
        ValueError: for a negative `pull` or `gamma`.

    Example:
        >>> rotation_end_point([1.0, 0.0], 1.0, gamma=2.0, q=1.0)
        array([0.25, 0.25])
    """
    along = _not_negative("pull", pull) + q**2
    across = q * _not_negative("gamma", gamma)
    turn = np.array([[along, -across], [across, along]])
    return _ratio(pull, along**2 + across**2) * (turn @ np.asarray(z, np.float64))


def reset_weight(pull: Any, *, gamma: float, hazard: float) -> Array:
    """Weight w of the prior's mean in the point that is steered to (theory section 8).

    Where tasks are redrawn, ``u = -r (theta - [(1 - w) z + w m])`` with
    ``w = hazard / (hazard + gamma + r)`` and r the `convergence_rate`.

    Args:
        pull: eta k h / metric, >= 0.
        gamma: Discount rate, >= 0.
        hazard: Rate at which the task is redrawn, >= 0.

    Raises:
        ValueError: for a negative argument.

    Example:
        >>> reset_weight(6.0, gamma=1.0, hazard=1.0)
        np.float64(0.25)
    """
    rate = _not_negative("hazard", hazard)
    return _ratio(rate, rate + gamma + convergence_rate(pull, gamma=gamma))


def _check_definite(H: Array, G: Array) -> None:
    """ValueError unless H is positive semidefinite and G positive definite."""
    for name, matrix in (("H", H), ("G", G)):
        if not np.allclose(matrix, matrix.T):
            raise ValueError(f"{name} must be symmetric, got {matrix.tolist()}.")
    lowest = float(np.linalg.eigvalsh(H)[0])
    if lowest < -1e-12 * np.abs(H).max():
        raise Refusal(
            f"H must be positive semidefinite, got an eigenvalue {lowest:g}: a loss without a "
            "minimum needs dynamic programming or local trajectory optimisation."
        )
    if np.linalg.eigvalsh(G)[0] <= 0:
        raise ValueError(f"G must be positive definite, got {G.tolist()}.")


def _stabilising(damped: Array, B: Array, Q: Array, R: Array) -> tuple[Array, str]:
    """The stabilising solution of the Riccati equation, NaN if none, and the status."""
    if not _detectable(damped, Q):
        return np.full_like(Q, np.nan), (
            "Not solved: a mode that neither decays nor is discounted does not show in the loss, "
            "so the Riccati equation does not determine the optimum. Raise gamma, or use "
            "control.riccati, which iterates values in discrete time."
        )
    if not _detectable(damped.T, B @ B.T):  # the dual of the same test
        return np.full_like(Q, np.nan), (
            "Not solved: the Riccati equation has no stabilising solution, because a mode that "
            "neither decays nor is discounted is out of the controls' reach. Raise gamma."
        )
    return solve_continuous_are(damped, B, Q, R), "Solved the algebraic Riccati equation."


def _detectable(damped: Array, Q: Array) -> bool:
    """Whether each mode of F - gamma/2 I that does not decay shows in Q (Hautus's test)."""
    scale = max(float(np.abs(Q).max()), np.finfo(np.float64).tiny)
    lasting = [mode for mode in np.linalg.eigvals(damped) if mode.real >= -1e-12]
    shown = (np.vstack([damped - mode * np.eye(len(Q)), Q / scale]) for mode in lasting)
    return all(np.linalg.svd(both, compute_uv=False)[-1] > 1e-9 for both in shown)


def _not_negative(name: str, value: Any) -> Array:
    """As an array, if no entry is negative."""
    array = np.asarray(value, np.float64)
    if (array < 0).any():
        raise ValueError(f"{name} must be >= 0, got {array.min():g}.")
    return array


def _ratio(a: Any, b: Any) -> Array:
    """``a / b``, and 0 for 0 / 0."""
    return np.asarray(a) / np.where(np.asarray(b) == 0, 1.0, b)
