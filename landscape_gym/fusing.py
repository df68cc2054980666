"""Functions of tensors fused by Inductor, torch's compiler: few passes over memory, little Python.

They are traced once, with the tensors of the first call: whatever Python they run through is run
then, and only then. Results differ in last bits from those of the functions themselves, and are the
same from call to call.
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
        function: Made of torch's operations alone; no tensor's values decide which these are.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._fused: Callable[..., Any] | None = None

    def __call__(self, *tensors: Tensor) -> Any:
        """The function's result, a tuple or list of tensors.

        Raises:
            Refusal: where the function cannot be traced, or there is no compiler.
        """
        if self._fused is not None:
            return self._fused(*tensors)
        try:
            # torch's tracers and compilers are for one thread; what they import is deprecated.
            with _ONE_AT_A_TIME, warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                fused = _fused(self._function, tensors)
                result = fused(*tensors)
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
def _fused(function: Callable[..., Any], examples: tuple[Tensor, ...]) -> Callable[..., Any]:
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
    compiler: Any = torch._inductor  # for graphs that were traced without `torch.compile`
    return compiler.compile(graph, apart)


_here = threading.local()
_ONE_AT_A_TIME = threading.Lock()
