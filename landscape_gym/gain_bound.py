"""How much is left to gain, told by what was gained lately: a bound that needs no floor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from landscape_gym.arrays import SMALLEST
from landscape_gym.configuration import count, number

SHORTEST = 1e-4
"""Least limit that slopes at steps' ends set."""
REGAIN = 0.2
"""Part of what was lost lately that can be gained again."""
BEYOND = 0.2
"""How fast that limit changes beyond 1, over how fast it does below."""


class Gains(NamedTuple):
    """What is remembered of promises and losses, (..., 1)."""

    step: Any
    """Losses seen."""
    promise: Any
    """Running mean of the decrease that steps promise, each coordinate for itself; 0 at first."""
    loss: Any
    """Running mean of the loss above its lower bound; 0 at first."""
    slow: Any
    """Average of all losses, late ones in proportion to their age; twice the first at first."""
    quick: Any
    """That in which they count by the ninth power of their age; the first at first."""
    track: Any
    """The first loss and what slopes at steps' ends added to it since."""
    slow_track: Any
    """The average of it all, as `slow` is of losses."""
    quick_track: Any
    """The average as `quick` is."""
    descent: Any
    """Running mean of what slopes at steps' ends say is still to be had by such steps."""
    made: Any
    """Running mean of what the steps promised that were made, slowed as they were."""
    reach: Any
    """The limit of the factor that slopes at steps' ends set; 1 at first. Beyond 1: a factor."""
    move: Any
    """The last move, (..., d), 0 at first; of `GainBound.slowed` alone."""


