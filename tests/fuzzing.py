"""Many trials at random, one after another: what was seen, and what was wrong."""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Protocol


class Trial(Protocol):
    """Something at random and what is done with it."""

    seen: Counter[str]
    """What was seen how often; of it "steps" are what trials are measured by."""
    last: Any
    """What was given last."""

    def run(self) -> None:
        """Do all of it; whatever is raised was wrong."""


TrialOf = Callable[[int, int], Trial]
"""From a seed and a turn."""


def search(
    trial_of: TrialOf, steps: int, seed: int, first: int = 0, *, expected: Sequence[str] = ()
) -> tuple[Counter[str], dict[int, str]]:
    """Go through trials until so many steps are taken; warnings are wrong, too.

    Args:
        trial_of: Makes them.
        steps: How many.
        seed: Of all of them.
        first: The turn to begin with.
        expected: Words of warnings that are right.

    Returns:
        What was seen how often, and what was wrong, by turn.
    """
    seen: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of numpy, that something overflows, say
        for words in expected:
            warnings.filterwarnings("ignore", message=f".*{words}")
        for turn in count(first):
            if seen["steps"] >= steps:
                return seen, wrong
            trial = trial_of(seed, turn)
            try:
                trial.run()
            except Exception as error:
                wrong[turn] = f"{type(error).__name__}: {error}, given {trial.last!r:.300}"
            seen += trial.seen
            seen["trials"] += 1
    raise AssertionError


def program(
    trial_of: TrialOf, what: str | None, steps: int, *, expected: Sequence[str] = ()
) -> int:
    """Parse the command line, search, and print what was wrong; 1 if anything was.

    Args:
        trial_of: As of `search`.
        what: The program's description.
        steps: By default.
        expected: As of `search`.
    """
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turn", type=int, default=0, help="to begin with: one that was wrong")
    options = parser.parse_args()
    seen, wrong = search(trial_of, options.steps, options.seed, options.turn, expected=expected)
    for turn, line in wrong.items():
        print(f"turn {turn}: {line}")
    print(", ".join(f"{number} {name}" for name, number in seen.items()), f"; {len(wrong)} wrong")
    return int(bool(wrong))
