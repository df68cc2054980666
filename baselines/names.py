"""What can be evaluated, by name: known without importing rules and solvers, which take seconds."""

from __future__ import annotations

from landscape_gym.names import RULES, learned_rules

TUNED = "tuned-"
"""Before a rule's name: the rule with constants found by a search instead of derived."""
TUNABLE: tuple[str, ...] = (
    "gradient_descent",
    "momentum",
    "nesterov",
    "sign_descent",
    "rmsprop",
    "adam",
    "adamw",
    "centred_adam",
    "soft_reset",
)
"""Rules that `baselines.tuning` has a search space of, in the order of `RULES`; a test compares."""
BOUNDS = ("optimum", "lqg")
"""The optimum, and that of a learner who has to infer the target from noisy gradients."""
NOTHING = "nothing"


def policy_names() -> tuple[str, ...]:
    """What can be evaluated: doing nothing, rules, rules tuned, shipped learned ones, bounds."""
    return (NOTHING, *RULES, *(TUNED + kind for kind in TUNABLE), *learned_rules(), *BOUNDS)
