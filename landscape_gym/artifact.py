"""Learned rules as files: save one, load one, and the ones that are shipped.

    python -m landscape_gym.artifact show FILE_OR_NAME     what it is and where it comes from
    python -m landscape_gym.artifact check FILE_OR_NAME    exit status 0 if it can be loaded

A file holds data and nothing else, in the safetensors format: arrays behind a JSON header. Arrays
are ``mean``, ``std``, ``layers.0.weight``, ``layers.0.bias``, ``layers.1.weight``, ..; of a cell
``cell.input.weight``, ``cell.hidden.bias`` and so on. The header's metadata has one entry,
``rule``, itself JSON text, with the fields in `FIELDS`.

Files may come from strangers. Nothing in them is ever executed, and everything is checked before it
is used: names, shapes and types of arrays before arrays are made, sizes of problems before they are
solved. The bounds below keep time and memory small, and activations from overflowing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from landscape_gym.actions import ACTIONS
from landscape_gym.configuration import alternative, count, number, one_of, plain, unknown
from landscape_gym.control.linear_quadratic.gains import gain_solver
from landscape_gym.files import write_whole
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.learned import Cell, Dense, LearnedRule, Network
from landscape_gym.learned.network import ACTIVATIONS
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem

SUFFIX = ".safetensors"
FORMAT = "landscape-gym learned rule"
VERSION = 1
"""Of the format; higher numbers are refused."""
_OF_THE_RULE = ("clip", "observation", "action", "per_coordinate", "believes", "about")
FIELDS = ("format", "version", "network", *_OF_THE_RULE)
"""Of the metadata's JSON: what it is, the network's sizes, and fields of `LearnedRule`."""

MAX_BYTES = 64 * 2**20
"""Of a file."""
MAX_HEADER = 2**20
"""Bytes of the header, and so of all JSON in it."""
MAX_DEPTH = 32
"""Of JSON within JSON."""
MAX_TEXT = 10_000
"""Characters of a text in JSON."""
MAX_DIGITS = 40
"""Of an integer in JSON."""
MAX_LAYERS = 16
MAX_WIDTH = 16_384
"""Of a layer, a cell, or the inputs."""
MAX_NUMBER = 1e12
"""Magnitude of anything that is computed with, and of 1 / std."""
MAX_REACH = 1e30
"""What inputs within the clip may grow to in a network: float32 ends at 3e38."""
MAX_DIM = 1_000
"""Of a believed problem that is solved in closed form."""
MAX_COUPLED = 10
"""Coordinates and controls of one that is not. At most 100 000 steps of value iteration are made
for it; at this size they take about 15 seconds."""
MAX_HORIZON = 2_000
"""Steps of a believed problem's finite horizon: there are gains for each."""

_BOOLEANS = {"per_coordinate", "squashed", "scaled", "rotated", "signalled"}
_WORDS = {"format", "kind", "channels", "activation"}
_DTYPES = {"F32": 4, "F64": 8}
"""Bytes of a number, by safetensors' names."""


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
        data = _encoded(rule)
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
    library = _library()
    files = library.iterdir() if library.is_dir() else ()
    return tuple(sorted(f.name[: -len(SUFFIX)] for f in files if f.name.endswith(SUFFIX)))


def _library() -> Traversable:
    return resources.files("landscape_gym.learned").joinpath("library")


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


def _encoded(rule: LearnedRule) -> bytes:
    """A rule as the bytes of a file."""
    network, cell = rule.network, rule.network.cell
    dense = {f"layers.{i}": layer for i, layer in enumerate(network.layers)}
    if cell is not None:
        dense |= {f"cell.{name}": layer for name, layer in cell._asdict().items()}
    arrays = {"mean": rule.mean, "std": rule.std} | {
        f"{name}.{part}": array
        for name, layer in dense.items()
        for part, array in layer._asdict().items()
    }
    sizes = {
        "inputs": network.inputs,
        "cell": None if cell is None else cell.size,
        "layers": [len(layer.bias) for layer in network.layers],
        "activation": network.activation,
        "squashed": network.squashed,
    }
    fields = {name: plain(getattr(rule, name)) for name in _OF_THE_RULE}
    fields |= {"format": FORMAT, "version": VERSION, "network": sizes}
    text = json.dumps(fields, sort_keys=True, allow_nan=False)
    # Rows one after another: safetensors would write whatever lies in memory.
    return safetensors.save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"rule": text}
    )


