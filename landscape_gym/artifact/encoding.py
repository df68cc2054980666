"""Learned rules as bytes, and back after every check.

Arrays are ``mean``, ``std``, ``layers.0.weight``, ``layers.0.bias``, ``layers.1.weight``, ..; of a
cell ``cell.input.weight``, ``cell.hidden.bias`` and so on. The header's metadata has one entry,
``rule``, itself JSON text, with the fields in `FIELDS`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from safetensors import numpy as safetensors

from landscape_gym.actions import ACTIONS
from landscape_gym.artifact.bounds import (
    DTYPES,
    MAX_BYTES,
    MAX_COUPLED,
    MAX_COUPLED_HORIZON,
    MAX_DIM,
    MAX_HEADER,
    MAX_HORIZON,
    MAX_LAYERS,
    MAX_NUMBER,
    MAX_REACH,
    MAX_STEPS,
    MAX_WIDTH,
    bounded,
    check_names,
    check_types,
    strict_json,
)
from landscape_gym.configuration import alternative, count, number, one_of, plain
from landscape_gym.derivation.gains import gain_solver
from landscape_gym.derivation.lqr import riccati
from landscape_gym.derivation.structure import Structure
from landscape_gym.landscapes import Quadratic
from landscape_gym.landscapes.base import Array
from landscape_gym.learned import Cell, Dense, LearnedRule, Network
from landscape_gym.learned.network import ACTIVATIONS
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.streams import RowDraws

FORMAT = "landscape-gym learned rule"
_OF_THE_RULE = ("clip", "observation", "action", "per_coordinate", "believes", "about")
FIELDS = {
    1: ("format", "version", "network", *_OF_THE_RULE),
    2: ("format", "version", "network", *_OF_THE_RULE, "framed"),
    3: ("format", "version", "network", *_OF_THE_RULE, "framed", "relative"),
}
"""Of the metadata's JSON by version: what it is, the network's sizes, and fields of `LearnedRule`.

A rule is written in the lowest version that has all that it is, so that older readers have it.
"""
VERSION = max(FIELDS)
"""Of the format; higher numbers are refused."""


def encoded(rule: LearnedRule) -> bytes:
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
    version = 3 if rule.relative else 2 if rule.framed else 1
    fields = {"format": FORMAT, "version": version, "network": sizes}
    fields |= {name: plain(getattr(rule, name)) for name in FIELDS[version] if name not in fields}
    text = json.dumps(fields, sort_keys=True, allow_nan=False)
    # Rows one after another: safetensors would write whatever lies in memory.
    return safetensors.save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"rule": text}
    )


def decoded(data: bytes) -> LearnedRule:
    """A rule from the bytes of a file; what it raises says what is wrong with them."""
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
    return LearnedRule(
        observation=ObservationConfig.of(fields["observation"]),
        action=alternative(ACTIONS, fields["action"], "action"),
        network=network,
        mean=arrays["mean"],
        std=arrays["std"],
        clip=clip,
        per_coordinate=fields["per_coordinate"],
        believes=_believed(fields["believes"]),
        framed=fields.get("framed", False),
        relative=fields.get("relative", False),
        about=fields["about"],
    )


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
    header = strict_json(data[8 : 8 + size].decode("utf-8"), "header")
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object.")
    return header


def _fields(metadata: Any) -> dict[str, Any]:
    """The fields of the metadata's JSON, of which types are known afterwards, but not values."""
    if not isinstance(metadata, dict) or not isinstance(metadata.get("rule"), str):
        raise ValueError("it is a safetensors file, but its metadata has no 'rule'.")
    fields = strict_json(metadata["rule"], "metadata")
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ValueError(f"its metadata's format is not {FORMAT!r}.")
    version = count("version", fields.get("version"))
    if version > VERSION:
        raise ValueError(
            f"it was written by a newer landscape-gym, in version {version} of the format, and "
            f"this one reads version {VERSION}: upgrade landscape-gym."
        )
    check_names("fields", fields, FIELDS[version])
    for name, value in fields.items():
        if name != "about":
            check_types(name, value)
    for name in ("network", "observation", "action", "about"):
        if not isinstance(fields[name], dict):
            raise ValueError(f"{name!r} is a JSON object; got {fields[name]!r}.")
    return fields


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
    check_names("network's fields", given, _Architecture._fields)
    layers, cell = given["layers"], given["cell"]
    if not isinstance(layers, list) or not 1 <= len(layers) <= MAX_LAYERS:
        raise ValueError(f"'layers' has the widths of 1 to {MAX_LAYERS} layers.")
    return _Architecture(
        inputs=bounded("the network's inputs", given["inputs"], MAX_WIDTH),
        cell=None if cell is None else bounded("the cell's size", cell, MAX_WIDTH),
        layers=[bounded("a layer's width", width, MAX_WIDTH) for width in layers],
        activation=one_of("activation", given["activation"], ACTIVATIONS),
        squashed=given["squashed"],
    )


def _check_tensors(
    header: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], data: bytes
) -> None:
    """Refuse other names, types, shapes or bytes than those of the network."""
    check_names("arrays", header, list(shapes))
    expected = 8 + int.from_bytes(data[:8], "little")
    for name, shape in shapes.items():
        given = header[name] if isinstance(header[name], dict) else {}
        if given.get("dtype") not in tuple(DTYPES):
            raise ValueError(f"{name!r} is of type {given.get('dtype')!r}, not F32 or F64.")
        if given.get("shape") != list(shape):
            raise ValueError(
                f"{name!r} has the shape {given.get('shape')!r}; in this network it is "
                f"{list(shape)}."
            )
        expected += math.prod(shape) * DTYPES[given["dtype"]]
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
    bounded("the believed problem's dim", landscape.get("dim"), MAX_DIM)
    if given.get("horizon") is not None:
        bounded("the believed problem's horizon", given["horizon"], MAX_HORIZON)
    problem = NavigationProblem.of(given)
    structure = Structure.of(problem)
    solver = gain_solver(structure)
    if solver.channel == "hessian":
        most = max(problem.dim, problem.control_dim)
        bounded("dim of a believed problem that couples coordinates", most, MAX_COUPLED)
        if problem.horizon is not None:
            what = "horizon of a believed problem that couples coordinates"
            bounded(what, problem.horizon, MAX_COUPLED_HORIZON)
    if solver.iterates:
        _check_steps(structure)
    return problem


def _check_steps(structure: Structure) -> None:
    """Refuse a problem whose optimum takes many steps to be found: here, or for each row later."""
    hessian = structure.curvature
    if hessian is None:  # instances differ: one stands for the others
        draw = RowDraws([np.random.default_rng(0)], np.dtype(np.float64))
        instance = structure.landscape.sample(draw)
        hessian = structure.landscape.hessian(instance, np.zeros((1, structure.problem.dim)))[0]
    elif hessian.ndim == 1:
        hessian = np.diag(hessian)
    dim = structure.problem.dim
    solution = riccati(structure.coupled(hessian.reshape(dim, dim)), MAX_STEPS)
    if not solution.converged:
        raise ValueError(
            f"the believed problem is not solved in {MAX_STEPS} steps of value iteration: with "
            "gamma above 0, or a finite horizon, it would be."
        )
