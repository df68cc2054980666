"""``landscape-gym list``: what there is to train on, to compare, and to play with, by name."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import tyro

from landscape_gym.command_line import named
from landscape_gym.configuration import one_of
from landscape_gym.names import RULES, learned_rules
from landscape_gym.registration import ALL

KINDS = ("regimes", "rules", "learned")
WIDTH = 100
"""Columns of what is printed."""


@dataclass(frozen=True)
class Options:
    """List regimes, rules that are derived, and rules that agents have learned."""

    what: tyro.conf.Positional[Annotated[tuple[str, ...], named(KINDS)]] = ()
    """Which of them; all if none is named."""

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            ValueError: for one that is not known.
        """
        for name in self.what:
            one_of("list", name, KINDS)


def main(options: Options) -> None:
    """Print the lists."""
    print("\n\n".join(listing(kind) for kind in options.what or KINDS))


def listing(kind: str) -> str:
    """One list as text.

    Args:
        kind: One of `KINDS`.

    Example:
        >>> print(listing("regimes").splitlines()[0])
        Regimes, and what each is there to show:
    """
    if kind == "regimes":
        head = "Regimes, and what each is there to show:"
        return f"{head}\n{_sentences({name: regime.sentence for name, regime in ALL.items()})}"
    if kind == "rules":
        return f"Rules, whose constants are derived from a problem:\n{_names(RULES)}"
    return f"Rules that agents have learned, for load_rule(NAME):\n{_names(learned_rules())}"


def _sentences(said: Mapping[str, str]) -> str:
    """A line for each name, behind which its sentence goes on below itself."""
    indent = max(map(len, said)) + 4
    return "\n".join(
        textwrap.fill(
            sentence,
            WIDTH,
            initial_indent=f"  {name}".ljust(indent),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
        )
        for name, sentence in said.items()
    )


def _names(names: Iterable[str]) -> str:
    return textwrap.fill(
        ", ".join(names),
        WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
