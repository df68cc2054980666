"""Learning rules as PyTorch optimizers: named ones without a learning rate, and any rule at all.

Modules are imported on first use, as only `RuleOptimizer` needs all rules.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape_gym.optim.filter_bank import FilterBank
    from landscape_gym.optim.optimizer import RuleOptimizer
    from landscape_gym.optim.self_scaled_adam import SelfScaledAdam
    from landscape_gym.optim.self_scaled_soap import SelfScaledSOAP

__all__ = ["FilterBank", "RuleOptimizer", "SelfScaledAdam", "SelfScaledSOAP"]
"""`RuleOptimizer`: a learning rule as a ``torch.optim.Optimizer``; the others have no learning rate
to tune: self-scaled Adam, the same in the gradients' eigenframe, and the bank of Kalman filters."""

_MODULES = {
    "FilterBank": "filter_bank",
    "RuleOptimizer": "optimizer",
    "SelfScaledAdam": "self_scaled_adam",
    "SelfScaledSOAP": "self_scaled_soap",
}


def __getattr__(name: str) -> Any:
    """An optimizer, from its module."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
