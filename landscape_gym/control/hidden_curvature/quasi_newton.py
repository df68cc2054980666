"""A learner for rotated Hessians seen through exact gradients: secants, then the optimum's law.

Problem (theory 7(e), for coordinates that interact): the loss ``1/2 (x - z)' H (x - z)`` has hidden
H and z; the gradient ``y = H (x - z)`` is exact and the target stays. Of H the distribution of an
eigenvalue is known, and that eigenvectors are equally likely in every direction.

Two gradients tell H along the move between them, H (x' - x) = y' - y, so d moves tell all of it.
Until then the directions not moved in yet are guessed:

    U, W     orthonormal basis of the moves so far, and H U
    A        U' W, the part of H within them
    H^       W A^-1 W' + h_new (I - U U'), which has H^ U = W and is positive definite
    u        -K(H^) H^^-1 y, the optimum for H^; K(h) is the optimal gain for curvature h

W A^-1 W' is the least that H can be, being positive semidefinite with H U = W. The curvature h_new
of the rest is the one with which the first move, when all is rest, has the best length. With z far
away in all directions alike the mean square of y along an eigenvector is as h^2, and the expected
cost of ``v = -alpha y`` after which H is revealed is least for

    alpha = sum p h S / sum p h^2 (c + S)        = dt K(h_new) / h_new

(notation of `self_tuning`). That is steeper than the typical curvature: gradients show steep
directions first, and what is too small a move there costs less than one that is too large.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from landscape_gym.control.hidden_curvature.self_tuning import gains
from landscape_gym.derivation.coordinate_prior import fine_curvatures, free_metric
from landscape_gym.derivation.prior import noise_variance
from landscape_gym.derivation.structure import check_linear_quadratic, fixed_curvature
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import StatefulPolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

GRID = 512
"""Curvatures at which gains are computed; between them they are interpolated."""


class Secants(NamedTuple):
    """What each row knows."""

    age: Array
    """Gradients seen, (rows,)."""
    x: Array
    """The last place, (rows, d)."""
    y: Array
    """The last gradient, (rows, d)."""
    reach: Array
    """Largest distance from the start so far, (rows,)."""
    U: Array
    """(rows, d, d), columns of zeros where nothing is known yet."""
    W: Array
    """(rows, d, d)"""


class SpectralGain:
    """The optimal gain for curvatures of a problem's prior, as a function of the step.

    Args:
        problem: A quadratic problem whose metric is a multiple of the identity.

    Raises:
        Refusal: for another problem, and for one whose Hessian is known.
    """

    def __init__(self, problem: NavigationProblem) -> None:
        """Compute gains on a grid."""
        landscape, metric = check_linear_quadratic(problem), free_metric(problem)
        if fixed_curvature(landscape) is not None:
            raise Refusal(
                "the landscape's Hessian is known, so no curvature is to be learned: use the "
                "optimal controller of noisy gradients, or landscape_gym.control.optimum."
            )
        if np.ptp(metric) > 0:
            raise Refusal(
                "the learner of rotated Hessians acts on eigenvectors, so the metric has to be a "
                "multiple of the identity: use landscape_gym.control.optimum or such a metric."
            )
        self.prior = fine_curvatures(landscape).ravel()
        """Curvatures of equal probability."""
        self.bounds = float(self.prior.min()), float(self.prior.max())
        self._h = np.geomspace(*self.bounds, GRID)
        low, high = np.log(self.bounds)
        self._low, self._per_log = float(low), (GRID - 1) / float(high - low or 1.0)
        self._by_step = gains(problem, metric[:1], self._h)
        self._cost, self._dt = metric[0] / (problem.eta * problem.dt), problem.dt

    def __call__(self, h: Array, step: Array) -> Array:
        """Gains for curvatures (rows, d) at steps (rows,); beyond the prior those of its ends."""
        # Between the curvatures of the grid, whose logarithms are equally far apart.
        place = np.clip((np.log(h) - self._low) * self._per_log, 0, GRID - 1)
        left = np.minimum(place.astype(np.intp), GRID - 2)
        row = np.minimum(step, len(self._by_step) - 1).astype(np.intp)[:, None]
        below, above = self._by_step[row, left], self._by_step[row, left + 1]
        return below + (place - left) * (above - below)

    def control(self, H: Array, pull: Array, step: Array) -> Array:
        """``-K(H) H^-1 pull``, (rows, d): the optimum for Hessians and gradients."""
        h, basis = np.linalg.eigh(H)
        h = np.clip(h, *self.bounds)
        along = np.matvec(np.swapaxes(basis, 1, 2), pull)
        return -np.matvec(basis, self(h, step) / h * along)

    def unexplored(self) -> float:
        """h_new, for the first step."""
        h, g = (
            self.prior,
            self._dt * np.interp(np.log(self.prior), np.log(self._h), self._by_step[0]),
        )
        S = self._cost * g / (1 - g)
        alpha = np.sum(h * S) / np.sum(h**2 * (self._cost + S))
        steps = self._dt * self._by_step[0] / self._h  # falls with h
        return float(np.interp(alpha, steps[::-1], self._h[::-1]))


class QuasiNewtonPolicy(StatefulPolicy):
    """Secants of exact gradients, and the optimum for the Hessian that they tell.

    After d moves the Hessian is known, and the law is that of full information.

    Args:
        problem: A quadratic problem with hidden curvature, without noise, drift, default dynamics,
            control matrix or task switches; its metric is a multiple of the identity.

    Raises:
        Refusal: for another problem, naming the assumption that fails.

    Example:
        >>> landscape = {"kind": "quadratic", "dim": 2, "rotated": True, "optimum_std": 1.0}
        >>> policy = QuasiNewtonPolicy(NavigationProblem(landscape=landscape))
        >>> action, secants = policy.predict(np.array([[1.0, 0.0, 0.0, 0.0]]))
        >>> (action * policy.action.scale).round(4)  # along the gradient
        array([[-0.5266, -0.    ]])
    """

    name = "quasi-Newton"
    observation = ObservationConfig(("gradient", "displacement"))

    def __init__(self, problem: NavigationProblem) -> None:
        """Compute gains, and the curvature to expect."""
        self.gain = SpectralGain(problem)
        if problem.drift > 0 or noise_variance(problem, np.ones(1)).any():
            raise Refusal(
                "secants need exact gradients of a landscape that stays, but there is noise or "
                "drift: use NoisyQuasiNewtonPolicy for noise, and a linear rule for drift."
            )
        self.h_new = self.gain.unexplored()
        self._slices = Layout(self.observation, problem).slices

    def begin(self, observation: Array) -> Secants:
        """At rest where the first gradient is seen."""
        x, y = self._seen(observation)
        U, W = np.zeros((2, *x.shape, x.shape[1]))
        return Secants(np.zeros(len(x), np.intp), x, y, np.zeros(len(x)), U, W)

    def fits(self, state: Secants, rows: int) -> bool:
        """Whether there are secants of each row."""
        return len(state.age) == rows

    def act(self, observation: Array, state: Secants) -> tuple[Array, Secants]:
        """Actions, and what is known after the gradients seen."""
        x, y = self._seen(observation)
        secants = _extend(state, x, y, float(np.finfo(observation.dtype).eps))
        u = self.gain.control(self.hessian(secants), y, secants.age - 1)
        return self.action_of(u, observation), secants

    def _seen(self, observation: Array) -> tuple[Array, Array]:
        """Displacement and gradient, (rows, d)."""
        x, y = (
            observation[:, self._slices[name]].astype(np.float64)
            for name in ("displacement", "gradient")
        )
        return x, y

    def hessian(self, secants: Secants) -> Array:
        """H^, (rows, d, d)."""
        U, W = secants.U, secants.W
        A = np.swapaxes(U, 1, 2) @ W
        inverse = np.linalg.pinv((A + np.swapaxes(A, 1, 2)) / 2, rcond=1e-8, hermitian=True)
        rest = np.eye(U.shape[1]) - U @ np.swapaxes(U, 1, 2)
        return W @ inverse @ np.swapaxes(W, 1, 2) + self.h_new * rest


def _extend(state: Secants, x: Array, y: Array, eps: float) -> Secants:
    """With the direction of the last move, where it is a new one beyond rounding errors."""
    move, change = x - state.x, y - state.y
    reach = np.maximum(state.reach, np.linalg.norm(x, axis=1))
    least = np.maximum(eps ** (1 / 3) * np.linalg.norm(move, axis=1), eps ** (2 / 3) * reach)
    for _ in range(2):  # Gram and Schmidt's method, twice against rounding
        part = np.matvec(np.swapaxes(state.U, 1, 2), move)
        move, change = move - np.matvec(state.U, part), change - np.matvec(state.W, part)
    length = np.linalg.norm(move, axis=1)
    used = np.count_nonzero(state.U.any(axis=1), axis=1)  # columns of each row
    rows = np.flatnonzero((length > least) & (used < x.shape[1]))
    column = used[rows]
    U, W = state.U.copy(), state.W.copy()
    for columns, direction in ((U, move), (W, change)):
        columns[rows, :, column] = direction[rows] / length[rows, None]
    return Secants(state.age + 1, x, y, reach, U, W)