@dataclass(frozen=True)
class GainBound:
    """Velocities for independent coordinates, slowed to what was gained lately.

        promise <- mean of -dt sum(v g),   loss <- mean of L - lowest           (decay per step)
        track <- track + <u before, g>                                          (at first L)
        A_p <- A_p + (p + 1)/(t + 11 + p) (L - A_p),       B_p likewise of the track,  p = 1, 9
        A = A_1 - A_9,   B = B_1 - B_9,   gained = min(A, max(B, A^2 / loss))
        left = min(loss, max(gain gained, -A/5, hope loss / (t + 11)))
        reach <- min( 1 + (left / loss) t / fading, reach (1 + c adaptation a) ),
            a = mean of -<u before, g>  /  mean of what these steps promised,
            c = 1, and 1/5 where reach is beyond 1
        r = stiffness max(1, reach) (|promise| + rise <v g>) / (2 left),   <v g> where it is > 0
        u = v min( t / warm_up, reach, max(1, reach) ((1 + r^2 / 4)^(1/2) - r / 2) )

    Assumption: what is left of the loss that descent can take off is no more than it took off
    lately, over a time in proportion to the age. One vector of all parameters is moved together.

    Derivation: r and u are those of `rules.LossBound`, in which ``L - lowest`` stands for what is
    left to gain. Where the loss cannot come near its bound (noise in the labels, a small network)
    that is far too much, and steps are 2 to 20 times too long, the more so the longer they run. A
    bound on what is left is needed that falls as the loss falls. A_p is the average in which the
    loss of step s counts in proportion to ``s^p``. If ``L = floor + a t^-alpha``, then

        A_p - floor = (p + 1)/(p + 1 - alpha) a t^-alpha,
        A_1 - A_9 = [ 2/(2 - alpha) - 10/(10 - alpha) ] (L - floor),

    in proportion to what is left, whatever a and the floor: 0.89 of it for alpha = 1, 0.28 for
    alpha = 1/2. The time over which gains are taken is the age, so no horizon is set. Losses that
    fall faster than any power, as towards a floor of 0 that is reached, are overestimated, and
    there the loss itself is the lower of the two.

    Where noise keeps the loss up, A is noise for the most part, and still too much. The slope
    ``<u before, g>`` at a step's end is that of the *next* minibatch, and so unbiased; the sum of
    them is where the loss would be were each step as steep all along as at its end. Steps that are
    right along themselves end where the slope is 0; longer ones, which only stir the noise, add to
    the track what they lose, and B, the gain by the track, tells them apart. But where the loss
    comes near its bound they are no harm: in narrow valleys the fastest descent overshoots in every
    step. The nearer A is to all of the loss, the less B counts.

    Where the loss has *risen*, nothing was gained, but what was lost was there before: a step may
    undo the training, as deep networks' losses jump to what they were at first, or the task may
    change. A part of what was lost is taken to be left, without which steps would be far too short
    for as long as the training has lasted, and no more, as noise that too long steps stir has to
    settle. And a rule that stopped could never find out that there is something: so at least a part
    of the loss is hoped for that falls with the age, too little to matter otherwise.

    Whatever is left, a step should not be longer than what is right along itself. So `reach` falls
    while slopes at steps' ends are uphill, and rises while they go on falling: successive
    innovations of a filter with the right gain are uncorrelated. It is a limit and no more: the
    greedy step stirs noise that has to settle later, which the bound by gains sees. And it is for
    coordinates that are nearly independent, as in an eigenframe. In others the greedy step is that
    of the steepest valley, and all the rest has to wait for it: without an adaptation reach is 1.

    Where velocities fade with their age by themselves, by ``1 + t / fading`` or so, they may have
    been right before they did, and the loss go on falling at steps' ends for hundreds of steps. So
    beyond 1 reach is a factor of velocities, before they are bounded: at most that, and the less
    the less is left, as fading is right where noise keeps the loss up. There it moves slowly,
    either way, as it is to tell trends from noise. Without a lower bound of the loss nobody knows
    which part of it is left, and reach ends at 1.

    Steps may promise a rise, where a rule has not seen yet that the gradient has turned. Such a one
    is bounded as a fall is: what is left says how far the gradient can be trusted, either way. A
    rule that goes to a target, and not down a mean of gradients, may climb for many steps before it
    has: `rise` is by how much more the present step counts that is uphill itself.

    At first nothing is known, and gradients of deep networks are so small that steps promise next
    to nothing, but move all layers at once: without a warm-up eight layers are lost in ten steps.

    What it does not see is a plateau: where little was gained lately though much is left, steps are
    short and stay so for about as long as the plateau has lasted.

    Why `gain` is not derived: it would be 1/0.89 or 1/0.28 for these laws, but what enters u is
    ``stiffness / gain``, and stiffness, the rate of the fastest direction over the mean one, is
    itself an experiment's. So gain is chosen with it, on tuning networks (baselines/networks).

    Raises:
        ValueError: unless stiffness, gain and fading are > 0, adaptation, rise and hope >= 0, and
            warm_up >= 1.

    Reference: Shamir and Zhang, "Stochastic gradient descent for non-smooth optimization", 2013,
    for polynomial-decay averages; Polyak, "Introduction to optimization", 1987; Mehra, "On the
    identification of variances and adaptive Kalman filtering", 1970, for innovations.

    Example:
        >>> import numpy as np
        >>> bound, loss = GainBound(stiffness=3.0, warm_up=1), np.array([2.0])
        >>> v = g = np.array([-1.0, 1.0])
        >>> bound.slowed(-v, g, loss, bound.init(loss, g))[0].round(3)
        array([ 0.259, -0.259])
    """

    stiffness: float
    """Rate of the fastest direction over the mean rate."""
    gain: float = 0.5
    """What may be left over what was gained lately; ``inf``: the bound is a `LossBound`."""
    lowest: float = 0.0
    """Lower bound of the loss; ``-inf`` if there is none."""
    decay: float = 0.9
    """Of the running means per step, in [0, 1)."""
    dt: float = 1.0
    """Time per step."""
    warm_up: int = 50
    """Steps in which the factor's limit rises to 1, in proportion to their number, >= 1."""
    adaptation: float = 0.0
    """How fast slopes at steps' ends change their limit, in logarithms a step; 0: there is none."""
    rise: float = 0.0
    """Weight of what the present step promises to add to the loss, >= 0."""
    hope: float = 0.5
    """Part of the loss, over the age, that is hoped for where nothing was gained, >= 0."""
    fading: float = math.inf
    """Age at which velocities have faded by a half, by themselves; ``inf``: they do not."""

    def __post_init__(self) -> None:
        """Check the fields."""
        for name in ("stiffness", "gain", "fading"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}.")
        for name in ("adaptation", "rise", "hope"):
            number(name, getattr(self, name), low=0.0)
        count("warm_up", self.warm_up)

    def init(self, loss: Any, gradient: Any = 0.0) -> Gains:
        """Nothing promised, and as much to gain as there is loss, or its size without a bound.

        Args:
            loss: The first, (..., 1).
            gradient: (..., d), where steps are `slowed`.
        """
        zero = 0.0 * loss
        first = abs(loss) if math.isinf(self.lowest) else loss - self.lowest
        slow, quick = loss + first, loss + zero
        return Gains(
            zero, zero, zero, slow, quick, quick, slow, quick, zero, zero, zero + 1, 0.0 * gradient
        )

    def slowed(self, v: Any, gradient: Any, loss: Any, state: Gains) -> tuple[Any, Gains]:
        """The velocity u, and what is remembered with this step's promise and loss in it.

        Args:
            v: What the rule for independent coordinates asks for, (..., d).
            gradient: (..., d).
            loss: (..., 1).
            state: What was remembered.
        """
        decrease = -self.dt * (v * gradient).sum(-1)[..., None]
        slope = (state.move * gradient).sum(-1)[..., None]
        factor, now = self.factor(decrease, loss, state, slope)
        u = v * factor
        return u, now._replace(move=self.dt * u)

    def factor(
        self, decrease: Any, loss: Any, state: Gains, slope: Any = None, trust: Any = 1.0
    ) -> tuple[Any, Gains]:
        """The factor of a step, and what is remembered; for arrays and floats alike.

        Args:
            decrease: What the step promises to take off the loss.
            loss: Before it.
            state: What was remembered.
            slope: This gradient times the move that led here; None: the track follows the loss, and
                the reach stays.
            trust: How far the gradient is to be trusted, in [0, 1]: by what the caller is going to
                multiply the step, beside the factor.

        Returns:
            > 0; at most 1, where velocities do not fade by themselves.
        """
        b, t = self.decay, state.step
        floor = 0.0 if math.isinf(self.lowest) else self.lowest
        track = loss if slope is None else state.track + slope
        slow, quick = 2 / (t + 12), 10 / (t + 20)
        descent = state.descent if slope is None else b * state.descent - (1 - b) * slope
        agreement = descent / (_upper(state.made, abs(descent)) + SMALLEST)
        pace = 1 - (1 - BEYOND) * _indicator(state.reach > 1, state.reach)
        reach = state.reach * (1 + pace * self.adaptation * agreement)
        now = Gains(
            t + 1,
            b * state.promise + (1 - b) * decrease,
            b * state.loss + (1 - b) * (loss - floor),
            state.slow + slow * (loss - state.slow),
            state.quick + quick * (loss - state.quick),
            track,
            state.slow_track + slow * (track - state.slow_track),
            state.quick_track + quick * (track - state.quick_track),
            descent,
            state.made,
            reach,
            state.move,
        )
        left = self.left(now)
        part = 0.0 if math.isinf(self.lowest) else left / (_upper(left, abs(now.loss)) + SMALLEST)
        now = now._replace(reach=_upper(_lower(reach, 1 + part * t / self.fading), SHORTEST))
        uphill = (1 - b**now.step) * _positive(-decrease)  # in the weight of the running means
        promise, more = abs(now.promise) + self.rise * uphill, _upper(now.reach, 1.0)
        half = self.stiffness * more * promise / (4 * left + SMALLEST)
        factor = _lower(more / ((1 + half * half) ** 0.5 + half), now.step / self.warm_up)
        factor = _lower(factor, now.reach)
        return factor, now._replace(made=b * now.made + (1 - b) * (trust * factor) * decrease)

    def left(self, now: Gains) -> Any:
        """What there is to gain, in the weight of the running means, which start at 0."""
        above = _positive(now.loss)
        if math.isinf(self.gain):
            return above
        weight = 1 - self.decay**now.step
        size = abs(now.loss)
        by_loss = weight * (now.slow - now.quick)
        by_slopes = weight * (now.slow_track - now.quick_track)
        gained = _lower(by_loss, _upper(by_slopes, by_loss * abs(by_loss) / (size + SMALLEST)))
        known = _upper(self.gain * gained, -REGAIN * by_loss)
        gained = _upper(known, self.hope * size / (now.step + 11))
        return gained if math.isinf(self.lowest) else _lower(above, gained)


def _indicator(condition: Any, like: Any) -> Any:
    """1 where a condition holds, 0 elsewhere, in the type of a finite number."""
    return condition * (1 + 0 * like)


def _positive(a: Any) -> Any:
    """The larger of a finite number and 0."""
    return 0.5 * (a + abs(a))


def _upper(a: Any, b: Any) -> Any:
    """The larger of two finite numbers."""
    return b + _positive(a - b)


def _lower(a: Any, b: Any) -> Any:
    """The smaller of two finite numbers."""
    return a - _positive(a - b)
