"""The lock pins what constraints.txt pins, each by hashes, and names no place to fetch it from."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?: \\)?")


def pins(text: str) -> dict[str, str]:
    """Versions by package."""
    return dict(re.findall(r"^([a-z0-9.-]+)==([^\s;#\\]+)", text, re.MULTILINE))


def test_the_lock_pins_what_the_constraints_pin():
    lock, constraints = ((ROOT / name).read_text() for name in ("lock.txt", "constraints.txt"))
    assert pins(lock) == pins(constraints), "make constraints writes both"
    assert len(pins(constraints)) == len(constraints.splitlines())


def test_every_pin_has_hashes_and_nothing_else_is_said():
    entries = re.split(r"^(?=[a-z0-9])", (ROOT / "lock.txt").read_text(), flags=re.MULTILINE)
    assert not entries[0].strip()
    for entry in entries[1:]:
        pin, *hashes = [line.strip() for line in entry.splitlines() if line.strip()]
        assert re.fullmatch(r"[a-z0-9.-]+==[^\s;]+ \\", pin), pin
        assert hashes, f"{pin} has none"
        assert all(HASH.fullmatch(each) for each in hashes), pin
