"""The frame of the gradients' second moment, in which rules for coordinates are right.

Where coordinates interact, a rule that acts on each of them alike pays for their rotation. Its
remedy (theory section 13) is to let it act in the eigenvectors Q of

    sum over the episode of y y' + RIDGE I,        y the observed gradients,

which signal and curvature noise share with the Hessian on average; Shampoo (arXiv:1802.09568) and
SOAP (arXiv:2409.11321) act in such a frame. One `Frame` serves the environment, Stable-Baselines3
(`landscape_gym.sb3.FrameVecEnv`) and learned rules (`landscape_gym.learned.LearnedRule`): what is
seen is rotated into it, one row per axis, and moves are rotated back.

A row has two kinds of numbers. *Vectors* change sign with their axis: the channels, and two that
the frame remembers. *Invariants* do not (`INVARIANTS`). A rule that is even in the axis' sign and
in the order of axes is a sum of vectors with coefficients that depend on invariants.

Axes may be others, and come with vectors and invariants of their own: those of a belief about the
Hessian (`landscape_gym.belief_frame`).

Whatever a rule says, moves are bounded: as soon as a gradient is longer than `GROWN` times those
that an episode began with, moves shrink as it grows. A rule whose moves are a multiple of what it
sees then moves no further however far it is thrown, and does not diverge where it is too fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, NamedTuple

from landscape_gym.arrays import SMALLEST, Array, namespace
from landscape_gym.coordinates import Coordinates
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

VECTORS = frozenset(
    {"gradient", "previous_gradient", "previous_update", "averages", "lags"}
    | {"parameters", "displacement"}
)
"""Channels that rotate with the landscape."""
PLACES: Final = ("displacement", "parameters")
"""Channels that tell where the learner is; the first of them that is observed is x."""
REMEMBERED = ("mean gradient", "lag of the mean")
"""Vectors that the frame adds: the mean of all gradients, and x minus its mean."""
INVARIANTS = (
    "log secant",
    "mean log secant",
    "log spread",
    "log moment",
    "mean log moment",
    "young age",
    "old age",
    "log gradient",
    "log update",
    "log place",
    "log size",
)
"""Of an axis: logarithm of the curvature that a ridge regression of y on x finds along it, and its
mean over axes; of the variance of x along it; of the moment's eigenvalue over n, and its mean over
axes; n/(n + 5) and n/(n + 30), with n the gradients seen; 0.3 times the logarithms of the squared
gradient, update and place; and the logarithm of the root mean square of all gradients."""
RIDGE = 1e-3
"""Added to the moment: axes along which no gradient was seen keep any order."""
TYPICAL, DOUBT, LESS = 0.5, 0.05, 0.005
"""The curvature that the regression of gradients on places begins at, and how much spread of x
that is worth; of that less if lengths are relative, as no noise blurs what there is to see."""
FLOOR = 1e-6
"""Added to what logarithms are taken of."""
DESCENT = -0.35
"""Coefficient of the gradient at the start: gradient descent that is stable in `landscape-nav`."""
FIRST = 5
"""So many gradients tell how long gradients are as an episode begins."""
GROWN = 2.0
"""How many times their root mean square a gradient may be before moves are shortened."""


class FrameState(NamedTuple):
    """What is known of each row of a batch: sums over the gradients y seen, at x."""

    n: Array
    """How many, (batch,)."""
    x: Array
    """Sum of x, (batch, d)."""
    y: Array
    """Sum of y, (batch, d)."""
    xx: Array
    """Sum of x x', with x from its mean, (batch, d, d)."""
    xy: Array
    """Sum of x y', both from their means, (batch, d, d)."""
    yy: Array
    """Sum of y y', (batch, d, d)."""
    basis: Array
    """The frame Q, whose columns are the axes, (batch, d, d)."""
    first: Array
    """Sum of the squared lengths of the first gradients, none of which counts for more than
    `GROWN` times those before, (batch,)."""
    held: Array
    """What moves are multiplied by, (batch,): 1, or less where gradients have grown."""
    unit: Array
    """Of all lengths, (batch,)."""
    belief: Any = None
    """What the axes are made of, where that is more than the sums."""


class Axes(NamedTuple):
    """The axes after a gradient, and what is known along them besides."""

    basis: Array
    """(batch, d, d), a column each."""
    belief: Any = None
    """To be remembered."""
    vectors: tuple[Array, ...] = ()
    """(batch, d) each."""
    invariants: tuple[Array, ...] = ()
    """(batch, d) each."""


class Framed(NamedTuple):
    """What is seen in the frame."""

    vectors: Array
    """(batch, d, vectors)"""
    invariants: Array
    """(batch, d, invariants)"""


