"""Learned rules' files, taken apart and put together otherwise."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as safetensors

from landscape_gym.artifact import ArtifactError, load_rule, save_rule
from tests.contracts.test_artifact import RULES, actions

Fields = dict[str, Any]
Arrays = dict[str, np.ndarray]
MEMORY = 32 * 2**20
"""Bytes that reading a bad file may take at most; most of these files have a few thousand."""


def good_files(folder: Path) -> dict[str, bytes]:
    """The bytes of one rule of each kind."""
    path, files = folder / "rule.safetensors", {}
    for kind, rule in RULES.items():
        save_rule(rule, path)
        files[kind] = path.read_bytes()
    return files


def header_of(data: bytes) -> dict[str, Any]:
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def taken_apart(data: bytes) -> tuple[Fields, Arrays]:
    fields = json.loads(header_of(data)["__metadata__"]["rule"])
    return fields, {name: array.copy() for name, array in safetensors.load(data).items()}


def put_together(fields: Fields | str, arrays: Arrays) -> bytes:
    text = fields if isinstance(fields, str) else json.dumps(fields)
    return safetensors.save(arrays, {"rule": text})


def with_header(data: bytes, header: dict[str, Any] | bytes) -> bytes:
    """The same arrays behind another header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = data[8 + int.from_bytes(data[:8], "little") :]
    return len(text).to_bytes(8, "little") + text + body


def set_field(*where: Any, to: Any) -> Callable[[Fields, Arrays], Any]:
    def change(fields: Any, arrays: Arrays) -> None:
        *path, last = where
        for name in path:
            fields = fields[name]
        fields[last] = to

    return change


def outcome(folder: Path, data: bytes, *, telling: bool = False) -> str:
    """Refused, and why if that is to be told, or a rule that acts: nothing else."""
    path = folder / "any.safetensors"
    path.write_bytes(data)
    try:
        rule = load_rule(path)
    except ArtifactError as error:
        return f"refused: {str(error).partition('is refused: ')[2]}" if telling else "refused"
    # A believed problem may be absurd, such as one that changes a thousand times a step; without
    # one nothing may even overflow.
    with np.errstate(all="raise" if rule.believes is None else "ignore", under="ignore"):
        assert np.isfinite(actions(rule)).all()
    return "acts"


def refused(folder: Path, data: bytes, message: str = "is refused") -> None:
    """Assert that reading it is refused by one line, within little memory."""
    path = folder / "bad.safetensors"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactError, match=message) as raised:
            load_rule(path)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    said = str(raised.value)
    assert "bad.safetensors' is refused" in said
    assert len(said) < 1500
    assert "\n" not in said
