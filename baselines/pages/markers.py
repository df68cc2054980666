"""Places between markers, which what is generated takes in a page that is written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from landscape_gym.files import write_whole

BEGIN, END = "<!-- {}:begin -->", "<!-- {}:end -->"


def marker_names(text: str) -> list[str]:
    """Names of the places that begin in a page, in their order.

    Example:
        >>> marker_names("<!-- costs:begin -->")
        ['costs']
    """
    return re.findall(f"^{BEGIN.format('(.+)')}$", text, re.MULTILINE)


def between_markers(text: str, content: str, name: str) -> str:
    """The text with the content between the markers of that name.

    Raises:
        ValueError: if the markers are missing, repeated or the wrong way round.
    """
    begin, end = BEGIN.format(name), END.format(name)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed) or text.count(begin) + text.count(end) != 2:
        raise ValueError(f"write {begin} and then {end}, once, a line each, around the table.")
    return f"{before}{begin}\n{content}\n{end}{after}"


def write_between_markers(
    page: Path, contents: Mapping[str, str], *, check_only: bool = False
) -> None:
    """Put contents into a page, or only see that they have their places, before minutes are spent.

    Args:
        page: The page.
        contents: By the name of their markers.
        check_only: Whether to leave the page as it is.

    Raises:
        ValueError: if a content has no place, naming the page and the markers.
        OSError: if the page cannot be read or written.
    """
    text = page.read_text()
    for name, content in contents.items():
        try:
            text = between_markers(text, content, name)
        except ValueError as error:
            raise ValueError(f"{page.name}: {error}") from error
    if not check_only:
        write_whole(page, text)