class Frame:
    """Rotates what is seen into the eigenvectors of the gradients' second moment, and moves back.

    It is a function of observations and a state, for NumPy arrays and torch tensors.

    Args:
        config: The channels: the gradient, the last update, displacement or parameters, and any
            others of `VECTORS`; not scaled.
        relative: Whether lengths are in units of an episode's first gradient, by its root mean
            square, as is right for quadratics without noise: a rule then does the same at any
            scale, but for what it makes of the invariant "log size", which tells it.

    Raises:
        Refusal: for other channels.

    Example:
        >>> frame = Frame(ObservationConfig(("gradient", "previous_update", "displacement")))
        >>> seen = np.array([[3.0, 4.0, 0.0, 0.0, 0.0, 0.0]])
        >>> framed, state = frame.see(seen, frame.begin(seen))
        >>> abs(framed.vectors[0, :, 0]).round(6)  # the first gradient is the last axis
        array([0., 5.])
        >>> frame.out_of(framed.vectors[:, :, 0], state).round(6)
        array([[3., 4.]])
    """

    believes: NavigationProblem | None = None
    """The problem whose Hessian is believed in, if the axes are of a belief."""
    invariants: tuple[str, ...] = INVARIANTS
    """Names of the invariants, in order."""
    known: tuple[str, ...] = ()
    """Names of the vectors that come with the axes."""
    start: ClassVar[Mapping[str, float]] = {"gradient": DESCENT}
    """Coefficients of a rule that is worth starting from."""

    def __init__(self, config: ObservationConfig, relative: bool = False) -> None:
        self.relative = relative
        place = next((name for name in PLACES if name in config.channels), None)
        if place is None or not {"gradient", "previous_update"} <= set(config.channels):
            raise Refusal(
                "a frame reads gradient, previous_update, and displacement or parameters; got "
                f"{', '.join(config.channels)}."
            )
        if wrong := [name for name in config.channels if name not in VECTORS]:
            raise Refusal(
                f"{wrong[0]!r} does not rotate with the landscape: a frame takes the channels "
                f"{', '.join(sorted(VECTORS))}."
            )
        if config.scaled:
            raise Refusal("a frame has logarithms of sizes: observe channels unscaled.")
        self.config = config
        self.coordinates = Coordinates(config)
        self.names = tuple(
            f"{name} at {rate:g}" if name in ("averages", "lags") else name
            for name in config.channels
            for rate in (config.rates if name in ("averages", "lags") else (0,))
        )
        self._gradient, self._update, self._place = (
            self.names.index(name) for name in ("gradient", "previous_update", place)
        )

    @property
    def vectors(self) -> tuple[str, ...]:
        """Names of the vectors, in order."""
        return (*self.names, *REMEMBERED, *self.known)

    def begin(self, observation: Array) -> FrameState:
        """Before anything is seen, for observations (batch, size)."""
        xp, batch = namespace(observation), len(observation)
        d = self.coordinates.dim(observation.shape[1])
        like = {"dtype": observation.dtype, "device": observation.device}
        number, vector = xp.zeros(batch, **like), xp.zeros((batch, d), **like)
        matrix = xp.zeros((batch, d, d), **like)
        basis = matrix + xp.eye(d, **like)
        one = number + 1
        return FrameState(number, vector, vector, matrix, matrix, matrix, basis, number, one, one)

    def see(self, observation: Array, state: FrameState) -> tuple[Framed, FrameState]:
        """What is seen in the frame that the gradients up to now, this one too, have.

        Args:
            observation: (batch, size).
            state: What the last call returned, or `begin`.
        """
        xp, d = namespace(observation), self.coordinates.dim(observation.shape[1])
        seen = observation.reshape(len(observation), -1, d)  # (batch, channels' vectors, d)
        if self.relative:
            state = state._replace(unit=_unit(state, seen[:, self._gradient]))
            seen = seen / state.unit[:, None, None]
        x, y = seen[:, self._place], seen[:, self._gradient]
        state = _with_gradient(state, x, y)
        axes = self._axes(state, x, y)
        state = state._replace(basis=axes.basis, belief=axes.belief)
        count = state.n[:, None]
        mean_x, mean_y = state.x / count, state.y / count
        vectors = xp.concat([seen, xp.stack([mean_y, x - mean_x], axis=1)], axis=1) @ axes.basis
        squares = vectors[:, [self._gradient, self._update, self._place]] ** 2
        if axes.vectors:
            vectors = xp.concat([vectors, xp.stack(axes.vectors, axis=1)], axis=1)
        invariants = [*self._invariants(state, squares), *axes.invariants]
        return Framed(vectors.mT, xp.stack(invariants, axis=1).mT), state

    def _axes(self, state: FrameState, x: Array, y: Array) -> Axes:
        """The axes after a gradient y (batch, d) at x, which the sums have already."""
        xp = namespace(x)
        ages = state.n.clip(None, x.shape[1])
        basis = xp.zeros_like(state.basis)
        for age in xp.unique_values(ages):  # of the batch; a row's axes do not depend on others
            rows = ages == age
            basis[rows] = _turned(state.basis[rows], state.yy[rows], y[rows], int(age))
        return Axes(basis)

    def _seen(self, state: FrameState) -> int:
        """How many axes, the last ones, hold all gradients of any row of the batch."""
        return min(int(state.n.max()), state.x.shape[1])

    def _invariants(self, state: FrameState, squares: Array) -> list[Array]:
        """`INVARIANTS`, (batch, d) each, by squares (batch, 3, d) of gradient, update, place."""
        xp = namespace(squares)
        n, count, seen = state.n, state.n[:, None], self._seen(state)
        spread = _along(state.basis, state.xx)
        slope, moment = (_along(state.basis, sums, seen) for sums in (state.xy, state.yy))
        doubt = LESS if self.relative else DOUBT
        secant = xp.log((slope.clip(0) + doubt * TYPICAL) / (spread.clip(0) + doubt))
        size = 0.5 * xp.log(xp.sum(moment, axis=1) / n + FLOOR)
        if self.relative:
            size = size + xp.log(state.unit)
        moment = xp.log((moment.clip(0) + RIDGE) / count)
        everywhere = xp.ones_like(secant)
        squares = 0.3 * xp.log(squares + FLOOR)
        return [
            secant,
            everywhere * _mean(secant),
            xp.log(spread.clip(0) / count + FLOOR),
            moment,
            everywhere * _mean(moment),
            everywhere * (count / (count + 5)),
            everywhere * (count / (count + 30)),
            *(squares[:, i] for i in range(3)),
            everywhere * size[:, None],
        ]

    def out_of(self, moves: Array, state: FrameState) -> Array:
        """Moves along the axes, (batch, d), in the parameters' own coordinates, and bounded."""
        lengths = state.held * state.unit if self.relative else state.held
        return (state.basis @ (moves * lengths[:, None])[:, :, None])[:, :, 0]


