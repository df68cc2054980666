"""Files of learned rules that are damaged, and files that are made to cost time or memory.

    python -m tests.contracts.hostile --mutations 1000

Each is read in a process of its own, which acts by it if it is not refused. None may take more
than 5 seconds of a core or 1 GB, or end in anything but a refusal or finite actions.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from landscape_gym.artifact import shipped_rules
from landscape_gym.artifact.bounds import (
    MAX_COUPLED,
    MAX_COUPLED_HORIZON,
    MAX_DIM,
    MAX_HORIZON,
    MAX_WIDTH,
)
from landscape_gym.names import learned_library
from landscape_gym.optim import RuleOptimizer
from tests.contracts.artifact_files import (
    Arrays,
    Fields,
    good_files,
    outcome,
    put_together,
    set_field,
    taken_apart,
    with_header,
)

SECONDS = 5.0
"""Of a core, that a file may take."""
BYTES = 2**30
"""That a file may take."""
VALUES: list[Any] = [None, True, -3, 0, 1, 7, 2**31, 2**63, 10**25, 0.0, -0.0, 1e-300, 1e12, 1e308]
VALUES += ["", "gradient", "normalized", "relu", "rotation", "\ud800", [], {}, [1.0], [[1.0, 0.0]]]
VALUES += [{"kind": "power_law", "exponent": 1e3}, {"kind": "rotation"}, {"kind": "isotropic"}]
Draw = np.random.Generator


class Read(NamedTuple):
    """What reading a file came to."""

    said: str
    """"refused" and why, "acts", or what went wrong."""
    seconds: float
    """Of a core."""
    bytes: int

    @property
    def fine(self) -> bool:
        """Whether it was refused, or acted."""
        return self.said == "acts" or self.said.startswith("refused")

    @property
    def wrong(self) -> bool:
        """Whether it should not have come to that."""
        return not self.fine or self.seconds > SECONDS or self.bytes > BYTES


def read(data: bytes) -> Read:
    """Read a file in a process of its own, and act by it."""
    answer, said = os.pipe()
    if (pid := os.fork()) == 0:
        text = "ended"
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
            resource.setrlimit(resource.RLIMIT_DATA, (8 * 2**30, 8 * 2**30))
            with tempfile.TemporaryDirectory() as folder:
                text = outcome(Path(folder), data, telling=True)
                if text == "acts":
                    train(Path(folder) / "any.safetensors")
        except BaseException:
            text = traceback.format_exc(limit=-2)
        finally:
            os.write(said, text[-2000:].encode(errors="replace"))
            os._exit(0)
    os.close(said)
    with open(answer, "rb") as file:
        text = file.read().decode()
    _, status, used = os.wait4(pid, 0)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # which a child begins with
    return Read(
        text if status == 0 else f"ended with {os.waitstatus_to_exitcode(status)}",
        used.ru_utime + used.ru_stime,
        max(used.ru_maxrss - held, 0) * 1024,
    )


def train(path: Path) -> None:
    """Let a rule that acts move a tensor, too, unless it is refused for that.

    Raises:
        Exception: where it is not refused, and does not.
    """
    p = torch.nn.Parameter(torch.ones(3, 2))
    with warnings.catch_warnings(action="ignore"):
        try:
            optimizer = RuleOptimizer([p], path)
        except (ValueError, TypeError):
            return
        for _ in range(2):
            p.grad = p.detach().clone()
            optimizer.step(lambda: p.detach().square().sum())


# ---- damaged ones -------------------------------------------------------------------------------


def changed_bytes(data: bytes, draw: Draw) -> bytes:
    """Some bytes set, inserted or deleted; most in the header, where they matter."""
    changed = bytearray(data)
    header = min(8 + int.from_bytes(data[:8], "little"), len(data))
    for _ in range(int(draw.integers(1, 5))):
        most = header if draw.random() < 0.7 else len(changed)
        where = int(draw.integers(min(most, len(changed))))
        match int(draw.integers(3)):
            case 0:
                changed[where] = int(draw.integers(256))
            case 1:
                changed[where:where] = draw.bytes(int(draw.integers(1, 10)))
            case _:
                del changed[where : where + int(draw.integers(1, 10))]
    return bytes(changed)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """Where in JSON there is something, and what."""
    inner = value.items() if isinstance(value, dict) else []
    inner = enumerate(value) if isinstance(value, list) else inner
    return [(path, value), *(each for key, item in inner for each in places(item, (*path, key)))]


def changed_fields(data: bytes, draw: Draw) -> bytes:
    """Some fields changed, in a problem that is believed if there is one."""
    fields, arrays = taken_apart(data)
    for _ in range(int(draw.integers(1, 4))):
        there = places(fields)[1:]
        believed = [each for each in there if each[0][0] == "believes"]
        among = believed if len(believed) > 1 and draw.random() < 0.7 else there
        where, value = among[int(draw.integers(len(among)))]
        set_field(*where, to=_other(value, draw))(fields, arrays)
    return put_together(fields, arrays)


def _other(value: Any, draw: Draw) -> Any:
    """Something else, mostly of the same type."""
    if isinstance(value, bool) and draw.random() < 0.7:
        return not value
    if isinstance(value, int | float) and draw.random() < 0.7:
        return (
            float(np.exp(draw.uniform(-30, 30))) if draw.random() < 0.5 else int(draw.integers(40))
        )
    return deepcopy(VALUES[int(draw.integers(len(VALUES)))])


def changed_numbers(data: bytes, draw: Draw) -> bytes:
    """Some numbers of the arrays changed."""
    fields, arrays = taken_apart(data)
    extremes = [0.0, -0.0, 1e-45, 1e-12, 1e12, -1e12, 1e13, 3e38, np.inf, np.nan, draw.normal()]
    for _ in range(int(draw.integers(1, 4))):
        array = arrays[sorted(arrays)[int(draw.integers(len(arrays)))]]
        array.flat[int(draw.integers(array.size))] = extremes[int(draw.integers(len(extremes)))]
    return put_together(fields, arrays)


CHANGES = (changed_bytes, changed_fields, changed_numbers)


def mutations(number: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Damaged files, by name: of every shipped rule, and of a rule of each kind, in turn."""
    library = learned_library()
    files = {name: (library / f"{name}.safetensors").read_bytes() for name in shipped_rules()}
    with tempfile.TemporaryDirectory() as folder:
        files |= good_files(Path(folder))
    names = list(files)
    for i in range(number):
        draw, name = np.random.default_rng([seed, i]), names[i % len(names)]
        change = CHANGES[i // len(names) % len(CHANGES)]
        yield f"mutation {i}: {name}, {change.__name__}", change(files[name], draw)


# ---- costly ones --------------------------------------------------------------------------------


def believing(dim: int, outputs: int | None = None, **problem: Any) -> Callable[[Fields], bytes]:
    """A rule that believes in a problem of some dimension."""

    def made(fields: Fields) -> bytes:
        believed = fields["believes"]
        believed["landscape"] |= {"dim": dim, "curvature": [1.0] * dim}
        believed["landscape"] |= problem.get("landscape", {})
        given = {name: problem[name] for name in problem if name not in ("landscape", "channels")}
        believed |= {"hazard": 0.0, **given}
        size = dim if outputs is None else outputs
        fields["network"] |= {"inputs": dim, "layers": [size]}
        fields["observation"]["channels"] += problem.get("channels", [])
        if believed.get("horizon") is not None:
            fields["observation"]["channels"] += ["elapsed"]
        return put_together(fields, dense(dim, size))

    return made


def dense(inputs: int, *widths: int) -> Arrays:
    """Arrays of a network, all of zeros and ones."""
    arrays = {"mean": np.zeros(inputs, "f4"), "std": np.ones(inputs, "f4")}
    for i, (before, width) in enumerate(zip((inputs, *widths), widths, strict=False)):
        arrays[f"layers.{i}.weight"] = np.zeros((width, before), "f4")
        arrays[f"layers.{i}.bias"] = np.zeros(width, "f4")
    return arrays


def wide(fields: Fields, *widths: int, **observation: Any) -> bytes:
    """A rule whose network has some widths."""
    fields["network"] |= {"inputs": widths[0], "layers": list(widths[1:])}
    fields["observation"] |= observation
    return put_together(fields, dense(*widths))


def about(value: Any) -> Callable[[Fields], bytes]:
    """A rule with something else said about it."""

    def made(fields: Fields) -> bytes:
        fields["about"] = value
        fields["believes"] = None
        return put_together(fields, dense(2, 2))

    return made


def per_coordinate(value: Any) -> Callable[[Fields], bytes]:
    """A rule for any number of parameters with something else said about it."""

    def made(_: Fields) -> bytes:
        file = learned_library() / "hidden-curvature.safetensors"
        fields, arrays = taken_apart(file.read_bytes())
        return put_together({**fields, "about": value}, arrays)

    return made


def nested(value: Any, levels: int) -> Any:
    """Lists within lists."""
    return nested([value, value], levels - 1) if levels else value


FLAT = {"curvature": [0.0] * (MAX_COUPLED - 1) + [1e-6]}
SKEW = (np.eye(MAX_COUPLED) + 0.1).tolist()
SLOW = {"gamma": 0.0, "eta": 1e-6, "dt": 1e-3, "metric": SKEW}
"""A discrete-time optimum that takes many steps to be found."""
ROTATION = {"kind": "rotation", "rate": 1e-3}
RANDOM = {"kind": "log_uniform", "low": 1e-6, "high": 1e6}
COSTLY: dict[str, Callable[[Fields], bytes]] = {
    "many dimensions": believing(MAX_DIM),
    "too many dimensions": believing(MAX_DIM + 1),
    "absurdly many dimensions": lambda f: believing(2)(
        f | {"believes": f["believes"] | {"landscape": {"kind": "quadratic", "dim": 10**9}}}
    ),
    "many dimensions, a long horizon": believing(MAX_DIM, horizon=MAX_HORIZON),
    "many dimensions, drifting": believing(MAX_DIM, drift=1.0, gamma=1e-9),
    "many dimensions, nothing forgotten": believing(MAX_DIM, gamma=0.0, dt=1e-9),
    "many dimensions, redrawn": believing(MAX_DIM, hazard=1e-6),
    "many dimensions, redrawn at once": believing(MAX_DIM, hazard=1e6),
    "many dimensions, redrawn and signalled": believing(
        MAX_DIM, hazard=0.1, signalled=True, channels=["switched"]
    ),
    "many random curvatures": believing(
        MAX_DIM, landscape={"curvature": RANDOM}, channels=["curvature"]
    ),
    "many rotated dimensions": believing(
        MAX_DIM, landscape={"rotated": True}, channels=["hessian"]
    ),
    "flat and coupled": believing(MAX_COUPLED, landscape=FLAT, **SLOW),
    "flat, coupled, two dimensions": believing(
        2, landscape={"curvature": [0.0, 1e-9]}, **SLOW | {"metric": [[1.0, 0.1], [0.1, 1.0]]}
    ),
    "flat and rotating": believing(
        MAX_COUPLED, landscape=FLAT, default_dynamics=ROTATION, gamma=0.0
    ),
    "flat and rotated": believing(
        MAX_COUPLED, landscape=FLAT | {"rotated": True}, channels=["hessian"], **SLOW
    ),
    "random and rotated": believing(
        MAX_COUPLED,
        landscape={"curvature": RANDOM, "rotated": True},
        channels=["hessian"],
        **SLOW | {"gamma": 1e-9},
    ),
    "coupled, a long horizon": believing(MAX_COUPLED, metric=SKEW, horizon=MAX_COUPLED_HORIZON),
    "coupled, too long a horizon": believing(MAX_COUPLED, metric=SKEW, horizon=MAX_HORIZON),
    "coupled and rotated, a long horizon": believing(
        MAX_COUPLED,
        metric=SKEW,
        horizon=MAX_COUPLED_HORIZON,
        landscape={"rotated": True},
        channels=["hessian"],
    ),
    "growing by itself": believing(
        MAX_COUPLED, landscape=FLAT, default_dynamics=(0.1 * np.eye(10) + 0.01).tolist(), gamma=1e-9
    ),
    "many controls": believing(2, 10**4, control_matrix=[[1.0] * 10**4] * 2),
    "a matrix of curvatures": believing(
        300, landscape={"curvature": (np.eye(300) + 0.5).round(1).tolist()}
    ),
    "a problem that is a word": per_coordinate({"problem": "a word"}),
    "a landscape that is a list": per_coordinate({"problem": {"landscape": [], "dt": 1.0}}),
    "a time that is a word": per_coordinate({"problem": {"dt": "long"}}),
    "a time that is no number": per_coordinate({"problem": {"dt": float("inf")}}),
    "deep": about({"deep": nested(0, 15)}),
    "deeper": about({"deep": nested(0, 17)}),
    "long": about({"numbers": [10**39] * 20_000}),
    "many names": about({str(i): {} for i in range(100_000)}),
    "long names": about({"x" * 9_000 + str(i): 0 for i in range(100)}),
    "a wide network": lambda f: wide(f | {"believes": None}, 1_000, MAX_WIDTH - 1),
    "a wide network of absurd inputs": lambda f: wide(f | {"believes": None}, MAX_WIDTH, 2),
    "many rates": lambda f: wide(
        f | {"believes": None}, 2, 2, channels=["averages"], rates=[0.5] * 100_000
    ),
    "many lags": lambda f: wide(f | {"believes": None}, 2, 2, channels=["lags"], rates=[0.5]),
    "many channels": lambda f: wide(f | {"believes": None}, 2, 2, channels=["gradient"] * 50_000),
}
"""By name, from the fields of a rule that believes to the bytes of a file."""


def costly() -> Iterator[tuple[str, bytes]]:
    """Files that are made to cost time or memory, by name."""
    with tempfile.TemporaryDirectory() as folder:
        good = good_files(Path(folder))["belief"]
    for name, made in COSTLY.items():
        yield f"costly: {name}", made(taken_apart(good)[0])
    for name, header in {
        "a header of many arrays": {str(i): {} for i in range(80_000)},
        "a header of numbers": {"__metadata__": {"rule": "1" * 1_000_000}},
        "a header of brackets": b"[" * 2**20,
    }.items():
        yield f"costly: {name}", with_header(good, header)


def main() -> int:
    """Parse the command line, read, and print what was wrong; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    train(learned_library() / "hidden-curvature.safetensors")  # no file pays for imports
    seen: Counter[str] = Counter()
    worst = Read("", 0.0, 0)
    for files in (costly(), mutations(options.mutations, options.seed)):
        for name, data in files:
            came = read(data)
            seen[came.said.partition(":")[0] if came.fine else "wrong"] += 1
            longest, largest = max(worst.seconds, came.seconds), max(worst.bytes, came.bytes)
            worst = Read("", longest, largest)
            if came.wrong or name.startswith("costly"):
                print(f"{name}: {came.seconds:.1f} s, {came.bytes / 1e6:.0f} MB: {came.said:.300}")
    said = ", ".join(f"{number} {what}" for what, number in seen.items())
    print(f"{said}; at most {worst.seconds:.1f} s and {worst.bytes / 1e6:.0f} MB")
    over = worst.seconds > SECONDS or worst.bytes > BYTES
    return int(over or seen["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
