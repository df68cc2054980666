"""Functions of tensors fused by Inductor, torch's compiler: few passes over memory, little Python.

They are traced once, with the tensors of the first call: whatever Python they run through is run
then, and only then. Tensors that they work with beside those that they are given are read at every
call. Results differ in last bits from those of the functions themselves, and are the same from call
to call.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from landscape_gym.recycling import paused
from landscape_gym.refusal import Refusal


class Fused:
    """A function of tensors, fused at its first call, for others of the same shapes and types.

    Gradients do not go through it. A copy, or what is unpickled, is fused anew.

    Args:
        function: Made of torch's operations alone, none of which draws random numbers; no tensor's
            values decide which these are.
        writes: The number of an argument that it may write to; it writes to nothing else that is
            there before.
    """

    def __init__(self, function: Callable[..., Any], writes: int | None = None) -> None:
        self._function, self._writes = function, writes
        self._fused: Callable[..., Any] | None = None

    def __call__(self, *tensors: Tensor) -> Any:
        """The function's result, a tuple or list of tensors.

        Raises:
            Refusal: where the function cannot be traced, or there is no compiler.
            ValueError: where the function raises one.
        """
        if self._fused is not None:
            return self._fused(*tensors)
        try:
            # torch's tracers and compilers are for one thread; what they import is deprecated.
            with _ONE_AT_A_TIME, warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                fused = _fused(self._function, tensors, self._writes)
                result = fused(*tensors)
        except ValueError:  # the function's own
            raise
        except Exception as error:  # of whatever kind
            raise Refusal(
                f"leave compiled out: torch cannot compile this, or it fails by itself: {error}"
            ) from error
        self._fused = fused
        return result

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_fused": None}


def tracing() -> bool:
    """Whether a function is being traced: then what is written to views is slow later on."""
    return getattr(_here, "tracing", False)


@torch.no_grad()
def _fused(
    function: Callable[..., Any], examples: tuple[Tensor, ...], writes: int | None
) -> Callable[..., Any]:
    from torch.fx.experimental.proxy_tensor import make_fx  # slow to import

    apart = [tensor.detach() for tensor in examples]  # one given twice would be taken for one
    # "fake": on tensors without values, so that none can find its way into the trace.
    trace = make_fx(
        lambda *tensors: function(*tensors), tracing_mode="fake", _allow_non_fake_inputs=True
    )
    _here.tracing = True
    try:
        with paused():  # what is traced has no memory
            graph = trace(*apart)
    finally:
        _here.tracing = False
    _check(graph, writes)
    compiler: Any = torch._inductor  # for graphs that were traced without `torch.compile`
    return compiler.compile(graph, apart)


def _check(graph: torch.fx.GraphModule, writes: int | None) -> None:
    """Refuse what would not be done once a call, as the function says."""
    given = [node for node in graph.graph.nodes if node.op == "placeholder"]
    allowed = None if writes is None else given[writes]
    for node in graph.graph.nodes:
        if not isinstance(node.target, torch._ops.OpOverload):
            continue
        if torch.Tag.nondeterministic_seeded in node.target.tags:
            raise Refusal(f"leave compiled out: what is fused draws no random numbers ({node}).")
        arguments = node.target._schema.arguments
        values = node.kwargs | dict(zip([each.name for each in arguments], node.args, strict=False))
        written = [values[each.name] for each in arguments if each.is_write]
        if any(_root(each) not in (allowed, None) for each in written):
            raise Refusal(f"leave compiled out: what is fused changes no tensor ({node}).")


def _root(node: torch.fx.Node) -> torch.fx.Node | None:
    """What a traced tensor is a view of; None if that is made in the trace."""
    while isinstance(node.target, torch._ops.OpOverload):
        returned = node.target._schema.returns[0].alias_info
        if returned is None:
            return None
        node = node.all_input_nodes[0]
    return node


_here = threading.local()
_ONE_AT_A_TIME = threading.Lock()
