"""Problems that several tests solve, and how they look at what they find."""

import numpy as np

from landscape_gym.control import optimum
from landscape_gym.evaluation import compare
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem


def positive(rng, d):
    root = rng.normal(size=(d, d))
    return root @ root.T / d + 0.1 * np.eye(d)


def instance(seed, d=3, m=None):
    """A problem in which nothing commutes."""
    rng = np.random.default_rng(seed)
    m = d if m is None else m
    return {
        "H": positive(rng, d),
        "G": positive(rng, m),
        "F": 0.5 * rng.normal(size=(d, d)) - 0.3 * np.eye(d),
        "B": rng.normal(size=(d, m)),
        "eta": 1.3,
        "k": 0.7,
    }


def problem(curvature=(1 / 9, 1.0), **fields):
    landscape = {"kind": "quadratic", "dim": len(curvature), "curvature": curvature}
    return NavigationProblem(**{"landscape": landscape, "eta": 2.0, "k": 1.5, **fields})


def result(given, rule, episodes=64):
    """Ratio and regret of a rule, against the optimum of full information."""
    policies = {"rule": RulePolicy(rule, given), "optimum": optimum(given).policy}
    entry = compare(given, policies, episodes=episodes, optimum="optimum")["rule"]
    return entry.ratio.value, entry.regret.value


def slope(x, error):
    """The exponent p of error = constant x^p, by least squares."""
    return np.polyfit(np.log(x), np.log(error), 1)[0]
