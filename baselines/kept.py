"""Results that a benchmark keeps in a JSON file, to go on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def kept(path: Path) -> dict[str, Any]:
    """What the file holds; nothing if there is none.

    Raises:
        ValueError: if the file is damaged.
        OSError: if it cannot be read.
    """
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): move it away, or put it back.") from error
