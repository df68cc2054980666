"""Loss landscapes. `LANDSCAPES` is the registry: one line a family.

`TorchLandscape` holds functions and has no name there: pass it as an object. It is imported when
it is first asked for, because torch takes longer to import than all the rest. `SmallNetworks` has
neither Hessian nor known minimum, and is known to `NavigationProblem` beside the registry.
"""

from typing import TYPE_CHECKING, Any

from landscape_gym.landscapes.ackley import Ackley
from landscape_gym.landscapes.base import Landscape, Minimum, assign, take
from landscape_gym.landscapes.beale import Beale
from landscape_gym.landscapes.cliff import Cliff
from landscape_gym.landscapes.double_well import DoubleWell
from landscape_gym.landscapes.himmelblau import Himmelblau
from landscape_gym.landscapes.logistic_regression import LogisticRegression
from landscape_gym.landscapes.matrix_quadratic import MatrixQuadratic
from landscape_gym.landscapes.quadratic import Quadratic
from landscape_gym.landscapes.rastrigin import Rastrigin
from landscape_gym.landscapes.rosenbrock import Rosenbrock
from landscape_gym.landscapes.saddle import Saddle
from landscape_gym.landscapes.small_networks import SmallNetworks
from landscape_gym.landscapes.spectrum import Conditioned, LogUniform, PowerLaw
from landscape_gym.landscapes.styblinski_tang import StyblinskiTang

if TYPE_CHECKING:
    from landscape_gym.landscapes.torch_landscape import TorchLandscape

LANDSCAPES: dict[str, type[Landscape]] = {
    cls.kind: cls
    for cls in (
        Quadratic,
        DoubleWell,
        Saddle,
        Cliff,
        Rosenbrock,
        Rastrigin,
        Ackley,
        StyblinskiTang,
        Himmelblau,
        Beale,
        LogisticRegression,
        MatrixQuadratic,
    )
}

__all__ = [
    "LANDSCAPES",
    "Ackley",
    "Beale",
    "Cliff",
    "Conditioned",
    "DoubleWell",
    "Himmelblau",
    "Landscape",
    "LogUniform",
    "LogisticRegression",
    "MatrixQuadratic",
    "Minimum",
    "PowerLaw",
    "Quadratic",
    "Rastrigin",
    "Rosenbrock",
    "Saddle",
    "SmallNetworks",
    "StyblinskiTang",
    "TorchLandscape",
    "assign",
    "take",
]


def __getattr__(name: str) -> Any:
    if name == "TorchLandscape":
        from landscape_gym.landscapes.torch_landscape import TorchLandscape

        return TorchLandscape
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
