"""Random numbers from a counter: a row's seed decides its episode, on every device and in a batch.

A generator with a state draws one number after another. A counter-based one is a function: the
numbers of row i at step t are made of i's seed and of t, whatever other rows do and wherever they
are computed. Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) is
the one that torch has on GPUs; here it is written once, for NumPy arrays and torch tensors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape_gym.arrays import Array, namespace
from landscape_gym.fusing import Fused

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
"""What the key's halves grow by in a round."""
WORD = 0xFFFFFFFF
BLOCK_STEPS = 128
"""For how many steps numbers are made at once, at the most."""
BLOCK_NUMBERS = {"cpu": 2**16}
"""About how many numbers are made at once, over all rows: on a CPU, what its cache holds."""
MOST_NUMBERS = 2**22
"""The same on other devices."""
SAMPLE, NORMAL, UNIFORM = range(3)
"""What numbers are for: each has a sequence of its own."""


def philox(counter: tuple[Array, ...], key: tuple[Array, Array]) -> tuple[Array, ...]:
    """Philox 4x32-10: four random words of 32 bits for each counter of four, under keys of two.

    Args:
        counter: Four arrays of int64 that hold 32 bits each, and broadcast.
        key: Two of them.

    Example:
        >>> zero = np.zeros(1, np.int64)
        >>> [f"{word[0]:08x}" for word in philox((zero,) * 4, (zero,) * 2)]
        ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    a, b, c, d = counter
    k, l = key
    for _ in range(ROUNDS):
        # Products of 64 bits may come out negative; their bits are right.
        p, q = a * MULTIPLIERS[0], c * MULTIPLIERS[1]
        a, b, c, d = ((q >> 32) & WORD) ^ b ^ k, q & WORD, ((p >> 32) & WORD) ^ d ^ l, p & WORD
        k, l = (k + WEYL[0]) & WORD, (l + WEYL[1]) & WORD
    return a, b, c, d


def uniform(words: Array, dtype: Any) -> Array:
    """Numbers in [0, 1) from words of 32 bits, of which 24 are used, as float32 can tell."""
    return namespace(words).astype(words >> 8, dtype, copy=False) * 2.0**-24


def normal(first: Array, second: Array, dtype: Any) -> tuple[Array, Array]:
    """Two standard normal numbers from two words (Box and Muller, 1958), up to 6.6 in size."""
    xp = namespace(first)
    first, second = (xp.astype(words, dtype, copy=False) for words in (first, second))
    size = xp.sqrt(-2.0 * xp.log((first + 0.5) * 2.0**-32))
    angle = (2.0 * math.pi * 2.0**-32) * second
    return size * xp.cos(angle), size * xp.sin(angle)


def numbers(
    what: int,
    gaussian: bool,
    count: int,
    key: tuple[Array, Array],
    episode: Array,
    time: Array,
    dtype: Any,
) -> Array:
    """So many numbers for each key, episode and time, (..., count).

    Args:
        what: What they are for; each use has a sequence of its own.
        gaussian: Whether they are standard normal, or else uniform.
        count: How many.
        key: Seeds' lower and upper 32 bits, int64, (...).
        episode: Which one of that seed, int64, (...).
        time: Which step of it, int64, (...).
        dtype: Of the library of the keys.
    """
    xp = namespace(time)
    if not count:  # most problems have no use for one of both
        return xp.zeros((*time.shape, 0), dtype=dtype, device=time.device)
    lanes = xp.arange(-(-count // 4), device=time.device) + (what << 28)
    episode, time, lower, upper = (each[..., None] for each in (episode, time, *key))
    words = philox((lanes, time & WORD, episode, (time >> 32) & WORD), (lower, upper))
    if gaussian:
        first, second, third, fourth = words
        made = (*normal(first, second, dtype), *normal(third, fourth, dtype))
    else:
        made = tuple(uniform(word, dtype) for word in words)
    made = xp.stack(made, axis=-1)
    return made.reshape(*made.shape[:-2], -1)[..., :count]


def key_of(seeds: Any) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper 32 bits of seeds, integers >= 0."""
    seeds = np.asarray(seeds, np.uint64)
    return (seeds & np.uint64(WORD)).astype(np.int64), (seeds >> np.uint64(32)).astype(np.int64)


