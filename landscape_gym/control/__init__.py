"""Solvers: what is optimal in a problem. Textbook letters inside; each file opens with its problem.

`optimum` picks the solver, and says how far its answer can be trusted.
"""

from landscape_gym.control.continuous import (
    ContinuousSolution,
    continuous_riccati,
    convergence_rate,
    decay_end_point,
    decay_rate,
    gain_matrix,
    reset_weight,
    rotation_eigenvalues,
    rotation_end_point,
)
from landscape_gym.control.diagonal import DiagonalGain, diagonal_gain
from landscape_gym.control.ensemble import Ensemble, ensemble
from landscape_gym.control.escape import critical_discount, crossing_interval, reaches_minimum
from landscape_gym.control.grid_policy import GridPolicy, solve_grid
from landscape_gym.control.grid_solution import GridSolution, grid_solution
from landscape_gym.control.heavy_ball import HeavyBall, heavy_ball
from landscape_gym.control.linear_quadratic import Law, LinearQuadratic, Value
from landscape_gym.control.linear_quadratic_policy import LinearQuadraticPolicy
from landscape_gym.control.linear_rule import HiddenCurvature, LinearRule, best_linear_rule
from landscape_gym.control.lqg import LQGPolicy
from landscape_gym.control.lqr import LQRSolution, finite_horizon, riccati
from landscape_gym.control.optimum import optimum
from landscape_gym.control.path_policies import PlannedPath, RecedingHorizon
from landscape_gym.control.planner import Plan, PlanOptions, plan
from landscape_gym.control.solution import Solution
from landscape_gym.control.solve_path import solve_path

__all__ = [
    "ContinuousSolution",
    "DiagonalGain",
    "Ensemble",
    "GridPolicy",
    "GridSolution",
    "HeavyBall",
    "HiddenCurvature",
    "LQGPolicy",
    "LQRSolution",
    "Law",
    "LinearQuadratic",
    "LinearQuadraticPolicy",
    "LinearRule",
    "Plan",
    "PlanOptions",
    "PlannedPath",
    "RecedingHorizon",
    "Solution",
    "Value",
    "best_linear_rule",
    "continuous_riccati",
    "convergence_rate",
    "critical_discount",
    "crossing_interval",
    "decay_end_point",
    "decay_rate",
    "diagonal_gain",
    "ensemble",
    "finite_horizon",
    "gain_matrix",
    "grid_solution",
    "heavy_ball",
    "optimum",
    "plan",
    "reaches_minimum",
    "reset_weight",
    "riccati",
    "rotation_eigenvalues",
    "rotation_end_point",
    "solve_grid",
    "solve_path",
]
