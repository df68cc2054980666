"""Random numbers for a batch: row i draws what a single environment with its seed would draw.

Each row owns one generator, so what a row draws depends on its seed and its own history alone.
Numbers that are needed at every step (gradient noise, drift, switches) are drawn in blocks, into
rings of equal length: at time t every row's numbers lie in slot ``t % length``, one slice for all
rows, whatever the ages of their episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BLOCK_NUMBERS = 8192
"""About how many random numbers one block of a row holds."""
BLOCK_STEPS = 128
"""For how many steps one block serves at the most."""


class RowDraws:
    """Draws for some rows, each from its own generator (a `landscapes.base.Draws`)."""

    def __init__(self, generators: Sequence[np.random.Generator], dtype: np.dtype) -> None:
        """Draw from `generators`, numbers of type `dtype` (float32 or float64)."""
        self.generators = generators
        self.dtype = dtype

    def normal(self, *shape: int) -> Array:
        """Standard normal numbers, (rows, *shape)."""
        out = np.empty((len(self.generators), *shape), self.dtype)
        for row, generator in zip(out, self.generators, strict=True):
            generator.standard_normal(out=row, dtype=self.dtype)
        return out

    def uniform(self, *shape: int) -> Array:
        """Numbers uniform in [0, 1), (rows, *shape)."""
        out = np.empty((len(self.generators), *shape), self.dtype)
        for row, generator in zip(out, self.generators, strict=True):
            generator.random(out=row, dtype=self.dtype)
        return out


class Streams:
    """One generator a row, and the rings of per-step numbers.

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
        self.generators = [np.random.default_rng(s) for s in fresh_seeds(num_rows)]
        longest = min(max(BLOCK_NUMBERS // max(normals + uniforms, 1), 1), BLOCK_STEPS)
        blocks = -(-steps // longest)
        self._length = -(-steps // blocks)
        self._normals = np.zeros((num_rows, self._length, normals), dtype)
        self._uniforms = np.zeros((num_rows, self._length, uniforms), dtype)
        self._slot = 0
        self._phase = np.zeros(num_rows, dtype=np.int64)

    def seed(self, rows: Sequence[int] | Array, seeds: Sequence[int]) -> None:
        """Give some rows new generators."""
        for row, seed in zip(rows, seeds, strict=True):
            self.generators[row] = np.random.default_rng(seed)

    def draws(self, rows: Sequence[int] | Array) -> RowDraws:
        """Draws from the generators of some rows."""
        return RowDraws([self.generators[row] for row in rows], self.dtype)

    def begin(self, rows: Array) -> None:
        """Start the per-step numbers of some rows afresh, with the present slot as their first."""
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
        return self._normals[:, self._slot]

    @property
    def uniform(self) -> Array:
        """This step's uniform numbers, (rows, uniforms); a view."""
        return self._uniforms[:, self._slot]

    def _refill(self, rows: Array) -> None:
        """Draw a block for each of `rows`, all of which begin theirs at the present slot."""
        slot, dtype = self._slot, self.dtype
        for row in rows.tolist():
            generator = self.generators[row]
            if self._normals.shape[2]:
                ring = self._normals[row]
                generator.standard_normal(out=ring[slot:], dtype=dtype)
                if slot:
                    generator.standard_normal(out=ring[:slot], dtype=dtype)
            if self._uniforms.shape[2]:
                ring = self._uniforms[row]
                generator.random(out=ring[slot:], dtype=dtype)
                if slot:
                    generator.random(out=ring[:slot], dtype=dtype)


def fresh_seeds(count: int) -> list[int]:
    """Seeds from the operating system's entropy."""
    return np.random.SeedSequence().generate_state(count, np.uint64).tolist()
