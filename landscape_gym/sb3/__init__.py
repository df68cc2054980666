"""Stable-Baselines3: the environment's `VecEnv` face, and policies for it (extra ``agents``)."""

from landscape_gym.sb3.agent_policy import AgentPolicy
from landscape_gym.sb3.log_std import LogStdSchedule
from landscape_gym.sb3.policies import LinearPolicy
from landscape_gym.sb3.vec_env import LandscapeNavVecEnv

__all__ = ["AgentPolicy", "LandscapeNavVecEnv", "LinearPolicy", "LogStdSchedule"]
