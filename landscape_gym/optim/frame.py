"""Kronecker eigenframes of weight matrices, and what is carried through their renewal."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from landscape_gym.optim.blocks import State, matrix_shape

LEFT, RIGHT = "left", "right"
"""Keys of the running means of G G' and of G' G, of a matrix's gradients G."""
LEFT_FRAME, RIGHT_FRAME = "left_frame", "right_frame"
"""Keys of their eigenvectors, in columns."""
FRAMES = {LEFT: LEFT_FRAME, RIGHT: RIGHT_FRAME}
RECENT, PART = 20, 10
"""The running means are of the last `RECENT` gradients; of the last 1/`PART` of all, once that is
more."""
SAMPLES = 128
"""Least number of coordinates of the other side that are taken to stand for all."""
SELDOM = 100
"""Frames are renewed step // `SELDOM` times as seldom as at first."""
LONGER = 4
"""How many times as long as others sides of small matrices may be that have a frame."""


def begun(like: Tensor, max_dim: int) -> State:
    """No gradient seen.

    Sides of one, and those that are too long, have no frame: longer than max_dim, or than `LONGER`
    times that in a matrix of up to max_dim^2 / 2 weights, where they cost little.
    """
    if like.ndim < 2:
        return {}
    rows, columns = matrix_shape(like.shape)
    longest = LONGER * max_dim if 2 * rows * columns <= max_dim**2 else max_dim
    state: State = {}
    for name, n in ((LEFT, rows), (RIGHT, columns)):
        if 1 < n <= longest:
            state[name] = like.new_zeros(n, n)
    return state


def framed(state: State) -> bool:
    """Whether a side of the matrix has a frame by now."""
    return LEFT_FRAME in state or RIGHT_FRAME in state


def renewed(state: State, renewal: int, max_dim: int) -> list[str]:
    """The sides, `LEFT` or `RIGHT`, whose frames are to be renewed after this step.

    That is every so many steps, more seldom with their age, and of sides longer than max_dim as
    much more seldom; but all have a frame after the first `renewal` steps.
    """
    return [
        name
        for name in (LEFT, RIGHT)
        if name in state
        and (
            state["step"] == renewal
            or _due(state["step"], renewal * math.ceil(len(state[name]) / max_dim))
        )
    ]


def age(step: int, renewal: int) -> int:
    """Steps since frames were renewed last, or since the first gradient."""
    return next(n for n in range(step + 1) if _due(step - n, renewal))


def _due(step: int, renewal: int) -> bool:
    return step % (renewal * max(1, step // SELDOM)) == 0


def seen(state: State, G: Tensor) -> None:
    """Put a gradient (rows, columns) into the running means, which grow longer with their age.

    Where one side is k times as long as the other, every k-th of its coordinates is taken, in turn,
    for all of them: as many as a square matrix has, or `SAMPLES`.
    """
    new = 1 / max(RECENT, state["step"] / PART)
    for name, A in ((LEFT, G), (RIGHT, G.T)):
        if name in state:
            n, samples = A.shape
            k = samples // max(n, SAMPLES)
            if k > 1:
                A = A[:, state["step"] % k :: k]
                A = A.contiguous() if name == LEFT else A  # once, not for both factors
            state[name].addmm_(A, A.T, beta=1 - new, alpha=new * samples / A.shape[1])


def into(state: State, A: Tensor) -> Tensor:
    """A matrix in the coordinates of the frame: ``Q_L' A Q_R``."""
    if LEFT_FRAME in state:
        A = state[LEFT_FRAME].T @ A
    return A @ state[RIGHT_FRAME] if RIGHT_FRAME in state else A


def out_of(state: State, A: Tensor) -> Tensor:
    """A matrix in the parameters' own coordinates: ``Q_L A Q_R'``."""
    if LEFT_FRAME in state:
        A = state[LEFT_FRAME] @ A
    return A @ state[RIGHT_FRAME].T if RIGHT_FRAME in state else A


def renew(
    state: State, sides: Iterable[str], moved: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    """Turn the frame to the present eigenvectors, in place.

    The first time they are computed; later on one step of the power iteration, and
    orthogonalisation, from the last frame are enough, as that has hardly changed.

    Args:
        state: With what is named below, each (rows, columns).
        sides: `LEFT`, `RIGHT` or both.
        moved: Keys of vectors: they stay what they were, in new coordinates.
        kept: Keys of what each coordinate has of its own, kept by coordinates, in the order of the
            eigenvalues.
    """
    for name in sides:
        frame_name, axis = FRAMES[name], 0 if name == LEFT else 1
        mean = state[name]
        if frame_name not in state:
            new = torch.linalg.eigh(mean.double())[1].flip(-1).to(mean.dtype)
            old = None
        else:
            old = state[frame_name]
            image = mean @ old
            order = (old * image).sum(0).argsort(descending=True)
            for key in kept:
                value = state[key]
                rows = value.view(matrix_shape(value.shape))
                rows.copy_(rows.index_select(axis, order))
            new = torch.linalg.qr(image[:, order])[0]
        turn = new.T if old is None else new.T @ old
        for key in moved:
            value = state[key]
            A = value.view(matrix_shape(value.shape))
            A.copy_(turn @ A if axis == 0 else A @ turn.T)
        state[frame_name] = new
