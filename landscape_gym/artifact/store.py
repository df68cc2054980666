"""Save a learned rule, load one, by path or by name; whatever is wrong is an `ArtifactError`."""

from __future__ import annotations

import os
import stat
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from landscape_gym.artifact.bounds import MAX_BYTES
from landscape_gym.artifact.encoding import decoded, encoded
from landscape_gym.configuration import plain, unknown
from landscape_gym.files import write_whole
from landscape_gym.learned import LearnedRule
from landscape_gym.names import LEARNED_SUFFIX, learned_library, learned_rules

SUFFIX = LEARNED_SUFFIX


class ArtifactError(ValueError):
    """A file or a name that gives no learned rule: which, what was found, what is accepted."""


def save_rule(rule: LearnedRule, path: str | os.PathLike[str]) -> None:
    """Write a learned rule to a file, whole or not at all; the same rule gives the same bytes.

    Raises:
        ValueError: if the path does not end in ``.safetensors``.
        ArtifactError: for a rule that could not be loaded again.

    Example:
        >>> import tempfile
        >>> from landscape_gym.actions import Velocity
        >>> from landscape_gym.learned import Dense, Network
        >>> from landscape_gym.observation import ObservationConfig
        >>> descent = Network((Dense(np.array([[-0.1]]), np.zeros(1)),))
        >>> scaling = {"mean": np.zeros(1), "std": np.ones(1)}
        >>> seen = ObservationConfig(("gradient",))
        >>> rule = LearnedRule(seen, Velocity(), descent, **scaling, per_coordinate=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_rule(rule, f"{folder}/descent.safetensors")
        ...     load_rule(f"{folder}/descent.safetensors").predict(np.array([[1.0, 2.0]]))[0]
        array([[-0.1, -0.2]])
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise ValueError(f"a learned rule's file ends in {SUFFIX}, by which it is found: {path}.")
    try:
        data = encoded(rule)
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"this rule cannot be saved: {error}") from error
    again = _checked(data, "what this rule would be saved as")
    for field in ("observation", "action", "believes", "about"):
        given, read = getattr(rule, field), getattr(again, field)
        if (plain(given) if field == "about" else given) != read:
            raise ArtifactError(
                f"this rule cannot be saved: its {field} {given!r} would be read as {read!r}. Use "
                "the library's own classes, and texts as keys."
            )
    write_whole(path, data)


def load_rule(name_or_path: str | os.PathLike[str]) -> LearnedRule:
    """A learned rule, from a file or shipped with the library; nothing in the file is executed.

    Args:
        name_or_path: A name in `shipped_rules`; or a path, which contains a slash or ends in
            ``.safetensors``.

    Raises:
        ArtifactError: for an unknown name, naming the nearest; and for a file that is damaged, no
            learned rule, or beyond the bounds of this module.
    """
    name = os.fspath(name_or_path)
    is_path = not isinstance(name_or_path, str) or name.endswith(SUFFIX)
    if is_path or any(separator in name for separator in "/\\"):
        try:
            data = _contents(name)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ArtifactError(
                f"{name!r} cannot be read: {reason}. Give the path of a file that save_rule wrote, "
                f"of at most {MAX_BYTES} bytes."
            ) from error
    elif name in shipped_rules():  # compared, never joined to a path: no name leads elsewhere
        data = _library().joinpath(name + SUFFIX).read_bytes()
    else:
        raise ArtifactError(
            f"{unknown('the learned rule', name, shipped_rules())} A file is named by a path with "
            f"a slash, or ending in {SUFFIX}."
        )
    return _checked(data, repr(name))


def shipped_rules() -> tuple[str, ...]:
    """Names of the learned rules that come with the library."""
    return learned_rules(_library())


def _library() -> Traversable:
    return learned_library()


def _contents(path: str) -> bytes:
    """All bytes of a regular file, read once: what happens to the file later changes nothing."""
    # Without waiting, which opening a pipe would do.
    without_waiting = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | without_waiting)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"it has {status.st_size} bytes")
        return file.read(status.st_size)


def _checked(data: bytes, source: str) -> LearnedRule:
    """A rule from the bytes of a file, or ArtifactError whatever is wrong with them."""
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return decoded(data)
    except ArithmeticError as error:
        reason = ValueError(f"its numbers cannot be computed with: {error}.")
    except (ValueError, TypeError, LookupError, RecursionError, SafetensorError, Warning) as error:
        reason = error
    said = " ".join(str(reason).split())
    raise ArtifactError(
        f"{source} is refused: {said if len(said) <= 600 else said[:600] + ' ..'} Accepted is what "
        "landscape_gym.artifact.save_rule writes: save the rule again, or fetch the file again."
    ) from reason
