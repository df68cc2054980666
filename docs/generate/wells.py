"""The double well against independent reference values."""

from __future__ import annotations

import json

import numpy as np

from baselines.pages import ROOT, markdown
from docs.generate.effort import Effort
from landscape_gym.control import GridSolution, crossing_interval, grid_solution
from landscape_gym.landscapes import DoubleWell
from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem

REFERENCE = ROOT / "tests" / "golden" / "optima.json"
START = np.array([[-0.6, 0.0]])
"""In the near well, where the reference gives values; y is at its minimum."""
LOCAL_MINIMUM, LOCAL_MAXIMUM, GLOBAL_MINIMUM = np.sort(np.roots([4.0, 0.0, -4.0, -0.5]).real)
"""Where the slope 4 x (x^2 - 1) - 1/2 of the loss along x vanishes."""
STEPS = 600
"""By then every path from node to node has stopped."""
HEAD = (
    "gamma",
    "V(-0.6)",
    "its error",
    "node to node",
    "reference",
    "crosses from x =",
    "node to node",
    "reference",
    "stalled on the hill",
)


def wells_table(effort: Effort) -> str:
    """Values and boundaries by refined moves, by moves from node to node, and of the reference."""
    cases = json.loads(REFERENCE.read_text())["double_well"]
    steep = 2 * np.sqrt(4 - 12 * LOCAL_MAXIMUM**2)
    return (
        f"{effort.points} points on [-2, 2]; the local maximum of the loss is at x = "
        f"{LOCAL_MAXIMUM:.3f}, and 2 sqrt(-eta k L'') is {steep:.2f} there.\n\n"
        + markdown(HEAD, [wells_row(case, effort) for case in cases])
    )


def double_well(gamma: float = 1.0) -> NavigationProblem:
    """The paper's Figure 1."""
    return NavigationProblem(landscape=DoubleWell(), gamma=gamma)


def wells_row(case: dict, effort: Effort) -> tuple[str, ...]:
    """One discount rate."""
    problem = double_well(case["gamma"])
    refined = grid_solution(problem, points=effort.points)
    nodes = grid_solution(problem, points=effort.points, refined=False, estimate=False)
    crosses, stalled = ends_of_node_paths(nodes)
    return (
        f"{case['gamma']:g}",
        f"{refined.value(START)[0]:.6f}",
        f"{refined.error:.0e}",
        f"{nodes.value(START)[0]:.6f}",
        f"{case['value_at_minus_0_6']:.6f}",
        boundary(crossing_interval(refined)[0]),
        boundary(crosses),
        boundary(case["crosses_from_x"]),
        f"{stalled[0]:.3f} to {stalled[-1]:.3f}" if len(stalled) else "none",
    )


def ends_of_node_paths(nodes: GridSolution) -> tuple[float, Array]:
    """The first node whose path ends in the global well, and nodes whose path ends in neither."""
    x = nodes.parts[0].value.grid.axes[0]
    ends = nodes.path(np.stack([x, np.zeros_like(x)], axis=1), STEPS)[-1, :, 0]
    middle = np.abs(ends - LOCAL_MAXIMUM)
    on_the_hill = middle < np.minimum(GLOBAL_MINIMUM - ends, ends - LOCAL_MINIMUM)
    crossed = np.abs(ends - GLOBAL_MINIMUM) < np.abs(ends - LOCAL_MAXIMUM)
    return float(x[crossed][0]), x[on_the_hill]


def boundary(x: float) -> str:
    """The first start that crosses."""
    return "all" if x == -2.0 else f"{x:.3f}"