def _checked(data: bytes, source: str) -> LearnedRule:
    """A rule from the bytes of a file, or ArtifactError whatever is wrong with them."""
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return _decoded(data)
    except ArithmeticError as error:
        reason = ValueError(f"its numbers cannot be computed with: {error}.")
    except (ValueError, TypeError, LookupError, RecursionError, SafetensorError, Warning) as error:
        reason = error
    said = " ".join(str(reason).split())
    raise ArtifactError(
        f"{source} is refused: {said if len(said) <= 600 else said[:600] + ' ..'} Accepted is what "
        "landscape_gym.artifact.save_rule writes: save the rule again, or fetch the file again."
    ) from reason


def _decoded(data: bytes) -> LearnedRule:
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has {len(data)} bytes; at most {MAX_BYTES} are read.")
    header = _header(data)
    fields = _fields(header.pop("__metadata__", None))
    architecture = _architecture(fields["network"])
    _check_tensors(header, architecture.shapes, data)
    arrays = {name: array.copy() for name, array in safetensors.load(data).items()}
    _check_numbers(arrays)
    clip = number("clip", fields["clip"], low=0.0, strict=True)
    network = architecture.network(arrays)
    _check_reach(network, clip)
    rule = LearnedRule(
        observation=ObservationConfig.of(fields["observation"]),
        action=alternative(ACTIONS, fields["action"], "action"),
        network=network,
        mean=arrays["mean"],
        std=arrays["std"],
        clip=clip,
        per_coordinate=fields["per_coordinate"],
        believes=_believed(fields["believes"]),
        about=fields["about"],
    )
    _check_belief(rule)
    return rule


def _header(data: bytes) -> dict[str, Any]:
    """The header of a safetensors file."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 10 or data[8:9] != b"{":
        known = {b"PK": "a zip archive, as torch.save writes", b"\x80": "a pickle"}
        looks = next((f": it looks like {w}" for k, w in known.items() if data.startswith(k)), "")
        raise ValueError(f"it is no safetensors file{looks}.")
    if size > MAX_HEADER:
        raise ValueError(f"its header is said to have {size} bytes; at most {MAX_HEADER} are read.")
    if size > len(data) - 8:
        raise ValueError(
            f"it is cut off: it ends {size + 8 - len(data)} bytes before its header does."
        )
    header = _json(data[8 : 8 + size].decode("utf-8"), "header")
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object.")
    return header


def _fields(metadata: Any) -> dict[str, Any]:
    """The fields of the metadata's JSON, of which types are known afterwards, but not values."""
    if not isinstance(metadata, dict) or not isinstance(metadata.get("rule"), str):
        raise ValueError("it is a safetensors file, but its metadata has no 'rule'.")
    fields = _json(metadata["rule"], "metadata")
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ValueError(f"its metadata's format is not {FORMAT!r}.")
    version = count("version", fields.get("version"))
    if version > VERSION:
        raise ValueError(
            f"it was written by a newer landscape-gym, in version {version} of the format, and "
            f"this one reads version {VERSION}: upgrade landscape-gym."
        )
    _check_names("fields", fields, FIELDS)
    for name, value in fields.items():
        if name != "about":
            _check_types(name, value)
    for name in ("network", "observation", "action", "about"):
        if not isinstance(fields[name], dict):
            raise ValueError(f"{name!r} is a JSON object; got {fields[name]!r}.")
    return fields


def _json(text: str, what: str) -> Any:
    """JSON as the standard has it: no NaN, no key twice, nothing longer or deeper than the bounds.

    Raises:
        ValueError: saying what it is instead.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            raise ValueError(f"its {what} has a key twice.")
        return made

    def integer(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise ValueError(f"its {what} has an integer of {len(digits)} digits.")
        return int(digits)

    def decimal(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            raise ValueError(f"its {what} has a number that is not finite: {digits[:40]}.")
        return value

    try:
        value = json.loads(
            text,
            object_pairs_hook=unique,
            parse_int=integer,
            parse_float=decimal,
            parse_constant=decimal,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"its {what} is no JSON: {error}.") from error
    except RecursionError as error:
        raise ValueError(f"its {what} is deeper than {MAX_DEPTH}.") from error
    _check_extent(value, what, MAX_DEPTH)
    return value


def _check_extent(value: Any, what: str, depth: int) -> None:
    """Refuse JSON that is too deep, or texts that are too long; the text `rule` is JSON itself."""
    if isinstance(value, dict | list):
        if depth == 0:
            raise ValueError(f"its {what} is deeper than {MAX_DEPTH}.")
        if isinstance(value, dict):
            _check_extent(list(value), what, depth)
            value = [item for name, item in value.items() if (what, name) != ("header", "rule")]
        for item in value:
            _check_extent(item, what, depth - 1)
    elif isinstance(value, str) and len(value) > MAX_TEXT:
        raise ValueError(f"its {what} has a text of {len(value)} characters; most is {MAX_TEXT}.")


def _check_types(name: str, value: Any) -> None:
    """Refuse what constructors would take for something else: 1 for true, a text for a number."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_types(key, item)
    elif isinstance(value, list):
        for item in value:
            if name in _WORDS and not isinstance(item, str):
                raise ValueError(f"{name!r} has texts only; got {item!r}.")
            _check_types(name, item)
    elif isinstance(value, bool) != (name in _BOOLEANS):
        wanted = "is true or false" if name in _BOOLEANS else "is neither true nor false"
        raise ValueError(f"{name!r} {wanted}; got {value!r}.")
    elif isinstance(value, str) and name not in _WORDS:
        raise ValueError(f"{name!r} is no text; got {value!r}.")
    elif isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        raise ValueError(f"{name!r} is at most {MAX_NUMBER:g} in magnitude; got {value!r}.")


