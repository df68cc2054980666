"""Learning rules: recurrences from gradients to velocities, with constants derived from a problem.

`RULES` is the registry: one line a rule. Each is a frozen dataclass of its constants with ``init``
and ``update`` (`landscape_gym.policy.Rule`) and the class method ``derive``, which computes the
constants from a `NavigationProblem` or refuses, naming the assumption that fails.

Units: a rule returns a velocity u, and parameters move by ``dt u``. A step size here, times dt, is
the learning rate of torch.optim.
"""

from landscape_gym.rules.gradient_descent import GradientDescent
from landscape_gym.rules.momentum import Momentum

RULES: dict[str, type] = {cls.kind: cls for cls in (GradientDescent, Momentum)}

__all__ = ["RULES", "GradientDescent", "Momentum"]