def _unit(state: FrameState, y: Array) -> Array:
    """The root mean square of the first gradient y (batch, d), once it was seen."""
    xp = namespace(y)
    size = (xp.mean(y * y, axis=1) + SMALLEST) ** 0.5
    return xp.where(state.n == 0, size, state.unit)


def _with_gradient(state: FrameState, x: Array, y: Array) -> FrameState:
    """The sums with one gradient y (batch, d) more, at x."""
    xp = namespace(x)
    n, squares = state.n + 1, xp.sum(y * y, axis=1)
    typical = state.first / state.n.clip(1, FIRST)
    most = xp.where(state.n == 0, squares, GROWN**2 * typical)
    first = state.first + xp.where(n <= FIRST, xp.minimum(squares, most), 0 * squares)
    most = GROWN**2 * first / n.clip(1, FIRST)
    held = ((most + SMALLEST) / (squares + SMALLEST)).clip(None, 1) ** 0.5
    seen = state.n.clip(1)[:, None]
    apart = x - state.x / seen
    left = (apart * (state.n / n)[:, None])[:, :, None]
    return state._replace(
        n=n,
        x=state.x + x,
        y=state.y + y,
        xx=state.xx + left * apart[:, None, :],
        xy=state.xy + left * (y - state.y / seen)[:, None, :],
        yy=state.yy + y[:, :, None] * y[:, None, :],
        first=first,
        held=held,
    )


def _turned(basis: Array, moment: Array, y: Array, n: int) -> Array:
    """Eigenvectors of the moment (batch, d, d) of n gradients, the n-th of which is y (batch, d).

    As long as gradients are fewer than coordinates, they are in the span of the last axes, of which
    there is one more for y; what y has along others is brought there by reflecting those.

    Args:
        basis: The eigenvectors before.
        moment: Sum of y y'.
        y: The gradient that has come.
        n: d for d or more.
    """
    xp, d = namespace(basis), basis.shape[2]
    if n == d:
        return xp.linalg.eigh(moment + RIDGE * xp.eye(d, dtype=y.dtype))[1]
    others = basis[:, :, : d - n + 1]
    normal = (y[:, None, :] @ others)[:, 0]
    normal = normal / (xp.linalg.vector_norm(normal, axis=1)[:, None] + SMALLEST)
    normal[:, -1] += xp.where(normal[:, -1] < 0, -1, 1)
    square = xp.sum(normal * normal, axis=1)[:, None]
    others = others - others @ (2 * normal / square)[:, :, None] * normal[:, None, :]
    last = xp.concat([others[:, :, d - n :], basis[:, :, d - n + 1 :]], axis=2)
    last = last @ xp.linalg.eigh(last.mT @ (moment @ last))[1]
    return xp.concat([others[:, :, : d - n], last], axis=2)


def _along(basis: Array, A: Array, seen: int | None = None) -> Array:
    """``q' A q`` of each axis q, (batch, d); known to be 0 of all but the last, `seen` of them."""
    xp, d = namespace(basis), basis.shape[2]
    unseen = d - (d if seen is None else seen)
    last = basis[:, :, unseen:]
    values = xp.einsum("bij,bij->bj", last, A @ last)
    return xp.concat([xp.zeros_like(basis[:, 0, :unseen]), values], axis=1) if unseen else values


def _mean(values: Array) -> Array:
    """Over axes, (batch, 1), of values (batch, d)."""
    return values.sum(1)[:, None] / values.shape[1]