def _check_names(what: str, given: Mapping[str, Any], accepted: Sequence[str]) -> None:
    """Refuse missing and superfluous names."""
    missing = [name for name in accepted if name not in given]
    superfluous = [name for name in given if name not in accepted]
    wrong = [f"{missing} missing"] * bool(missing) + [f"{superfluous} superfluous"] * bool(
        superfluous
    )
    if wrong:
        raise ValueError(f"its {what} are not those of a learned rule: {', '.join(wrong)}.")


class _Architecture(NamedTuple):
    """Sizes of a network."""

    inputs: int
    cell: int | None
    layers: list[int]
    activation: str
    squashed: bool

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all arrays of the rule."""
        shapes = {"mean": (self.inputs,), "std": (self.inputs,)}
        width = self.inputs
        if self.cell is not None:
            shapes |= _dense_shapes("cell.input", 4 * self.cell, width)
            shapes |= _dense_shapes("cell.hidden", 4 * self.cell, self.cell)
            width = self.cell
        for i, outputs in enumerate(self.layers):
            shapes |= _dense_shapes(f"layers.{i}", outputs, width)
            width = outputs
        return shapes

    def network(self, arrays: Mapping[str, Array]) -> Network:
        """The network of these sizes with these arrays."""

        def dense(name: str) -> Dense:
            return Dense(arrays[f"{name}.weight"], arrays[f"{name}.bias"])

        layers = tuple(dense(f"layers.{i}") for i in range(len(self.layers)))
        cell = None if self.cell is None else Cell(dense("cell.input"), dense("cell.hidden"))
        return Network(layers, self.activation, self.squashed, cell)


def _dense_shapes(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _architecture(given: Mapping[str, Any]) -> _Architecture:
    """The sizes that the metadata tell, within the bounds."""
    _check_names("network's fields", given, _Architecture._fields)
    layers, cell = given["layers"], given["cell"]
    if not isinstance(layers, list) or not 1 <= len(layers) <= MAX_LAYERS:
        raise ValueError(f"'layers' has the widths of 1 to {MAX_LAYERS} layers.")
    return _Architecture(
        inputs=_count("the network's inputs", given["inputs"], MAX_WIDTH),
        cell=None if cell is None else _count("the cell's size", cell, MAX_WIDTH),
        layers=[_count("a layer's width", width, MAX_WIDTH) for width in layers],
        activation=one_of("activation", given["activation"], ACTIVATIONS),
        squashed=given["squashed"],
    )


def _count(what: str, given: Any, most: int) -> int:
    if count(what, given) > most:
        raise ValueError(f"{what} must be at most {most}, got {given}.")
    return given


def _check_tensors(
    header: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], data: bytes
) -> None:
    """Refuse other names, types, shapes or bytes than those of the network."""
    _check_names("arrays", header, list(shapes))
    expected = 8 + int.from_bytes(data[:8], "little")
    for name, shape in shapes.items():
        given = header[name] if isinstance(header[name], dict) else {}
        if given.get("dtype") not in tuple(_DTYPES):
            raise ValueError(f"{name!r} is of type {given.get('dtype')!r}, not F32 or F64.")
        if given.get("shape") != list(shape):
            raise ValueError(
                f"{name!r} has the shape {given.get('shape')!r}; in this network it is "
                f"{list(shape)}."
            )
        expected += math.prod(shape) * _DTYPES[given["dtype"]]
    if len(data) != expected:
        raise ValueError(f"it has {len(data)} bytes, and {expected} are needed: it is cut off.")


def _check_numbers(arrays: Mapping[str, Array]) -> None:
    """Refuse numbers that are not finite or too large, and standard deviations that are too small.

    Scaled features are then within 1e24 even where they are not clipped yet.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name!r} has numbers that are not finite.")
        if np.abs(array).max() > MAX_NUMBER:
            raise ValueError(f"{name!r} has numbers above {MAX_NUMBER:g} in magnitude.")
    if arrays["std"].min() < 1 / MAX_NUMBER:
        raise ValueError(f"'std' has numbers below {1 / MAX_NUMBER:g}.")


