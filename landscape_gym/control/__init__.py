"""Solvers: what is optimal in a problem. Textbook letters inside; each file opens with its problem.

`optimum` picks the solver. `riccati` and `finite_horizon` solve the matrix case, `diagonal_gain` is
the closed form of the diagonal one, `best_linear_rule` is the best rule when curvature is hidden.
"""

from landscape_gym.control.diagonal import DiagonalGain, diagonal_gain
from landscape_gym.control.linear_quadratic_policy import LinearQuadraticPolicy
from landscape_gym.control.linear_rule import HiddenCurvature, LinearRule, best_linear_rule
from landscape_gym.control.linear_quadratic import Law, LinearQuadratic, Value
from landscape_gym.control.lqr import LQRSolution, finite_horizon, riccati
from landscape_gym.control.optimum import optimum

__all__ = [
    "DiagonalGain",
    "HiddenCurvature",
    "LQRSolution",
    "Law",
    "LinearQuadratic",
    "LinearQuadraticPolicy",
    "LinearRule",
    "Value",
    "best_linear_rule",
    "diagonal_gain",
    "finite_horizon",
    "optimum",
    "riccati",
]