class CounterDraws:
    """Draws for some rows, each by its seed and episode (a `landscapes.base.Draws`)."""

    def __init__(
        self, key: tuple[np.ndarray, np.ndarray], episode: np.ndarray, dtype: np.dtype
    ) -> None:
        self._key, self._episode, self.dtype = key, episode, dtype
        self._calls = 0

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._episode)

    def normal(self, *shape: int) -> np.ndarray:
        """Standard normal numbers, (rows, *shape)."""
        return self._draw(True, shape)

    def uniform(self, *shape: int) -> np.ndarray:
        """Numbers uniform in [0, 1), (rows, *shape)."""
        return self._draw(False, shape)

    def _draw(self, gaussian: bool, shape: tuple[int, ...]) -> np.ndarray:
        time = np.full(self.rows, self._calls)
        self._calls += 1
        count = math.prod(shape)
        drawn = numbers(SAMPLE, gaussian, count, self._key, self._episode, time, np.float64)
        return drawn.reshape(self.rows, *shape).astype(self.dtype)


class CounterStreams:
    """What a simulation on tensors draws: as `landscape_gym.streams.Streams`, from counters.

    Args:
        num_rows: Number of rows, which have the seeds 0, 1, ... until `seed` is called.
        normals: How many normal numbers a row needs each step.
        uniforms: How many uniform numbers.
        dtype: float32 or float64; both draw the same episodes, to their precision.
        device: Where per-step numbers are made. Instances are drawn on the CPU.
        compiled: Whether per-step numbers are made by a fused function (`landscape_gym.fusing`).
    """

    def __init__(
        self,
        num_rows: int,
        normals: int,
        uniforms: int,
        dtype: torch.dtype,
        device: torch.device,
        *,
        compiled: bool = False,
    ) -> None:
        self._counts = {NORMAL: normals, UNIFORM: uniforms}
        self._dtype, self._device = dtype, device
        self._sampled = np.dtype(str(dtype).removeprefix("torch."))
        self._key = key_of(np.arange(num_rows))
        self._episode = np.zeros(num_rows, np.int64)
        self._started = torch.zeros(num_rows, dtype=torch.int64, device=device)
        self._time = 0
        widest = max(normals, uniforms, 1) * num_rows
        most = BLOCK_NUMBERS.get(device.type, MOST_NUMBERS)
        self._length = min(max(most // widest, 1), BLOCK_STEPS)
        self._blocks: dict[int, tuple[Tensor, ...]] = {}
        self._made = Fused(self._numbers) if compiled else self._numbers
        self._first = 0

    def seed(self, rows: Any, seeds: Any) -> None:
        """Give some rows new seeds, and let them begin at their first episode."""
        for own, new in zip(self._key, key_of(seeds), strict=True):
            own[rows] = new
        self._episode[rows] = 0

    def draws(self, rows: np.ndarray) -> CounterDraws:
        """Draws for the next episode, or the next task, of some rows."""
        self._episode[rows] += 1
        key = (self._key[0][rows], self._key[1][rows])
        return CounterDraws(key, self._episode[rows], self._sampled)

    def begin(self, rows: np.ndarray) -> None:
        """Start the per-step numbers of some rows afresh."""
        index = torch.as_tensor(rows, device=self._device)
        self._started = self._started.index_fill(0, index, self._time)
        self._make(self._time)

    def advance(self) -> None:
        """Go to the next step."""
        self._time += 1
        if self._time >= self._first + self._length:
            self._make(self._time)

    @property
    def normal(self) -> Tensor:
        """This step's normal numbers, (rows, normals)."""
        return self._blocks[NORMAL][self._time - self._first]

    @property
    def uniform(self) -> Tensor:
        """This step's uniform numbers, (rows, uniforms)."""
        return self._blocks[UNIFORM][self._time - self._first]

    def _make(self, first: int) -> None:
        """Numbers for some steps from there on, (steps, rows, count)."""
        self._first = first
        steps = torch.arange(self._length, device=self._device)[:, None]
        time = first + steps - self._started
        lower, upper, episode = (
            torch.as_tensor(each, device=self._device)[None] for each in (*self._key, self._episode)
        )
        blocks = self._made(lower, upper, episode, time)
        self._blocks = {
            what: block.unbind() for what, block in zip(self._counts, blocks, strict=True)
        }

    def _numbers(
        self, lower: Tensor, upper: Tensor, episode: Tensor, time: Tensor
    ) -> tuple[Tensor, ...]:
        """Of each kind, the numbers of those keys, episodes and times."""
        return tuple(
            numbers(what, what == NORMAL, count, (lower, upper), episode, time, self._dtype)
            for what, count in self._counts.items()
        )
