"""Damaged and hostile files: each is refused, in bounded time and memory; nothing else happens."""

import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from landscape_gym.artifact import ArtifactError, load_rule
from landscape_gym.artifact.bounds import MAX_BYTES, MAX_HEADER
from tests.contracts.artifact_files import (
    header_of,
    put_together,
    refused,
    taken_apart,
    with_header,
)

pytestmark = pytest.mark.timeout(120)  # for what hangs


# Files that are something else


class Effect:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def torch_load(path: Path) -> None:
    torch.load(path, weights_only=False)


@pytest.mark.parametrize(
    ("write", "read", "message"),
    [
        (
            lambda effect, path: path.write_bytes(pickle.dumps(effect)),
            lambda path: pickle.loads(path.read_bytes()),
            "looks like a pickle",
        ),
        (torch.save, torch_load, "looks like a zip archive"),
    ],
    ids=["pickle", "torch"],
)
def test_code_in_a_renamed_file_is_not_run(write: Callable, read: Callable, message, tmp_path):
    effect = tmp_path / "effect"
    path = tmp_path / "rule.pt"
    write(Effect(effect), path)
    read(path)
    assert effect.exists()  # so it would be seen
    effect.rmdir()
    refused(tmp_path, path.read_bytes(), message)
    assert not effect.exists()


def test_what_is_no_regular_file_is_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.safetensors")  # which nobody writes to: reading would wait for ever
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "zero.safetensors").symlink_to("/dev/zero")
    (tmp_path / "nowhere.safetensors").symlink_to(tmp_path / "missing")
    (tmp_path / "itself.safetensors").symlink_to("itself.safetensors")
    names = sorted(tmp_path.iterdir())
    for path in (*names, tmp_path / "missing.safetensors", "\0.safetensors", "a/" * 5000):
        with pytest.raises(ArtifactError, match="cannot be read"):
            load_rule(path)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path):
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    tracemalloc.start()
    with pytest.raises(ArtifactError, match=f"it has {MAX_BYTES + 1} bytes.*at most {MAX_BYTES}"):
        load_rule(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_link_to_a_file_is_followed(tmp_path: Path, good):
    (tmp_path / "real").write_bytes(good["tanh"])
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "real")
    load_rule(tmp_path / "link.safetensors")


# Damage


@pytest.mark.parametrize("kind", ["linear", "cell"])
def test_a_file_that_is_cut_off_is_refused(kind: str, tmp_path: Path, good):
    data = good[kind]
    for end in (*range(0, len(data), 17), *range(len(data) - 9, len(data))):
        refused(tmp_path, data[:end])
    refused(tmp_path, data[:-1], "cut off")
    refused(tmp_path, data + b"\0", "bytes")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no safetensors file"),
        (b"{}", "no safetensors file"),
        ((2**63).to_bytes(8, "little") + b"{" * 99, f"at most {MAX_HEADER}"),
        ((MAX_HEADER + 1).to_bytes(8, "little") + b"{" * (MAX_HEADER + 2), "header is said"),
        ((99).to_bytes(8, "little") + b"{}", "cut off"),
        ((2).to_bytes(8, "little") + b"{}", "metadata has no 'rule'"),
        ((2).to_bytes(8, "little") + b"[]", "no safetensors"),
        ((4).to_bytes(8, "little") + b"{\xff\xfe}", "utf-8"),
        ((20).to_bytes(8, "little") + b'{"__metadata__": [1]}'[:20], "no JSON"),
    ],
)
def test_bytes_that_are_no_header_are_refused(data, message, tmp_path: Path):
    refused(tmp_path, data, message)


def changed_header(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        header = header_of(data)
        change(header)
        return with_header(data, header)

    return changed


HEADERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "overlap": lambda h: h["std"].update(data_offsets=h["mean"]["data_offsets"]),
    "beyond the end": lambda h: h["std"].update(data_offsets=[10**6, 10**6 + 16]),
    "backwards": lambda h: h["std"].update(data_offsets=h["std"]["data_offsets"][::-1]),
    "negative": lambda h: h["std"].update(data_offsets=[-16, 0]),
    "huge": lambda h: h["std"].update(data_offsets=[0, 2**70]),
    "fractions": lambda h: h["std"].update(data_offsets=[0.0, 16.0]),
    "no offsets": lambda h: h["std"].pop("data_offsets"),
    "swapped": lambda h: h.update(mean=h["layers.0.bias"], std=h["layers.0.weight"]),
    "shape": lambda h: h["std"].update(shape=[2**40]),
    "shape of a truth": lambda h: h["layers.0.bias"].update(shape=[True]),
    "flat": lambda h: h["layers.0.weight"].update(shape=[4]),
    "no array": lambda h: h.update(std=1),
    "unknown type": lambda h: h["std"].update(dtype="F31"),
    "list as type": lambda h: h["std"].update(dtype=["F32"]),
    "code as type": lambda h: h["std"].update(dtype="O"),
    "more metadata": lambda h: h["__metadata__"].update(more=1),
    "metadata": lambda h: h.update(__metadata__={"rule": 1}),
}


@pytest.mark.parametrize("change", HEADERS)
def test_a_header_that_lies_is_refused(change: str, tmp_path: Path, good):
    refused(tmp_path, changed_header(HEADERS[change])(good["linear"]))


NOT_JSON: dict[str, tuple[str, str]] = {
    "a key twice": ('{"about": {"a": 1, "a": 1}}', "a key twice"),
    "not a number": ('{"about": NaN}', "not finite: NaN"),
    "infinity": ('{"about": -Infinity}', "not finite: -Infinity"),
    "a number that overflows": ('{"about": 1e999}', "not finite: 1e999"),
    "an integer of many digits": ('{"about": ' + "9" * 100_000 + "}", "of 100000 digits"),
    "deep nesting": ('{"about": ' + "[" * 100_000 + "]" * 100_000 + "}", "deeper than 32"),
    "nesting that never ends": ("[" * 200_000, "deeper than 32"),
    "a comment": ("{} // really", "no JSON"),
    "python": ("__import__('os').system('true')", "no JSON"),
    "yaml": ("!!python/object/apply:os.system ['true']", "no JSON"),
    "nothing": ("", "no JSON"),
    "a byte order mark": ("\ufeff{}", "no JSON"),
    "a text": ('"rule"', "format is not"),
    "null": ("null", "format is not"),
}


@pytest.mark.parametrize("trick", NOT_JSON)
def test_json_that_is_not_plain_is_refused(trick: str, tmp_path: Path, good):
    text, message = NOT_JSON[trick]
    refused(tmp_path, put_together(text, taken_apart(good["linear"])[1]), message)


def test_a_header_with_a_name_twice_is_refused(tmp_path: Path, good):
    """Or one reader might check the first, and another use the second."""
    data = good["linear"]
    text = json.dumps(header_of(data))
    std = json.dumps(header_of(data)["std"])
    twice = with_header(data, (text[:-1] + f', "std": {std}}}').encode())
    refused(tmp_path, twice, "a key twice")
    refused(tmp_path, with_header(data, text.encode()[:-1] + b', "\xff": 1}'), "utf-8")
    refused(tmp_path, with_header(data, b'{"a":' * 20_000 + b"1" + b"}" * 20_000), "deeper")


@pytest.mark.slow
def test_what_is_made_to_cost_is_read_or_refused_within_seconds_and_a_gigabyte():
    """In processes that fork; `python -m tests.contracts.hostile` goes on from here."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.contracts.hostile", "--mutations", "60"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "flat and coupled: " in done.stdout
