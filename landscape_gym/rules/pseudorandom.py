"""Random numbers for rules, by arithmetic alone: rules are functions, and keep no generator.

Wichmann and Hill's generator ("Algorithm AS 183", 1982): three small linear congruences, whose
numbers stay below 2^24. So it is exact in float32 too, and NumPy and torch draw the same.
"""

from __future__ import annotations

from typing import Any

_FACTORS = (171, 172, 170)
_MODULI = (30269, 30307, 30323)

Stream = tuple[Any, Any, Any]
"""The three whole numbers of each element's generator, as floats."""


def stream(first: Any, second: Any, seed: int) -> Stream:
    """A generator for each element, seeded by what two arrays hold there and by its position.

    Rows that see different things draw different numbers, and a row draws the same in any batch.
    """
    position = (0.0 * first + 1.0).cumsum(-1) + seed
    seeds = (abs(first) * 1e5 + position, abs(second) * 1e5 + position, position * 97)
    x, y, z = (
        1 + (value // 1) % (modulus - 1) for value, modulus in zip(seeds, _MODULI, strict=True)
    )
    return x, y, z


def draw(state: Stream) -> tuple[Any, Stream]:
    """Numbers of mean 0 and variance 1, uniform in between, and the stream after them."""
    x, y, z = (
        (factor * value) % modulus
        for factor, value, modulus in zip(_FACTORS, state, _MODULI, strict=True)
    )
    uniform = (x / _MODULI[0] + y / _MODULI[1] + z / _MODULI[2]) % 1.0
    return (uniform - 0.5) * 12**0.5, (x, y, z)
