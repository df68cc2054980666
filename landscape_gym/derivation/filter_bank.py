"""One step of a bank of Kalman filters that finds out curvature and target (theory 7(e)).

Problem, each coordinate by itself: the curvature h is drawn from a prior, the target z from a
Gaussian, and both are hidden;

    y_t = h (x_t - z_t) + e_t,   e_t ~ N(0, r),       z_{t+1} = z_t + N(0, w)

Given h the belief about z is a Kalman filter, so the exact belief is a bank of filters, one for
each of a few curvatures that stand for the prior, with weights that follow each filter's predictive
likelihood. Here is what a gradient does to them:

    s = y - h (x - m),    V = h^2 P + r                 surprise, and its variance
    m <- m - h P / V s,    P <- P - (h P)^2 / V         mean and variance of z given h
    log p <- log p - (s^2 / V + log V) / 2              the curvature's weight, up to a constant

Arrays are of any library and broadcast against each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from landscape_gym.arrays import SMALLEST, namespace


class Sight(NamedTuple):
    """What a filter expects of the next gradient, whatever it will be."""

    gain: Any
    """h P / V: how far the mean moves per unit of surprise."""
    variance: Any
    """V, of the surprise; > 0."""
    log_variance: Any
    """log V."""


def sight(variance: Any, h: Any, r: Any) -> Sight:
    """What filters with this variance P of the target expect.

    Args:
        variance: P.
        h: Curvatures.
        r: Variance of the gradient's noise.

    Example:
        >>> import numpy as np
        >>> sight(np.ones(1), 3.0, 1.0).gain
        array([0.3])
    """
    V = h * h * variance + r + SMALLEST
    return Sight(h * variance / V, V, namespace(V).log(V))


def filter_update(
    y: Any, x: Any, h: Any, target: Any, log_weight: Any, seen: Sight
) -> tuple[Any, Any]:
    """Means of the target and log weights of the curvatures after a gradient.

    Args:
        y: The gradient.
        x: Where it was seen.
        h: Curvatures.
        target: m before it.
        log_weight: log p before it, up to a constant.
        seen: What was expected.
    """
    surprise = y - h * (x - target)
    evidence = surprise * surprise / seen.variance + seen.log_variance
    return target - seen.gain * surprise, log_weight - 0.5 * evidence


def variance_update(variance: Any, h: Any, gain: Any) -> Any:
    """P after a gradient of that gain."""
    return (1 - gain * h) * variance
