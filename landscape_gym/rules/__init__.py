"""Learning rules: recurrences from gradients to velocities, with constants derived from a problem.

`RULES` is the registry: one line a rule. Each is a frozen dataclass of its constants with ``init``
and ``update`` (`landscape_gym.policy.Rule`) and the class method ``derive``, which computes the
constants from a `NavigationProblem` or refuses, naming the assumption that fails. `Coupled`,
`InferredHazard` and `SelfScaledAdam`, whose constants come from no problem, are not in it, nor is
`InferredReset`, which takes hazards to choose from.

Units: a rule returns a velocity u, and parameters move by ``dt u``. A step size here, times dt, is
the learning rate of torch.optim.
"""

from typing import TYPE_CHECKING, Any

from landscape_gym.gain_bound import GainBound
from landscape_gym.rules.adam import Adam
from landscape_gym.rules.adamw import AdamW
from landscape_gym.rules.ballistic import Ballistic
from landscape_gym.rules.centred_adam import CentredAdam
from landscape_gym.rules.coupled import Coupled
from landscape_gym.rules.evolution_strategy import EvolutionStrategy
from landscape_gym.rules.gradient_descent import GradientDescent
from landscape_gym.rules.hard_reset import HardReset
from landscape_gym.rules.inferred_hazard import InferredHazard
from landscape_gym.rules.inferred_reset import InferredReset
from landscape_gym.rules.linear_systems import conjugate_gradients
from landscape_gym.rules.loss_bound import LossBound
from landscape_gym.rules.loss_changes import LossChanges
from landscape_gym.rules.momentum import Momentum
from landscape_gym.rules.muon import Muon
from landscape_gym.rules.natural_gradient import NaturalGradient
from landscape_gym.rules.nesterov import Nesterov
from landscape_gym.rules.newton import Newton
from landscape_gym.rules.partial_control import PartialControl
from landscape_gym.rules.rmsprop import RMSprop
from landscape_gym.rules.selective_reset import SelectiveReset
from landscape_gym.rules.self_scaled_adam import SelfScaledAdam
from landscape_gym.rules.self_tuning import SelfTuning
from landscape_gym.rules.shrink_and_perturb import ShrinkAndPerturb
from landscape_gym.rules.sign_descent import SignDescent
from landscape_gym.rules.soft_reset import L2Init, SoftReset

if TYPE_CHECKING:
    from landscape_gym.rules.fisher import fisher_product

RULES: dict[str, type] = {
    cls.kind: cls
    for cls in (
        GradientDescent,
        Momentum,
        Nesterov,
        Ballistic,
        Newton,
        NaturalGradient,
        PartialControl,
        SignDescent,
        Muon,
        RMSprop,
        Adam,
        AdamW,
        CentredAdam,
        SelfTuning,
        EvolutionStrategy,
        SoftReset,
        L2Init,
        HardReset,
        SelectiveReset,
        ShrinkAndPerturb,
    )
}

__all__ = [
    "RULES",
    "Adam",
    "AdamW",
    "Ballistic",
    "CentredAdam",
    "Coupled",
    "EvolutionStrategy",
    "GainBound",
    "GradientDescent",
    "HardReset",
    "InferredHazard",
    "InferredReset",
    "L2Init",
    "LossBound",
    "LossChanges",
    "Momentum",
    "Muon",
    "NaturalGradient",
    "Nesterov",
    "Newton",
    "PartialControl",
    "RMSprop",
    "SelectiveReset",
    "SelfScaledAdam",
    "SelfTuning",
    "ShrinkAndPerturb",
    "SignDescent",
    "SoftReset",
    "conjugate_gradients",
    "fisher_product",
]


def __getattr__(name: str) -> Any:
    """`fisher_product`, on first use: it alone needs torch, which takes long to import."""
    if name == "fisher_product":
        from landscape_gym.rules.fisher import fisher_product

        return fisher_product
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
