"""The linear-quadratic optimum as a differentiable function of the problem's constants.

Problem, as in `landscape_gym.derivation.model`, for a known target and hazard 0:

    minimise  E sum_t beta^t [ u' R u + e+' Q e+ ],      e+ = e + B u,      e = theta - z

With S the weights after the move, S = Q + beta P, and K = (R + B'S B)^-1 B'S,

    S = T(S),      T(S) = Q + beta (S - S B K)

The solution is differentiated implicitly: a change of the constants changes S by dS = dT + the
change of T with S, which is beta F' dS F with F = I - B K, so that a gradient G with respect to S
is passed on to the constants as the solution of the Lyapunov equation

    Lambda = G + beta F Lambda F'.

Notation: H, M are the Hessian and the metric (d, d); Q = dt k/2 H, R = dt/(2 eta) M, B = dt I.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.linalg import solve_discrete_are, solve_discrete_lyapunov
from torch import Tensor

from landscape_gym.configuration import unknown
from landscape_gym.derivation.structure import Structure
from landscape_gym.problem import NavigationProblem, NormalStart
from landscape_gym.refusal import Refusal

CONSTANTS = ("eta", "k", "gamma", "dt", "metric")
"""What gradients can be had of; a metric is its diagonal, (d,), or a matrix, (d, d)."""


def riccati(Q: Tensor, R: Tensor, B: Tensor, beta: Tensor) -> Tensor:
    """The weights after the move S, (d, d), differentiable once.

    Args:
        Q: Weights of the error, (d, d).
        R: Weights of the control, (m, m).
        B: What controls move, (d, m).
        beta: The discount per step, in (0, 1].

    Raises:
        Refusal: where there is no stabilising solution, as in flat directions without discount.
    """

    def after(S: Tensor) -> Tensor:
        return Q + beta * (S - S @ B @ gain(S, R, B))

    discount, eye = beta.item(), np.eye(len(Q))
    root = discount**0.5
    try:
        found = solve_discrete_are(root * eye, root * _array(B), _array(Q), discount * _array(R))
    except np.linalg.LinAlgError as error:
        raise Refusal(f"the Riccati equation has no stabilising solution: {error}") from error
    star = torch.as_tensor(found)
    solution = after(star)
    if solution.requires_grad:
        F = root * (eye - _array(B) @ _array(gain(star, R, B)))
        solution.register_hook(lambda G: torch.as_tensor(solve_discrete_lyapunov(F, _array(G))))
    return solution


def gain(S: Tensor, R: Tensor, B: Tensor) -> Tensor:
    """K, (m, d), of ``u = -K e`` by the weights after the move."""
    return torch.linalg.solve(R + B.mT @ S @ B, B.mT @ S)


def optimal_gain(problem: NavigationProblem, **constants: Tensor) -> Tensor:
    """The optimum's K, (d, d), of ``u = -K (theta - z)``, differentiable in the constants.

    Args:
        problem: Linear-quadratic, with the same Hessian in all instances.
        **constants: Tensors in place of the problem's numbers (`CONSTANTS`).

    Raises:
        Refusal: for another problem, a control matrix, default dynamics, a horizon or hazard.
        TypeError: for a constant that is not known.

    Example:
        >>> problem = NavigationProblem(landscape={"kind": "quadratic", "curvature": (1 / 9, 1.0)})
        >>> gamma = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
        >>> K = optimal_gain(problem, gamma=gamma)
        >>> K.diagonal().detach().numpy().round(4)
        array([0.2838, 0.9093])
        >>> K[1, 1].backward()  # shorter horizons move less
        >>> bool(gamma.grad < 0)
        True
    """
    _, R, B, S = _solved(problem, constants)
    return gain(S, R, B)


def optimal_cost(problem: NavigationProblem, **constants: Tensor) -> Tensor:
    """The optimum's expected discounted cost, differentiable: what a longer horizon is worth.

    Args:
        problem: As of `optimal_gain`; starts are normal, and nothing drifts.
        **constants: Likewise.

    Raises:
        Refusal: as `optimal_gain`, and for other starts, or drift.
    """
    start = problem.start
    if problem.drift or not (start is None or isinstance(start, NormalStart)):
        raise Refusal("the expected cost is known for normal starts and landscapes that stay.")
    _, R, B, S = _solved(problem, constants)
    P = S - S @ B @ gain(S, R, B)
    target = Structure.of(problem).target
    start = start or NormalStart()
    offset = torch.as_tensor(np.broadcast_to(start.mean, problem.dim) - target.mean)
    variance = torch.as_tensor((target.variance + start.std**2) * np.eye(problem.dim))
    return offset @ P @ offset + (P * variance).sum()


def _solved(
    problem: NavigationProblem, constants: dict[str, Any]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Q, R, B and S of a problem with some constants replaced."""
    for name in constants:
        if name not in CONSTANTS:
            raise TypeError(unknown("constant", name, CONSTANTS))
    structure = Structure.of(problem)
    if structure.curvature is None:
        raise Refusal("Hessians differ between instances: give the landscape's curvature.")
    if problem.control_matrix is not None or problem.default_dynamics is not None:
        raise Refusal("the differentiable optimum is for directions that are all controlled alone.")
    if problem.horizon is not None or problem.hazard:
        raise Refusal("the differentiable optimum is for an endless horizon and one task.")

    def number(name: str) -> Tensor:
        return torch.as_tensor(constants.get(name, getattr(problem, name)), dtype=torch.float64)

    eta, k, gamma, dt = map(number, ("eta", "k", "gamma", "dt"))
    H, M = torch.as_tensor(structure.curvature), constants.get("metric", problem.metric_matrix)
    H, M = (A.diag() if A.ndim == 1 else A for A in (H, torch.as_tensor(M, dtype=torch.float64)))
    Q, R = dt * k / 2 * H, dt / (2 * eta) * M
    B = dt * torch.eye(problem.dim, dtype=torch.float64)
    return Q, R, B, riccati(Q, R, B, torch.exp(-gamma * dt))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy()
