"""What a learner remembers of gradients and parameters, as far as it is asked for.

With g the observed gradient, t the steps since the episode began, a the decay of an average:

    previous gradient <- g
    average           <- average + (g - average) (1 - a) / (1 - a^(t + 1))
    mean square       <- s mean square + (1 - s) mean over coordinates of g^2

and likewise for g^2 and theta. So averages are weighted by powers of a, with weights that sum to
one: Adam's, bias correction included. They begin as plain means of all that was seen. The mean
square begins with the first value. Squares that overflow, of a gradient beyond 1e19 in float32, are
the largest number instead, so that averages stay finite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from landscape_gym.arrays import Array, bounded, dot, namespace
from landscape_gym.learner import Learner
from landscape_gym.observation import ObservationConfig


def weights(rates: Sequence[float], steps: Array) -> Array:
    """Of what is new after so many steps (B,) in the average of each rate, (B, R), in float64."""
    xp = namespace(steps)
    a = xp.asarray(rates, dtype=xp.float64, device=steps.device)
    return (1 - a) / (1 - a ** (steps[:, None] + 1))


def averaged(average: Array, value: Array, weight: Array) -> Array:
    """Averages with something new in them, of the weight that it is given."""
    return average + weight * (value - average)


def mean_square(gradient: Array) -> Array:
    """Over coordinates, the last axis."""
    return bounded(dot(gradient, gradient)) / gradient.shape[-1]


def squares(gradient: Array) -> Array:
    """Of coordinates, of which averages can be taken."""
    return bounded(gradient**2)


def running_mean_square(before: Array, gradient: Array, rate: float) -> Array:
    """The mean square `before` with that of one more gradient in it."""
    return rate * before + (1 - rate) * mean_square(gradient)


class Memory:
    """The recurrences behind previous gradient, averages and running scale."""

    def __init__(self, config: ObservationConfig, also: Iterable[str] = ()) -> None:
        """Keep what the channels of `config` need, and the fields of a `Learner` in `also`."""
        self.kept = config.memory | frozenset(also)
        self.rates = config.rates
        self.scale_rate = config.scale_rate

    def begin(self, gradient: Array, theta: Array) -> dict[str, Array]:
        """The remembered fields at the first gradient and parameters, (B, d), of an episode."""
        xp = namespace(gradient)

        def repeated(value: Array) -> Array:
            return xp.stack([value] * len(self.rates), axis=1)

        fresh = {
            "previous_gradient": lambda: xp.zeros_like(gradient),
            "moved": lambda: xp.zeros_like(gradient),
            "mean_square": lambda: mean_square(gradient),
            "averages": lambda: repeated(gradient),
            "squared_averages": lambda: repeated(squares(gradient)),
            "parameter_averages": lambda: repeated(theta),
            "start_size": lambda: xp.mean(abs(theta), axis=1),
        }
        return {name: fresh[name]() for name in self.kept}

    def after(self, learner: Learner, gradient: Array, theta: Array) -> dict[str, Array]:
        """The remembered fields that a step changes.

        Args:
            learner: As it was before the step.
            gradient: Seen after it, (B, d).
            theta: Moved to, (B, d).
        """
        kept, found = self.kept, {}
        if not kept:
            return found
        if "previous_gradient" in kept:
            found["previous_gradient"] = learner.gradient
        if "moved" in kept:
            found["moved"] = theta - learner.theta
        if "mean_square" in kept:
            found["mean_square"] = running_mean_square(
                learner.mean_square, gradient, self.scale_rate
            )
        seen = {
            "averages": lambda: gradient,
            "squared_averages": lambda: squares(gradient),
            "parameter_averages": lambda: theta,
        }
        if not kept.isdisjoint(seen):
            xp = namespace(gradient)
            weight = weights(self.rates, learner.elapsed + 1)[:, :, None]
            weight = xp.astype(weight, gradient.dtype, copy=False)
            for name, value in seen.items():
                if name in kept:
                    found[name] = averaged(getattr(learner, name), value()[:, None], weight)
        return found
