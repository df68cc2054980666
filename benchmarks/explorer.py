"""How long the explorer takes to answer a slider: ``python -m benchmarks.explorer``.

Of the first answer, on one thread, with nothing remembered from before; rules that it leaves come
in the second. It is to take less than 0.3 s. The whole is what both take together.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from landscape_gym.extras import needed_by, require
from landscape_gym.program import program

with needed_by(__name__):
    require(["dash", "plotly"])

    import torch
    from plotly.io.json import to_json_plotly

    from baselines.pages import markdown
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import count, one_of
    from landscape_gym.explorer.answer import answer, forget
    from landscape_gym.explorer.page import SECONDS, drawn
    from landscape_gym.explorer.setting import SHOWN, STEPS, Setting, fixed

PROG = "python -m benchmarks.explorer"
HEAD = ("regime", "moves", "first answer, s (median, most)", "rules left", "the whole, s")


@dataclass(frozen=True)
class Options:
    """Time the explorer's answers."""

    regimes: tuple[str, ...] = ()
    """Which of them, by name; all if none is named."""
    rounds: int = 3
    """How often each slider is moved."""

    def __post_init__(self) -> None:
        for name in self.regimes:
            one_of("regime", name, SHOWN)
        count("--rounds", self.rounds)


@program(PROG, "Nothing was written.")
def main(words: Sequence[str] | None = None) -> None:
    options = parsed(Options, words, prog=PROG, description=__doc__)
    torch.set_num_threads(1)
    for regime in SHOWN:
        _response(Setting.of(regime), float("inf"))  # whatever is imported late, is by now
    rows = [_row(regime, options.rounds) for regime in options.regimes or SHOWN]
    print(markdown(HEAD, rows))


def _row(regime: str, rounds: int) -> tuple[str, ...]:
    firsts, wholes, left = [], [], 0
    for setting in _moves(regime):
        for _ in range(rounds):
            forget()
            seconds, leaves = _response(setting, SECONDS)
            firsts.append(seconds)
            left = max(left, leaves)
            forget()
            wholes.append(_response(setting, float("inf"))[0])
    return (
        regime,
        str(len(firsts)),
        f"{median(firsts):.2f}, {max(firsts):.2f}",
        str(left),
        f"{median(wholes):.2f}",
    )


def _moves(regime: str) -> Iterator[Setting]:
    """Each slider moved by one from where it stands."""
    setting = Setting.of(regime)
    for name, steps in STEPS.items():
        if name not in fixed(regime):
            at = steps.index(getattr(setting, name))
            yield replace(setting, **{name: steps[at + 1 if at + 1 < len(steps) else at - 1]})


def _response(setting: Setting, seconds: float) -> tuple[float, int]:
    """Processor time of an answer as it is sent, and how many rules it leaves."""
    begun = time.process_time()
    rules = SHOWN[setting.regime]
    found = answer(setting, rules, seconds)
    to_json_plotly(drawn(found, rules, 0))
    return time.process_time() - begun, len(found.left)


if __name__ == "__main__":
    sys.exit(main())
