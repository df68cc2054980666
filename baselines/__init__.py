"""The line-up that agents are compared with: rules derived from the problem, and its optimum."""

from baselines.lineup import OPTIMUM, LineUp, line_up

__all__ = ["OPTIMUM", "LineUp", "line_up"]
