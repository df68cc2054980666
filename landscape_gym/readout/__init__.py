"""Reading the rule: the law that a policy amounts to, in the terms that derived rules are made of.

A policy acts along its own episodes, without exploration, and its controls u are fitted by least
squares to quantities x_i that it may or may not see, and to a constant:

    u = sum_i s_i C_i x_i + c

The signs s_i are those by which rules name their constants (``u = -lr g + momentum u_prev``,
``u = -K (theta - z)``), so that step sizes, momenta and gains come out positive. C_i is a matrix
(controls, size of x_i), or one number for all coordinates (the *shared* form, that of rules which
treat every coordinate alike). The same reading of the theory's policy gives what to compare with.
`read_exponent` tells with which power of the curvature steps shrink.
"""

from landscape_gym.readout.exponent import read_exponent
from landscape_gym.readout.quantities import QUANTITIES
from landscape_gym.readout.reading import (
    Coefficient,
    Reading,
    read_rule,
)
from landscape_gym.readout.report import optimal_basis, side_by_side

__all__ = [
    "QUANTITIES",
    "Coefficient",
    "Reading",
    "optimal_basis",
    "read_exponent",
    "read_rule",
    "side_by_side",
]
