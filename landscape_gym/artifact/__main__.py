"""The command line of learned rules' files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import tyro

    from landscape_gym.artifact.store import ArtifactError, load_rule, shipped_rules
    from landscape_gym.command_line import named, parsed
    from landscape_gym.configuration import one_of, plain
    from landscape_gym.learned import LearnedRule

PROG = "python -m landscape_gym.artifact"
TASKS = ("show", "check")


@dataclass(frozen=True)
class Options:
    """Learned rules as files."""

    do: tyro.conf.Positional[Annotated[str, named(TASKS)]]
    """Say what a rule is, or whether it is sound."""
    rule: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="FILE_OR_NAME")]]
    """A path, or the name of a rule that comes with the library."""

    def __post_init__(self) -> None:
        """Check what is to be done.

        Raises:
            ValueError: if it is neither.
        """
        one_of("task", self.do, TASKS)


@program(PROG, "Nothing was written.")
def main(words: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    description = f"Learned rules as files. Shipped: {', '.join(shipped_rules()) or 'none'}."
    options = parsed(Options, words, prog=PROG, description=description)
    try:
        rule = load_rule(options.rule)
    except ArtifactError as error:
        print(error, file=sys.stderr)
        return 1
    print(describe(rule) if options.do == "show" else f"{options.rule!r} is sound.")
    return 0


def describe(rule: LearnedRule) -> str:
    """What a rule sees, does and is, and where it comes from, in lines of ASCII."""
    network = rule.network
    widths = [network.inputs, *(len(layer.bias) for layer in network.layers)]
    memory = "" if network.cell is None else f", behind an LSTM cell of {network.cell.size}"
    squashed = ", squashed by tanh" if network.squashed else ""
    scope = {"features": "one row per coordinate" if rule.per_coordinate else "the observation"}
    if rule.framed:
        frame = "of the likeliest Hessian" if rule.believes else "of gradients"
        unit = ", in units of the first" if rule.relative else ""
        scope = {"features": f"one row per axis of the frame {frame}{unit}; weighs vectors"}
    elif rule.believes is not None:
        scope = {"features": "parameters minus where a Kalman filter believes the target"}
    if rule.believes is not None:
        scope["believes"] = rule.believes.to_json()
    lines = {
        "channels": ", ".join(rule.observation.channels),
        "observation": json.dumps(plain(rule.observation)),
        "action": json.dumps(plain(rule.action)),
        **scope,
        "network": f"{' -> '.join(map(str, widths))}, {network.activation}{squashed}{memory}",
        "about": json.dumps(plain(rule.about), indent=2),
    }
    return "\n".join(f"{name + ':':<13}{text}" for name, text in lines.items())


if __name__ == "__main__":
    sys.exit(main())