def _check_reach(network: Network, clip: float) -> None:
    """Refuse weights with which some input within the clip might overflow."""
    reach, reached = clip, []
    if network.cell is not None:
        reached.append(_reach(network.cell.input, clip) + _reach(network.cell.hidden, 1.0))
        reach = 1.0
    for layer in network.layers:
        reach = _reach(layer, reach)
        reached.append(reach)
        if network.activation == "tanh":
            reach = min(reach, 1.0)
    if max(reached) > MAX_REACH:
        raise ValueError(
            f"its weights might make {max(reached):.3g} of what they take in; at most "
            f"{MAX_REACH:g} is accepted."
        )


def _reach(layer: Dense, reach: float) -> float:
    """The largest output of a layer for inputs up to `reach`."""
    gain = np.abs(layer.weight).sum(axis=1, dtype=np.float64)
    return float((gain * reach + np.abs(layer.bias)).max())


def _believed(given: Any) -> NavigationProblem | None:
    """The problem whose filter makes the features, if it is small enough to be solved now."""
    if given is None:
        return None
    landscape = given.get("landscape") if isinstance(given, dict) else None
    if not isinstance(landscape, dict) or landscape.get("kind") != Quadratic.kind:
        raise ValueError("'believes' is null, or a problem with a quadratic landscape.")
    _count("the believed problem's dim", landscape.get("dim"), MAX_DIM)
    if given.get("horizon") is not None:
        _count("the believed problem's horizon", given["horizon"], MAX_HORIZON)
    problem = NavigationProblem.of(given)
    if gain_solver(problem).channel == "hessian":
        most = max(problem.dim, problem.control_dim)
        _count("dim of a believed problem that couples coordinates", most, MAX_COUPLED)
    return problem


def _check_belief(rule: LearnedRule) -> None:
    """Refuse a network that does not fit the problem that it believes in."""
    problem = rule.believes
    if problem is None:
        return
    if rule.per_coordinate:
        raise ValueError("a rule acts per coordinate, or on a belief, not both.")
    found = (rule.network.inputs, rule.network.outputs)
    wanted = (problem.dim, rule.action.size(problem))
    if found != wanted:
        raise ValueError(
            f"its network has {found[0]} inputs and {found[1]} outputs; the problem that it "
            f"believes in needs {wanted[0]} and {wanted[1]}."
        )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m landscape_gym.artifact",
        description="Learned rules as files.",
        epilog=f"Shipped: {', '.join(shipped_rules()) or 'none'}.",
    )
    parser.add_argument("do", choices=("show", "check"), help="say what it is, or if it is sound")
    parser.add_argument("rule", metavar="FILE_OR_NAME", help="a path, or a shipped rule's name")
    options = parser.parse_args(argv)
    try:
        rule = load_rule(options.rule)
    except ArtifactError as error:
        print(error, file=sys.stderr)
        return 1
    print(describe(rule) if options.do == "show" else f"{options.rule!r} is sound.")
    return 0


def describe(rule: LearnedRule) -> str:
    """What a rule sees, does and is, and where it comes from, in lines of ASCII."""
    network = rule.network
    widths = [network.inputs, *(len(layer.bias) for layer in network.layers)]
    memory = "" if network.cell is None else f", behind an LSTM cell of {network.cell.size}"
    squashed = ", squashed by tanh" if network.squashed else ""
    scope = {"features": "one row per coordinate" if rule.per_coordinate else "the observation"}
    if rule.believes is not None:
        scope = {
            "features": "parameters minus where a Kalman filter believes the target",
            "believes": rule.believes.to_json(),
        }
    lines = {
        "channels": ", ".join(rule.observation.channels),
        "observation": json.dumps(plain(rule.observation)),
        "action": json.dumps(plain(rule.action)),
        **scope,
        "network": f"{' -> '.join(map(str, widths))}, {network.activation}{squashed}{memory}",
        "about": json.dumps(plain(rule.about), indent=2),
    }
    return "\n".join(f"{name + ':':<13}{text}" for name, text in lines.items())


if __name__ == "__main__":
    sys.exit(main())
