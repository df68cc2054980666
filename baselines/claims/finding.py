"""Claims checked one after the other, and how what was found reads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from baselines.claims.evidence import Check, Claim, Effort
from landscape_gym.rendering.canvas import DPI
from landscape_gym.rendering.png import encode

COLOURS = 256
"""Of a picture's palette, which quarters its size."""


@dataclass(frozen=True)
class Finding:
    """What became of a claim."""

    claim: Claim
    checks: tuple[Check, ...]
    picture: bytes | None
    """As a PNG file; None if the claim was skipped."""
    skipped: str | None
    """Why it was skipped, as a sentence."""
    seconds: float

    @property
    def red(self) -> bool:
        """Whether a check failed."""
        return not all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.skipped is not None:
            return "skipped"
        return "does not hold" if self.red else "holds"


def check_claims(claims: Iterable[Claim], effort: Effort) -> Iterator[Finding]:
    """Check claims; one whose data are not installed is skipped."""
    for claim in claims:
        began = time.monotonic()
        try:
            evidence = claim.evidence(effort)
            picture = encode(evidence.draw(), dpi=DPI, colours=COLOURS, rare=True)
        except ModuleNotFoundError as error:
            why = f"It needs {error.name}: pip install 'landscape-gym[data]'."
            yield Finding(claim, (), None, why, time.monotonic() - began)
        else:
            yield Finding(claim, evidence.checks, picture, None, time.monotonic() - began)


def cells(check: Check) -> tuple[str, ...]:
    """A check as the cells of a table: what, three values, what is asked of them."""
    values = (check.closed, check.solver, check.simulated)
    return (check.what, *map(number, values), check.criterion)


def number(value: float | None) -> str:
    """Six digits; nothing if there is no value.

    Example:
        >>> number(1 / 3), number(1.234e-16), number(None)
        ('0.333333', '1.2e-16', '')
    """
    if value is None:
        return ""
    return f"{value:.1e}" if 0 < abs(value) < 1e-6 else f"{value:.6g}"


HEAD = ("", "what", "closed form", "solver", "simulation", "asked")
"""Of the tables."""
