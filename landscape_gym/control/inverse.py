"""Inverse optimal control: which constants make a path of parameters the optimum's?

Given where a learner went on a known landscape, its controls u_t = (theta_{t+1} - theta_t)/dt are
compared with what would be optimal there, -K (theta_t - z):

    minimise over the constants   sum_t |u_t + K (theta_t - z)|^2 / sum_t |u_t|^2

K is differentiated implicitly (`landscape_gym.control.differentiable`), and the logarithms of the
constants are moved by L-BFGS, so that they stay positive. What a path can tell: eta and gamma where
curvatures differ, as a fast direction's rate tells of eta k h and a slow one's of gamma; the metric
up to a factor, which is eta's, so that the product of its diagonal is held at 1, and together with
gamma only where the Hessian couples coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from landscape_gym.configuration import one_of
from landscape_gym.control.differentiable import optimal_gain
from landscape_gym.derivation.structure import Structure, diagonal_metric
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

UNKNOWN = ("eta", "gamma", "metric")
"""Constants that a path can tell of."""


@dataclass(frozen=True)
class Explanation:
    """The constants that explain a path best."""

    problem: NavigationProblem
    """With them."""
    residual: float
    """The part of the squared controls that is not explained: 0 for an optimal learner, 1 for one
    that it says nothing of."""
    converged: bool
    """Whether the search ended at a minimum."""


def explain(
    path: Any,
    problem: NavigationProblem,
    unknown: Sequence[str] = ("eta", "gamma"),
    target: Any = None,
) -> Explanation:
    """The constants with which a path would be optimal.

    Args:
        path: Parameters from step to step, (steps + 1, d) or (steps + 1, paths, d).
        problem: The landscape and all that is known; the search begins at its constants.
        unknown: Which of `UNKNOWN` to find.
        target: Minima, (d,) or (paths, d); None: the landscape's mean optimum.

    Raises:
        ValueError: for paths of another shape, that do not move, or names that are not known.
        Refusal: for a problem whose optimum is not differentiated (`optimal_gain`), or constants
            that no path tells apart.

    Example:
        >>> landscape = {"kind": "quadratic", "curvature": (1 / 9, 1.0)}
        >>> known = NavigationProblem(landscape=landscape, eta=2.0, gamma=0.3)
        >>> K = optimal_gain(known).numpy()
        >>> path = [np.array([1.0, -1.0])]
        >>> for _ in range(20):
        ...     path.append(path[-1] - known.dt * K @ path[-1])
        >>> found = explain(path, known.replace(eta=1.0, gamma=1.0))
        >>> round(found.problem.eta, 3), round(found.problem.gamma, 3)
        (2.0, 0.3)
    """
    for name in unknown:
        one_of("unknown constant", name, UNKNOWN)
    theta = np.asarray(path, np.float64)
    if theta.ndim not in (2, 3) or theta.shape[-1] != problem.dim or len(theta) < 2:
        raise ValueError(
            f"a path is (steps + 1, {problem.dim}) or (steps + 1, paths, {problem.dim}), got shape "
            f"{theta.shape}."
        )
    if target is None:
        target = getattr(problem.landscape, "optimum", 0.0)
    error = torch.as_tensor(theta[:-1] - np.asarray(target, np.float64))
    control = torch.as_tensor(np.diff(theta, axis=0) / problem.dt)
    moved = (control**2).sum()
    if not moved > 0 or not torch.isfinite(moved):
        raise ValueError("the path does not move, or is not finite: it tells of no constants.")
    if "metric" in unknown:
        if diagonal_metric(problem) is None:
            raise Refusal("the search is for diagonal metrics: begin with one.")
        if "gamma" in unknown and Structure.of(problem).on_the_axes:
            raise Refusal(
                "where the Hessian is diagonal each coordinate has one gain, which gamma explains "
                "as well as the metric does: give one of them, or a Hessian that couples them."
            )
    start = _logarithms(problem, unknown)

    def unexplained(logs: Tensor) -> Tensor:
        K = optimal_gain(problem, **_constants(logs, problem, unknown))
        return ((control + error @ K.mT) ** 2).sum() / moved

    def value_and_slope(logs: Array) -> tuple[float, Array]:
        at = torch.tensor(logs, requires_grad=True)
        value = unexplained(at)
        (slope,) = torch.autograd.grad(value, at)
        return value.item(), slope.numpy()

    close = {"ftol": 1e-15, "gtol": 1e-10}
    found = minimize(value_and_slope, start, jac=True, method="L-BFGS-B", options=close)
    constants = _constants(torch.as_tensor(found.x), problem, unknown)
    values = {name: value.tolist() for name, value in constants.items()}
    return Explanation(problem.replace(**values), float(found.fun), bool(found.success))


def _logarithms(problem: NavigationProblem, unknown: Sequence[str]) -> Array:
    """What the search begins with."""
    logs = [np.log([getattr(problem, name)]) for name in unknown if name != "metric"]
    if "metric" in unknown:
        diagonal = np.log(np.diag(np.asarray(problem.metric_matrix)))
        logs.append(diagonal - diagonal.mean())
    return np.concatenate(logs)


def _constants(
    logs: Tensor, problem: NavigationProblem, unknown: Sequence[str]
) -> dict[str, Tensor]:
    """Constants by their logarithms; a metric's diagonal has the product 1."""
    names = [name for name in unknown if name != "metric"]
    constants = {name: logs[i].exp() for i, name in enumerate(names)}
    if "metric" in unknown:
        diagonal = logs[len(names) :]
        constants["metric"] = (diagonal - diagonal.mean()).exp()
    return constants
