"""Solvers: what is optimal in a problem. Textbook letters inside; each file opens with its problem.

`optimum` picks the solver, and says how far its answer can be trusted.
"""

from landscape_gym.control.diagonal import DiagonalGain, diagonal_gain
from landscape_gym.control.ensemble import Ensemble, ensemble
from landscape_gym.control.heavy_ball import HeavyBall, heavy_ball
from landscape_gym.control.linear_quadratic import Law, LinearQuadratic, Value
from landscape_gym.control.linear_quadratic_policy import LinearQuadraticPolicy
from landscape_gym.control.linear_rule import HiddenCurvature, LinearRule, best_linear_rule
from landscape_gym.control.lqg import LQGPolicy
from landscape_gym.control.lqr import LQRSolution, finite_horizon, riccati
from landscape_gym.control.optimum import optimum
from landscape_gym.control.solution import Solution

__all__ = [
    "DiagonalGain",
    "Ensemble",
    "HeavyBall",
    "HiddenCurvature",
    "LQGPolicy",
    "LQRSolution",
    "Law",
    "LinearQuadratic",
    "LinearQuadraticPolicy",
    "LinearRule",
    "Solution",
    "Value",
    "best_linear_rule",
    "diagonal_gain",
    "ensemble",
    "finite_horizon",
    "heavy_ball",
    "optimum",
    "riccati",
]
