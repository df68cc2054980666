"""The line-up that agents are compared with: rules derived from the problem, and its optimum."""

from baselines.lineup import BEST_BELIEF, LOCAL_OPTIMUM, OPTIMUM, LineUp, line_up

__all__ = ["BEST_BELIEF", "LOCAL_OPTIMUM", "OPTIMUM", "LineUp", "line_up"]
