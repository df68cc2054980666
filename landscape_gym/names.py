"""Names that commands take, for those who check a name before they import what it names.

Rules and learned rules take seconds to import, as torch does; a misspelt name is told at once. The
registries are what counts: a test keeps `RULES` equal to `landscape_gym.rules.RULES`.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

RULES: tuple[str, ...] = (
    "gradient_descent",
    "momentum",
    "nesterov",
    "ballistic",
    "newton",
    "natural_gradient",
    "partial_control",
    "sign_descent",
    "muon",
    "rmsprop",
    "adam",
    "adamw",
    "centred_adam",
    "self_tuning",
    "evolution_strategy",
    "soft_reset",
    "l2_init",
    "hard_reset",
    "selective_reset",
    "shrink_and_perturb",
)
"""Kinds of `landscape_gym.rules.RULES`, in its order."""
LEARNED_SUFFIX = ".safetensors"
"""Of a learned rule's file."""


def learned_library() -> Traversable:
    """The folder of the learned rules that come with the library."""
    return resources.files("landscape_gym").joinpath("learned", "library")


def learned_rules(library: Traversable | None = None) -> tuple[str, ...]:
    """Names of the learned rules in a folder; in the library's own, if none is given."""
    library = learned_library() if library is None else library
    files = library.iterdir() if library.is_dir() else ()
    return tuple(
        sorted(
            file.name.removesuffix(LEARNED_SUFFIX)
            for file in files
            if file.name.endswith(LEARNED_SUFFIX)
        )
    )
