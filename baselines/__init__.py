"""The line-up that agents are compared with: rules derived from the problem, and its optimum."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baselines.lineup import BEST_BELIEF, LOCAL_OPTIMUM, OPTIMUM, LineUp, line_up

__all__ = ["BEST_BELIEF", "LOCAL_OPTIMUM", "OPTIMUM", "LineUp", "line_up"]


def __getattr__(name: str) -> Any:
    """On first use: solvers and rules take seconds to import, and names of regimes do not."""
    if name in __all__:
        from baselines import lineup

        return getattr(lineup, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
