"""Random numbers for a batch: row i draws what a single environment with its seed would draw.

Each row owns its generators, so what a row draws depends on its seed and its own history alone.
Numbers that are needed at every step (gradient noise, drift, switches) are drawn in blocks, into
rings of equal length: at time t every row's numbers lie in slot ``t % length``, one slice for all
rows, whatever the ages of their episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Array = NDArray[Any]

BLOCK_NUMBERS = 8192
"""About how many random numbers one block of a row holds."""
BLOCK_STEPS = 128
"""For how many steps one block serves at the most."""
CHUNK_NUMBERS = 16_384
"""About how many numbers are drawn before they are put into the ring, while they are in cache."""


class RowDraws:
    """Draws for some rows, each from its own generator (a `landscapes.base.Draws`)."""

    def __init__(self, generators: Sequence[np.random.Generator], dtype: np.dtype) -> None:
        """Draw from `generators`, numbers of type `dtype` (float32 or float64)."""
        self.generators = generators
        self.dtype = dtype

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.generators)

    def normal(self, *shape: int) -> Array:
        """Standard normal numbers, (rows, *shape)."""
        out, kind = np.empty((len(self.generators), *shape), self.dtype), self.dtype.type
        for row, generator in zip(out, self.generators, strict=True):
            generator.standard_normal(out=row, dtype=kind)  # a dtype takes half as long again
        return out

    def uniform(self, *shape: int) -> Array:
        """Numbers uniform in [0, 1), (rows, *shape)."""
        out, kind = np.empty((len(self.generators), *shape), self.dtype), self.dtype.type
        for row, generator in zip(out, self.generators, strict=True):
            generator.random(out=row, dtype=kind)
        return out


class Streams:
    """Two generators a row, and the rings of per-step numbers.

    Normal numbers per step are most of what a simulation draws. They come from torch, which is
    faster at them than NumPy; all else comes from NumPy.

    Args:
        num_rows: Number of rows.
        normals: How many normal numbers a row needs each step.
        uniforms: How many uniform numbers a row needs each step.
        steps: For how many steps a row usually draws; blocks are cut so that few are thrown away.
        dtype: float32 or float64.
    """

    def __init__(
        self, num_rows: int, normals: int, uniforms: int, steps: int, dtype: np.dtype
    ) -> None:
        """Make generators with fresh entropy; `seed` replaces them."""
        self.dtype = dtype
        longest = min(max(BLOCK_NUMBERS // max(normals + uniforms, 1), 1), BLOCK_STEPS)
        blocks = -(-steps // longest)
        self._length = -(-steps // blocks)
        self._uniforms = np.zeros((self._length, num_rows, uniforms), dtype)
        self._normals = np.zeros((self._length, num_rows, normals), dtype)
        self._slot = 0
        self._phase = np.zeros(num_rows, dtype=np.int64)
        self.generators: list[np.random.Generator] = [np.random.default_rng()] * num_rows
        self.noise_generators: list[torch.Generator] = []
        if normals:
            import torch  # only here: it takes longer to import than all the rest

            self.noise_generators = [torch.Generator() for _ in range(num_rows)]
        self.seed(range(num_rows), fresh_seeds(num_rows))

    def seed(self, rows: Sequence[int] | Array, seeds: Sequence[int]) -> None:
        """Give some rows new generators."""
        for row, seed in zip(rows, seeds, strict=True):
            self.generators[row] = np.random.default_rng(seed)
            if self.noise_generators:
                self.noise_generators[row].manual_seed(seed % 2**32)  # torch takes 32 bits

    def draws(self, rows: Sequence[int] | Array) -> RowDraws:
        """Draws from the generators of some rows."""
        return RowDraws([self.generators[row] for row in rows], self.dtype)

    def begin(self, rows: Array) -> None:
        """Start the per-step numbers of some rows afresh, with the present slot as their first."""
        if len(rows) == len(self._phase):
            self._slot = 0  # so that each block is one piece
        self._phase[rows] = self._slot
        self._refill(rows)

    def advance(self, still: Array | None = None) -> None:
        """Go to the next step; rows whose block is used up, but for `still`, draw the next one."""
        self._slot = (self._slot + 1) % self._length
        due = self._phase == self._slot
        if still is not None:
            due &= ~still
        if due.any():
            self._refill(np.flatnonzero(due))

    @property
    def normal(self) -> Array:
        """This step's normal numbers, (rows, normals); a view."""
        return self._normals[self._slot]

    @property
    def uniform(self) -> Array:
        """This step's uniform numbers, (rows, uniforms); a view."""
        return self._uniforms[self._slot]

    def __getstate__(self) -> dict[str, Any]:
        # Not the generators themselves: before Python 3.12 each one that is pickled or copied takes
        # a reference to None that is not its own (THPGenerator_reduce), until None is freed.
        states = [generator.get_state().numpy() for generator in self.noise_generators]
        return {**vars(self), "noise_generators": np.array(states)}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        vars(self).update(saved, noise_generators=[])
        if len(states := saved["noise_generators"]):
            import torch

            self.noise_generators = [torch.Generator() for _ in states]
            for generator, state in zip(self.noise_generators, states, strict=True):
                generator.set_state(torch.from_numpy(state))

    def _refill(self, rows: Array) -> None:
        """Draw a block for each of `rows`, all of which begin theirs at the present slot."""
        if self._normals.shape[2]:
            self._draw_blocks(self._normals, rows, self._draw_normal)
        if self._uniforms.shape[2]:
            self._draw_blocks(self._uniforms, rows, self._draw_uniform)

    def _draw_blocks(
        self, ring: Array, rows: Array, drawing: Callable[[Array], Callable[[list[int]], None]]
    ) -> None:
        """Draw blocks row by row, and put them into the ring several rows at a time."""
        length, num_rows, numbers = ring.shape
        together = max(CHUNK_NUMBERS // (length * numbers), 1)
        blocks = np.empty((min(together, len(rows)), length, numbers), self.dtype)
        draw = drawing(blocks)
        for first in range(0, len(rows), together):
            piece = slice(first, first + together)
            chunk = rows[piece]
            draw(chunk.tolist())
            drawn = blocks[: len(chunk)]
            if self._slot:
                drawn = np.roll(drawn, self._slot, axis=1)
            # A slice is several times as fast as the same rows by number.
            ring[:, piece if len(rows) == num_rows else chunk] = drawn.swapaxes(0, 1)

    def _draw_normal(self, blocks: Array) -> Callable[[list[int]], None]:
        """What draws normal numbers for some rows into the first of `blocks`."""
        import torch

        views, generators = torch.from_numpy(blocks).unbind(), self.noise_generators

        def draw(rows: list[int]) -> None:
            for row, view in zip(rows, views, strict=False):
                view.normal_(generator=generators[row])

        return draw

    def _draw_uniform(self, blocks: Array) -> Callable[[list[int]], None]:
        """What draws uniform numbers for some rows into the first of `blocks`."""
        views, generators, dtype = list(blocks), self.generators, self.dtype.type

        def draw(rows: list[int]) -> None:
            for row, view in zip(rows, views, strict=False):
                generators[row].random(out=view, dtype=dtype)

        return draw


def fresh_seeds(count: int) -> list[int]:
    """Seeds from the operating system's entropy."""
    return np.random.SeedSequence().generate_state(count, np.uint64).tolist()
