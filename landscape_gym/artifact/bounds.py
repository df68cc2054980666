"""What a learned rule's file may be at the most, and checks of the JSON in it.

The bounds keep time and memory small, and activations from overflowing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from landscape_gym.configuration import count

MAX_BYTES = 64 * 2**20
"""Of a file."""
MAX_HEADER = 2**20
"""Bytes of the header, and so of all JSON in it."""
MAX_DEPTH = 32
"""Of JSON within JSON."""
MAX_TEXT = 10_000
"""Characters of a text in JSON."""
MAX_DIGITS = 40
"""Of an integer in JSON."""
MAX_LAYERS = 16
MAX_WIDTH = 16_384
"""Of a layer, a cell, or the inputs."""
MAX_NUMBER = 1e12
"""Magnitude of anything that is computed with, and of 1 / std."""
MAX_REACH = 1e30
"""What inputs within the clip may grow to in a network: float32 ends at 3e38."""
MAX_DIM = 1_000
"""Of a believed problem that is solved in closed form."""
MAX_COUPLED = 10
"""Coordinates and controls of one that is not."""
MAX_COUPLED_HORIZON = 500
"""Steps of the finite horizon of one of those, where each row may have a Hessian of its own."""
MAX_STEPS = 3_000
"""Of value iteration for one of those without horizon; most need none. They take about half a
second."""
MAX_HORIZON = 2_000
"""Steps of a believed problem's finite horizon: there are gains for each."""

BOOLEANS = {
    "per_coordinate",
    "framed",
    "relative",
    "squashed",
    "scaled",
    "rotated",
    "signalled",
    "regular",
    "exact_loss",
}
WORDS = {"format", "kind", "channels", "activation"}
DTYPES = {"F32": 4, "F64": 8}
"""Bytes of a number, by safetensors' names."""


def strict_json(text: str, what: str) -> Any:
    """JSON as the standard has it: no NaN, no key twice, nothing longer or deeper than the bounds.

    Raises:
        ValueError: saying what it is instead.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            raise ValueError(f"its {what} has a key twice.")
        return made

    def integer(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise ValueError(f"its {what} has an integer of {len(digits)} digits.")
        return int(digits)

    def decimal(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            raise ValueError(f"its {what} has a number that is not finite: {digits[:40]}.")
        return value

    try:
        value = json.loads(
            text,
            object_pairs_hook=unique,
            parse_int=integer,
            parse_float=decimal,
            parse_constant=decimal,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"its {what} is no JSON: {error}.") from error
    except RecursionError as error:
        raise ValueError(f"its {what} is deeper than {MAX_DEPTH}.") from error
    _check_extent(value, what, MAX_DEPTH)
    return value


def _check_extent(value: Any, what: str, depth: int) -> None:
    """Refuse JSON that is too deep, or texts that are too long; the text `rule` is JSON itself."""
    if isinstance(value, dict | list):
        if depth == 0:
            raise ValueError(f"its {what} is deeper than {MAX_DEPTH}.")
        if isinstance(value, dict):
            _check_extent(list(value), what, depth)
            value = [item for name, item in value.items() if (what, name) != ("header", "rule")]
        for item in value:
            _check_extent(item, what, depth - 1)
    elif isinstance(value, str) and len(value) > MAX_TEXT:
        raise ValueError(f"its {what} has a text of {len(value)} characters; most is {MAX_TEXT}.")


def check_types(name: str, value: Any) -> None:
    """Refuse what constructors would take for something else: 1 for true, a text for a number."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_types(key, item)
    elif isinstance(value, list):
        for item in value:
            if name in WORDS and not isinstance(item, str):
                raise ValueError(f"{name!r} has texts only; got {item!r}.")
            check_types(name, item)
    elif isinstance(value, bool) != (name in BOOLEANS):
        wanted = "is true or false" if name in BOOLEANS else "is neither true nor false"
        raise ValueError(f"{name!r} {wanted}; got {value!r}.")
    elif isinstance(value, str) and name not in WORDS:
        raise ValueError(f"{name!r} is no text; got {value!r}.")
    elif isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        raise ValueError(f"{name!r} is at most {MAX_NUMBER:g} in magnitude; got {value!r}.")


def check_names(what: str, given: Mapping[str, Any], accepted: Sequence[str]) -> None:
    """Refuse missing and superfluous names."""
    missing = [name for name in accepted if name not in given]
    superfluous = [name for name in given if name not in accepted]
    wrong = [f"{missing} missing"] * bool(missing) + [f"{superfluous} superfluous"] * bool(
        superfluous
    )
    if wrong:
        raise ValueError(f"its {what} are not those of a learned rule: {', '.join(wrong)}.")


def bounded(what: str, given: Any, most: int) -> int:
    """A count from 1 to the most that is accepted."""
    if count(what, given) > most:
        raise ValueError(f"{what} must be at most {most}, got {given}.")
    return given
