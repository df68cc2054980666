"""Figures as PNG files, with nothing in them that changes from run to run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from landscape_gym.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110
"""Pixels to an inch, unless more is said."""


def save(
    figure: Figure,
    path: Path,
    title: str | None = None,
    *,
    dpi: int = DPI,
    colours: int | None = None,
    rare: bool = False,
) -> Path:
    """Write a figure, whole or not at all.

    Args:
        figure: What is drawn.
        path: The file.
        title: Above all panels.
        dpi: Pixels to an inch.
        colours: As of `encode`.
        rare: As of `encode`.

    Returns:
        The file.
    """
    if title:
        figure.suptitle(title, fontsize="medium")
    write_whole(path, encode(figure, dpi=dpi, colours=colours, rare=rare))
    return path


def encode(
    figure: Figure, *, dpi: int = DPI, colours: int | None = None, rare: bool = False
) -> bytes:
    """A figure as the bytes of a PNG file.

    Args:
        figure: What is drawn.
        dpi: Pixels to an inch.
        colours: Of the palette that the file is reduced to, a quarter to a half as large; None
            keeps all.
        rare: Whether that palette covers colours that few pixels have (maximum coverage), or serves
            the most pixels (median cut).
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, metadata={"Software": None})
    if colours is None:
        return drawn.getvalue()
    from PIL import Image  # matplotlib brings it

    small, method = io.BytesIO(), Image.Quantize.MAXCOVERAGE if rare else Image.Quantize.MEDIANCUT
    image = Image.open(drawn).convert("RGB").quantize(colours, method)
    image.save(small, format="png", optimize=True)
    return small.getvalue()
