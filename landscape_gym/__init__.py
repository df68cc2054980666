"""landscape_gym: learning rules as policies on partially observable loss landscapes."""

from landscape_gym.actions import GlobalStepSize, Normalized, StepSize, Velocity
from landscape_gym.env import LandscapeNavEnv
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES, register_all
from landscape_gym.vector_env import LandscapeNavVectorEnv

register_all()

__all__ = [
    "REGIMES",
    "GlobalStepSize",
    "LandscapeNavEnv",
    "LandscapeNavVectorEnv",
    "NavigationProblem",
    "Normalized",
    "ObservationConfig",
    "StepSize",
    "Velocity",
]
