"""Solvers: what is optimal in a problem. Textbook letters inside; each file opens with its problem.

`optimum` asks the solvers in `SOLVERS` one after another, and says how far the answer can be
trusted. A solver that a problem is not for raises `Refusal`, and the next one is asked.
"""

from landscape_gym.control.grid.escape import critical_discount, crossing_interval, reaches_minimum
from landscape_gym.control.grid.policy import GridPolicy, solve_grid
from landscape_gym.control.grid.solution import GridSolution, grid_solution
from landscape_gym.control.hidden_curvature.bracket import Bracket, best_learner, bracket
from landscape_gym.control.hidden_curvature.hessian_filter import HessianFilter
from landscape_gym.control.hidden_curvature.hidden_axes import price_of_hidden_axes
from landscape_gym.control.hidden_curvature.noisy_quasi_newton import NoisyQuasiNewtonPolicy
from landscape_gym.control.hidden_curvature.price_of_form import price_of_form
from landscape_gym.control.hidden_curvature.quasi_newton import QuasiNewtonPolicy, SpectralGain
from landscape_gym.control.hidden_curvature.self_tuning import SelfTuningPolicy
from landscape_gym.control.hidden_target.hazard import InferredHazardPolicy
from landscape_gym.control.hidden_target.heavy_ball import HeavyBall, heavy_ball
from landscape_gym.control.hidden_target.lqg import LQGPolicy
from landscape_gym.control.learning_rate.policy import (
    ClairvoyantRatePolicy,
    LearningRatePolicy,
    SchedulePolicy,
    solve_learning_rate,
)
from landscape_gym.control.linear_quadratic.ensemble import Ensemble, ensemble
from landscape_gym.control.linear_quadratic.policy import LinearQuadraticPolicy
from landscape_gym.control.optimum import SOLVERS, Solver, optimum
from landscape_gym.control.paths.nearest import NearestOnPath
from landscape_gym.control.paths.planner import Plan, PlanOptions, plan
from landscape_gym.control.paths.policies import PlannedPath, RecedingHorizon
from landscape_gym.control.paths.solve_path import solve_path
from landscape_gym.control.solution import Solution
from landscape_gym.derivation.continuous import (
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
from landscape_gym.derivation.diagonal import DiagonalGain, diagonal_gain
from landscape_gym.derivation.linear_rule import (
    HiddenCurvature,
    LinearRule,
    best_linear_rule,
)
from landscape_gym.derivation.lqr import LQRSolution, finite_horizon, riccati
from landscape_gym.derivation.memory_rule import MemoryRule, best_memory_rule
from landscape_gym.derivation.model import Law, LinearQuadratic, Value
from landscape_gym.refusal import Refusal

__all__ = [
    "SOLVERS",
    "Bracket",
    "ClairvoyantRatePolicy",
    "ContinuousSolution",
    "DiagonalGain",
    "Ensemble",
    "GridPolicy",
    "GridSolution",
    "HeavyBall",
    "HessianFilter",
    "HiddenCurvature",
    "InferredHazardPolicy",
    "LQGPolicy",
    "LQRSolution",
    "Law",
    "LearningRatePolicy",
    "LinearQuadratic",
    "LinearQuadraticPolicy",
    "LinearRule",
    "MemoryRule",
    "NearestOnPath",
    "NoisyQuasiNewtonPolicy",
    "Plan",
    "PlanOptions",
    "PlannedPath",
    "QuasiNewtonPolicy",
    "RecedingHorizon",
    "Refusal",
    "SchedulePolicy",
    "SelfTuningPolicy",
    "Solution",
    "Solver",
    "SpectralGain",
    "Value",
    "best_learner",
    "best_linear_rule",
    "best_memory_rule",
    "bracket",
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
    "price_of_form",
    "price_of_hidden_axes",
    "reaches_minimum",
    "reset_weight",
    "riccati",
    "rotation_eigenvalues",
    "rotation_end_point",
    "solve_grid",
    "solve_learning_rate",
    "solve_path",
]
