"""landscape_gym: learning rules as policies on partially observable loss landscapes.

Importing it registers the environments with Gymnasium, if that is imported, or else as soon as it
is; names are imported on first use. So `landscape_gym.optim` alone asks for no Gymnasium.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from landscape_gym.after_gymnasium import register_environments

if TYPE_CHECKING:
    from landscape_gym.actions import GlobalStepSize, Normalized, StepSize, Velocity
    from landscape_gym.artifact import load_rule
    from landscape_gym.env import LandscapeNavEnv
    from landscape_gym.observation import ObservationConfig
    from landscape_gym.problem import NavigationProblem
    from landscape_gym.refusal import Refusal
    from landscape_gym.registration import REGIMES
    from landscape_gym.vector_env import LandscapeNavVectorEnv

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

_MODULES = {
    "REGIMES": "registration",
    "GlobalStepSize": "actions",
    "LandscapeNavEnv": "env",
    "LandscapeNavVectorEnv": "vector_env",
    "NavigationProblem": "problem",
    "Normalized": "actions",
    "ObservationConfig": "observation",
    "Refusal": "refusal",
    "StepSize": "actions",
    "Velocity": "actions",
    "load_rule": "artifact",
}

register_environments()


def __getattr__(name: str) -> Any:
    """A public name, from its module."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
