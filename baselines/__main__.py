"""Compare learning rules, derived and tuned, with what bounds them: ``python -m baselines``.

``python -m baselines sweep`` evaluates cell by cell, on several processes or a cluster;
``python -m baselines record`` writes a policy's trajectories as a data set.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from landscape_gym.extras import needed_by, require
from landscape_gym.program import program

with needed_by(__name__):
    require(["tyro", "rich", "matplotlib", "threadpoolctl"])

    from baselines.options import Options
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import one_of

PROG = "python -m baselines"
COMMANDS = ("sweep", "record")
"""Other commands than the comparison, by the first word: packages with options and a command."""


@program("baselines", "Nothing was written.")
def main(words: Sequence[str] | None = None) -> int:
    """The command that the first word names, or the comparison; the exit status.

    What computes is imported when the words are known to be good: it takes seconds.
    """
    first, *others = (sys.argv[1:] if words is None else words) or [""]
    if not first or first.startswith("-"):
        everything = [first, *others] if first else []
        options = parsed(Options, everything, prog=PROG, description=__doc__, commands=COMMANDS)
        require_data(options.packages, "--regime")
        import_module("baselines.comparison").main(options)
        return 0
    package = f"baselines.{one_of('command', first, COMMANDS)}"
    asked: Any = import_module(f"{package}.options").Options
    options = parsed(asked, others, prog=f"{PROG} {first}")
    require_data(options.packages, "--regime" if first == "record" else "--regimes")
    return import_module(f"{package}.command").main(options)


def require_data(packages: Mapping[str, Sequence[str]], option: str) -> None:
    """See that the data of regimes are installed.

    Args:
        packages: By regime, what its data come with.
        option: By which others are named.

    Raises:
        ModuleNotFoundError: naming the command that installs what is missing, and the regimes.
    """
    needy = [regime for regime, names in packages.items() if names]
    names = [name for regime in needy for name in packages[regime]]
    require(names, f"For the data of {', '.join(needy)}; or name other regimes with {option}.")


if __name__ == "__main__":
    sys.exit(main())
