"""landscape_gym: learning rules as policies on partially observable loss landscapes."""

from typing import TYPE_CHECKING, Any

from landscape_gym.actions import GlobalStepSize, Normalized, StepSize, Velocity
from landscape_gym.env import LandscapeNavEnv
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal
from landscape_gym.registration import REGIMES, register_all
from landscape_gym.vector_env import LandscapeNavVectorEnv

if TYPE_CHECKING:
    from landscape_gym.artifact import load_rule

register_all()

__all__ = [
    "REGIMES",
    "GlobalStepSize",
    "LandscapeNavEnv",
    "LandscapeNavVectorEnv",
    "NavigationProblem",
    "Normalized",
    "ObservationConfig",
    "Refusal",
    "StepSize",
    "Velocity",
    "load_rule",
]


def __getattr__(name: str) -> Any:
    """`load_rule`, on first use: what it needs takes longer to import than all the rest."""
    if name == "load_rule":
        from landscape_gym.artifact import load_rule

        return load_rule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
