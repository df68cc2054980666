"""What tests of stored rules share, and those of fused steps."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.contracts.artifact_files import good_files


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of one rule of each kind."""
    return good_files(tmp_path_factory.mktemp("good"))


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[torch.fx.GraphModule]:
    """Traces are run as they are, and not compiled; what there was."""
    graphs: list[torch.fx.GraphModule] = []

    def uncompiled(graph: torch.fx.GraphModule, examples: Any) -> Callable[..., Any]:
        graphs.append(graph)

        @torch.no_grad()
        def run(*given: Tensor) -> Any:
            for tensor, example in zip(given, examples, strict=True):  # a compiler relies on it
                assert (tensor.stride(), tensor.dtype) == (example.stride(), example.dtype)
            return graph(*given)

        return run

    monkeypatch.setattr("torch._inductor.compile", uncompiled)
    return graphs
