"""Results of an experiment that are kept, to go on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from baselines.files import read_json
from baselines.pages import revision
from landscape_gym.files import write_whole


def results_at(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """What the file holds, with settings and the revision that began it.

    Raises:
        ValueError: if the results are those of other settings, or the file is damaged.
    """
    results = read_json(path)
    if results.setdefault("settings", settings) != settings:
        raise ValueError(f"{path} holds results of other settings: move it away.")
    results.setdefault("revision", revision())
    return results


def keep(results: dict[str, Any], path: Path) -> None:
    """Write them whole, or not at all."""
    write_whole(path, json.dumps(results, indent=1) + "\n")
