"""Everything by one command: ``landscape-gym``, or ``python -m landscape_gym``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import tyro

    from landscape_gym.checkout import command_of_the_checkout
    from landscape_gym.command_line import named, parsed
    from landscape_gym.configuration import one_of

PROG = "landscape-gym"
OWN = {
    "list": "landscape_gym.listing",
    "report": "landscape_gym.report.command",
    "explore": "landscape_gym.explorer.command",
}
"""The library's own commands: modules with options and a function of them."""
OF_THE_CHECKOUT = {
    "train": "train_agent",
    "compare": "baselines.__main__",
    "claims": "baselines.claims.__main__",
}
"""Commands that take their words themselves."""
COMMANDS = ("list", "train", "compare", "report", "claims", "explore")
"""In the order in which one meets them."""


@dataclass(frozen=True)
class Options:
    """Learning rules as policies: see what there is, train, compare, report, explore.

    list: regimes and rules by name. train: an agent learns a rule on a regime. compare: derived,
    tuned and learned rules beside the optimum. report: a page about finished runs. claims: the
    paper's, as numbers and pictures. explore: a page to play with. Training, comparing and claims
    need a checkout.
    """

    command: tyro.conf.Positional[Annotated[str, named(COMMANDS)]]
    """What to do; --help behind it says more."""

    def __post_init__(self) -> None:
        """Check the command.

        Raises:
            ValueError: if it is not known.
        """
        one_of("command", self.command, COMMANDS)


@program(PROG, "Nothing was written.")
def main(words: Sequence[str] | None = None) -> int | None:
    """The command line; the exit status."""
    first, *others = (sys.argv[1:] if words is None else words) or [""]
    if first not in COMMANDS:
        first = parsed(Options, [first] if first else [], prog=PROG).command
    if first in OF_THE_CHECKOUT:
        return command_of_the_checkout(first, OF_THE_CHECKOUT[first]).main(others)
    with needed_by(__name__):
        module: Any = import_module(OWN[first])
    return module.main(parsed(module.Options, others, prog=f"{PROG} {first}"))


if __name__ == "__main__":
    sys.exit(main())
