"""The words of a command line as a dataclass, by tyro; whatever is wrong with them is one line.

A command's options are a dataclass whose fields have a string under them: ``--help`` is made of
those. What tyro says of wrong words, in a box of several lines, becomes a `ValueError`, which
`landscape_gym.program` prints.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import fields
from itertools import zip_longest
from typing import Any, TypeVar, cast, get_type_hints

import tyro

from landscape_gym.configuration import one_of, unknown

T = TypeVar("T")

DECORATION = re.compile("\x1b\\[[0-9;]*m|[│╭╮╰╯]")
"""Colours, and the sides of a box where the screen has such characters."""
RULER = re.compile("[─-]{20,}")
UNRECOGNIZED = "Unrecognized options: "
"""Before the words that tyro can make nothing of."""


def named(names: Iterable[str]) -> Any:
    """An option that takes one of some names, for ``Annotated``: ``--help`` has them all.

    They are checked where they are used, which says what is nearest to a name that is not known.
    """
    return tyro.conf.arg(metavar=f"{{{','.join(names)}}}")


def parsed(
    options: type[T],
    words: Sequence[str] | None,
    *,
    prog: str,
    description: str | None = None,
    commands: Iterable[str] = (),
) -> T:
    """What the words of a command line ask for.

    Args:
        options: A dataclass, each field an option; `tyro.conf.Positional` has no name to be typed.
        words: Behind the command's name; None takes those that the program was called with.
        prog: The command as it is typed.
        description: Above the options in ``--help``; None takes the class's docstring.
        commands: Other commands, which are in the usage line, and have to be the first word.

    Raises:
        ValueError: for words that are not accepted: what was given, what is accepted, and the
            nearest; and what the dataclass raises itself.
        SystemExit: with status 0 after ``--help``.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Options:
        ...     seed: int = 0
        >>> parsed(Options, ["--seed", "3"], prog="example")
        Options(seed=3)
        >>> parsed(Options, ["--sed", "3"], prog="example")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: option '--sed' is not known; accepted: '--help', '--seed'. Did you mean ...
    """
    commands = tuple(commands)
    usage = f"{prog} [{' | '.join(commands)}]" if commands else prog
    box = io.StringIO()
    try:
        with redirect_stderr(box):
            return tyro.cli(options, prog=usage, description=description, args=words)
    except SystemExit as stopped:
        if not stopped.code:
            raise
        if type(stopped.__context__) is ValueError:  # the dataclass's own, which says it all
            raise ValueError(str(stopped.__context__)) from None
    said = _said(box.getvalue())
    _, found, words = said.partition(UNRECOGNIZED)
    if found:
        raise ValueError(_unrecognized(words, options, prog, commands))
    raise ValueError(f"{said}. {prog} --help says more.")


def misspelt(
    words: Sequence[str], accepted: Mapping[str, Iterable[str] | None]
) -> dict[str, str | None]:
    """See that options, and the names that they take, are known: for commands that parse later.

    Args:
        words: As of `parsed`.
        accepted: By option, the names that it takes; None where anything goes.

    Returns:
        What is given, by option.

    Raises:
        ValueError: for an option or a name that is not accepted, with the nearest.

    Example:
        >>> misspelt(["--seed", "3"], {"--seed": None, "--kind": ("a", "b")})
        {'--seed': '3'}
    """
    found: dict[str, str | None] = {}
    for word, following in zip_longest(words, words[1:]):
        if not word.startswith("--"):
            continue
        option, with_value, value = word.partition("=")
        option = option.replace("_", "-")
        if option not in accepted:
            raise ValueError(unknown("option", option, accepted))
        found[option] = value if with_value else following
        names, given = accepted[option], found[option]
        if names is not None and given is not None:
            one_of(option.removeprefix("--"), given, names)
    return found


def accepted_options(options: type) -> list[str]:
    """The options of a dataclass, as they are typed."""
    hints = get_type_hints(options, include_extras=True)
    found = ["--help"]
    for field in fields(cast(Any, options)):
        hint = hints[field.name]
        if any(repr(mark) == "Positional" for mark in getattr(hint, "__metadata__", ())):
            continue
        name = field.name.replace("_", "-")
        found += [f"--{name}", f"--no-{name}"] if hint is bool else [f"--{name}"]
    return found


def _said(box: str) -> str:
    """What tyro says in a box: what is wrong, and about which option, without title and footer."""
    lines = DECORATION.sub("", box).splitlines()[1:]
    parts = (" ".join(part.split()) for part in RULER.split("\n".join(lines)))
    told = [part.rstrip(".") for part in parts if part and not part.startswith("For full helptext")]
    return "; ".join(told)


def _unrecognized(said: str, options: type, prog: str, commands: Sequence[str]) -> str:
    """What to do about words that are neither options nor their values."""
    words = said.partition(";")[0].replace(",", " ").split()
    for word in words:
        if word in commands:
            return f"{word!r} is a command, and comes first: {prog} {word} --help."
        if word.startswith("-"):
            return unknown("option", word.partition("=")[0], accepted_options(options))
    return (
        f"{' '.join(words)!r} belongs to no option; accepted: "
        f"{', '.join([*commands, *accepted_options(options)])}."
    )
