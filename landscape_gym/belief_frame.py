"""The frame of a belief about the Hessian, in which a rule can only improve on the believer.

Where a problem is known but for its Hessian and target, the eigenvectors of the likeliest Hessian
(`landscape_gym.control.hidden_curvature.hessian_filter`) are better axes than those of the
gradients' second moment, and the belief tells along each of them what the learner who takes it for
the truth would do. That move is one of the vectors: a rule begins as that learner, and learns when
to trust it. Rounds of expectation and maximisation are spent where they tell most, less than one a
step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np

from landscape_gym.control.hidden_curvature.hessian_filter import HessianFilter, Sums
from landscape_gym.derivation.coordinate_prior import Place
from landscape_gym.frame import FLOOR, INVARIANTS, PLACES, Axes, Frame, Framed, FrameState
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem

BELIEVED = ("believed move", "believed error")
"""Vectors that the belief adds: -K (x - m), with m where it takes the target to be and K the
optimal gain for the curvature that it takes an axis to have; and x - m."""
CONVICTIONS = ("log curvature", "mean log curvature", "log doubt", "log error")
"""Invariants that it adds: logarithms of that curvature, of its mean over axes, of the variance of
the target along an axis given the Hessian, and 0.3 times that of the squared error."""


class Believed(NamedTuple):
    """The likeliest Hessian by the sums that a frame keeps."""

    h: Array
    """Its eigenvalues, (batch, d)."""
    basis: Array
    """Its eigenvectors, in columns, (batch, d, d)."""


class BeliefFrame(Frame):
    """The eigenvectors of the likeliest Hessian, for NumPy arrays; sums are in float64.

    Args:
        config: As of `Frame`.
        believes: The problem, but for its Hessian and target; for other numbers of coordinates than
            its own, the problem with so many.

    Raises:
        Refusal: for channels that a frame has not, or a problem that `HessianFilter` is not for.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> seen = ObservationConfig(("gradient", "previous_update", "displacement"))
        >>> frame = BeliefFrame(seen, REGIMES["landscape-nav"].problem)
        >>> frame.vectors[-2:]
        ('believed move', 'believed error')
    """

    invariants = (*INVARIANTS, *CONVICTIONS)
    known = BELIEVED
    start: ClassVar[Mapping[str, float]] = {BELIEVED[0]: 1.0}

    def __init__(self, config: ObservationConfig, believes: NavigationProblem) -> None:
        super().__init__(config)
        self.believes = self._problem = believes
        self._where: Place = next(name for name in PLACES if name in config.channels)
        self._filters: dict[int, HessianFilter] = {}
        self._filter(believes.dim)  # refuses what it is not for

    def begin(self, observation: Array) -> FrameState:
        """Before anything is seen, for observations (batch, size)."""
        state = super().begin(observation.astype(np.float64, copy=False))
        sums = self._filter(state.x.shape[1]).begin(*state.x.shape)
        return state._replace(belief=Believed(sums.h, sums.basis))

    def see(self, observation: Array, state: FrameState) -> tuple[Framed, FrameState]:
        """What is seen in the frame, in the observation's type."""
        framed, state = super().see(observation.astype(np.float64, copy=False), state)
        return Framed(*(part.astype(observation.dtype, copy=False) for part in framed)), state

    def _filter(self, dim: int) -> HessianFilter:
        """For so many coordinates."""
        if dim not in self._filters:
            problem = self._problem.replace(landscape={"dim": dim})
            self._filters[dim] = HessianFilter(problem, self._where)
        return self._filters[dim]

    def _axes(self, state: FrameState, x: Array, y: Array) -> Axes:
        """The eigenvectors of the Hessian that is the likeliest after a gradient y at x."""
        follow = self._filter(x.shape[1])
        sums = follow.likeliest(self._sums(state))
        target = follow.target(sums)
        error = np.matvec(sums.basis.mT, x - follow.mu) - target.m
        move = -follow.gain(sums.h, sums.n - 1) * error
        curvature = np.log(sums.h)
        invariants = (
            curvature,
            np.broadcast_to(curvature.mean(axis=1, keepdims=True), curvature.shape),
            np.log(target.variance + FLOOR),
            0.3 * np.log(error**2 + FLOOR),
        )
        return Axes(sums.basis, Believed(sums.h, sums.basis), (move, error), invariants)

    def _sums(self, state: FrameState) -> Sums:
        """A frame's state as the filter's."""
        place = state.x - state.n[:, None] * self._filter(state.x.shape[1]).mu
        return Sums(state.n, place, state.y, state.xx, state.yy, *state.belief)

    def _seen(self, state: FrameState) -> int:
        """All of them: the axes are not those of what was seen alone."""
        return state.x.shape[1]


def frame_of(
    config: ObservationConfig, believes: NavigationProblem | None = None, relative: bool = False
) -> Frame:
    """The frame of gradients, or that of a belief, if it is said in what.

    Args:
        config: The channels.
        believes: The problem that the belief is about.
        relative: As of `Frame`, of the frame of gradients.
    """
    return Frame(config, relative) if believes is None else BeliefFrame(config, believes)
