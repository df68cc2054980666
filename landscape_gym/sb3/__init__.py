"""Stable-Baselines3: faces of the environment, policies, and what agents have learned.

Needs the extra ``agents``.
"""

from landscape_gym.extras import needed_by

with needed_by(__name__):
    from landscape_gym.sb3.agent_policy import AgentPolicy
    from landscape_gym.sb3.belief import BeliefVecEnv, belief_filter
    from landscape_gym.sb3.coordinate_vec_env import CoordinateVecEnv
    from landscape_gym.sb3.export import framed_rule, learned_rule
    from landscape_gym.sb3.frame_vec_env import SEEN_IN_A_FRAME, FrameVecEnv
    from landscape_gym.sb3.gated import GatedActor, GatedPolicy
    from landscape_gym.sb3.least_squares import FitCritic
    from landscape_gym.sb3.log_std import LogStdSchedule
    from landscape_gym.sb3.policies import (
        LinearPolicy,
        NavigationPolicy,
        PerCoordinatePolicy,
        PrivilegedCriticPolicy,
        QuadraticCriticPolicy,
    )
    from landscape_gym.sb3.privileged import PrivilegedVecEnv
    from landscape_gym.sb3.regret_vec_env import RegretVecEnv
    from landscape_gym.sb3.vec_env import LandscapeNavVecEnv
    from landscape_gym.sb3.weights_vec_env import WeightsPolicy, WeightsVecEnv, weights_of

__all__ = [
    "SEEN_IN_A_FRAME",
    "AgentPolicy",
    "BeliefVecEnv",
    "CoordinateVecEnv",
    "FitCritic",
    "FrameVecEnv",
    "GatedActor",
    "GatedPolicy",
    "LandscapeNavVecEnv",
    "LinearPolicy",
    "LogStdSchedule",
    "NavigationPolicy",
    "PerCoordinatePolicy",
    "PrivilegedCriticPolicy",
    "PrivilegedVecEnv",
    "QuadraticCriticPolicy",
    "RegretVecEnv",
    "WeightsPolicy",
    "WeightsVecEnv",
    "belief_filter",
    "framed_rule",
    "learned_rule",
    "weights_of",
]
