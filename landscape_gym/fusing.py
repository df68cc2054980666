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

from landscape_gym.refusal import Refusal


class Fused:
    """A function of tensors, fused at its first call, for others of the same shapes and types.

    Gradients do not go through it.

    Args:
        function: Made of torch's operations; no tensor's values decide which these are.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._traced = function, False

    def __call__(self, *tensors: Tensor) -> Any:
        """The function's result, a tuple or list of tensors.

        Raises:
            Refusal: where the function cannot be traced, or there is no compiler.
        """
        if self._traced:
            return self._function(*tensors)
        try:
            with warnings.catch_warnings():  # of what torch's own modules import
                warnings.simplefilter("ignore", DeprecationWarning)
                function = _fused(self._function, tensors)
                result = function(*tensors)
        except Exception as error:  # of whatever kind torch's tracers and compilers raise
            raise Refusal(f"leave compiled out: torch cannot compile this: {error}") from error
        self._function, self._traced = function, True
        return result


def tracing() -> bool:
    """Whether a function is being traced: then what is written to views is slow later on."""
    return getattr(_here, "tracing", False)


@torch.no_grad()
def _fused(function: Callable[..., Any], examples: tuple[Tensor, ...]) -> Callable[..., Any]:
    from torch.fx.experimental.proxy_tensor import make_fx  # slow to import

    apart = [tensor.detach() for tensor in examples]  # one given twice would be taken for one
    _here.tracing = True
    try:
        graph = make_fx(lambda *tensors: function(*tensors))(*apart)
    finally:
        _here.tracing = False
    compiler: Any = torch._inductor  # for graphs that were traced without `torch.compile`
    return compiler.compile(graph, apart)


_here = threading.local()
