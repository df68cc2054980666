"""Where climbing out of a local minimum stops to pay (theory section 10)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_gym.control.grid.escape import critical_discount, crossing_interval, reaches_minimum
from landscape_gym.control.grid.solution import GridSolution, grid_solution
from landscape_gym.problem import NavigationProblem

GOLDEN = json.loads((Path(__file__).parent / "optima.json").read_text())["double_well"]
CELL = 0.002
"""Of the reference values' grid."""
# Above gamma^2 = -4 eta k L'' the local maximum is an unstable node and not a focus: then paths
# part at the maximum itself, whatever the horizon.
MAXIMUM = np.sort(np.roots([4.0, 0.0, -4.0, -0.5]).real)[1]


def solved(landscape: Any = "double_well", gamma: float = 1.0, **changes: Any) -> GridSolution:
    problem = NavigationProblem(landscape=landscape, gamma=gamma, **changes)
    return grid_solution(problem, points=501 if problem.dim == 2 else 201, estimate=False)


@pytest.mark.parametrize("case", GOLDEN[:4], ids=lambda case: f"gamma={case['gamma']}")
def test_paths_cross_from_the_reference_start_on(case: Any) -> None:
    low, high = crossing_interval(solved(gamma=case["gamma"]))
    assert high == 2.0
    if case["all_cross"]:
        assert low == -2.0
    else:
        assert case["crosses_from_x"] - CELL < low <= case["crosses_from_x"]


def test_short_horizons_part_at_the_local_maximum() -> None:
    # The reference, -0.120, stops between it and the maximum, where a step is below half a cell.
    curvature = 12 * MAXIMUM**2 - 4
    case = GOLDEN[4]
    assert case["gamma"] ** 2 > -4 * curvature
    low, _ = crossing_interval(solved(gamma=case["gamma"]))
    assert low == pytest.approx(MAXIMUM, abs=1e-4)
    assert low < case["crosses_from_x"] < low + 5 * CELL


def test_whether_a_start_reaches_the_minimum_is_what_its_path_says() -> None:
    solution = solved(gamma=1.0)
    starts = np.array([[-2.0, 1.0], [-0.6, 0.55], [-0.39, 0.0], [-0.37, -1.0], [1.7, 0.2]])
    crosses = reaches_minimum(solution, starts)
    np.testing.assert_array_equal(crosses, [False, False, False, True, True])
    ends = solution.path(starts, 500)[-1, :, 0]
    np.testing.assert_array_equal(ends > 0, crosses)


def test_the_critical_discount_of_a_reference_start_is_its_discount() -> None:
    problem = NavigationProblem(landscape="double_well")
    starts = [[-0.378, 0.0], [-0.192, 0.3], [1.0, 0.0], [-0.1, 0.0]]
    first, second, *always = critical_discount(problem, starts, points=501, tolerance=2e-3)
    # The references cross from within a cell of the true start, at which the rate is less steep.
    assert first == pytest.approx(1.0, rel=0.03)
    assert second == pytest.approx(2.0, rel=0.03)
    assert np.isinf(always).all()
    at = lambda gamma: reaches_minimum(solved(gamma=gamma), starts[:1])[0]  # noqa: E731
    assert at(0.995 * first)
    assert not at(1.005 * first)


def test_a_start_that_never_crosses_has_no_critical_discount() -> None:
    problem = NavigationProblem(landscape="double_well")
    critical = critical_discount(problem, [[-0.93, 0.0]], points=201, low=2.0, high=20.0)
    assert critical[0] == 0.0


def test_several_wells_have_an_interval_about_the_lowest() -> None:
    solution = solved({"kind": "rastrigin", "dim": 1, "amplitude": 1.0}, gamma=2.0)
    low, high = crossing_interval(solution)
    assert low == pytest.approx(-high, abs=1e-6)
    assert 0.4 < high < 5.0  # beyond the top of the first ridge or at it, short of the box
    far, near = crossing_interval(solved({"kind": "rastrigin", "dim": 1, "amplitude": 1.0}, 0.2))
    assert far < low
    assert near > high


def test_minima_of_the_same_loss_count() -> None:
    problem = NavigationProblem(landscape="himmelblau", gamma=1.0)
    solution = grid_solution(problem, points=101, estimate=False)
    starts = np.array([[3.0, 2.0], [-2.8, 3.1], [-3.7, -3.2], [3.5, -1.8], [4.0, 4.0]])
    assert reaches_minimum(solution, starts).all()


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (NavigationProblem(landscape="double_well", default_dynamics="decay"), "default dynamics"),
        (NavigationProblem(landscape="double_well", horizon=5), "infinite horizon"),
        (NavigationProblem(), "Quadratic draws its own"),
    ],
)
def test_what_is_not_covered_is_refused(problem: NavigationProblem, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        critical_discount(problem, [[0.0, 0.0]])


def test_axes_that_depend_on_each_other_have_no_interval() -> None:
    problem = NavigationProblem(landscape="himmelblau", gamma=1.0)
    with pytest.raises(ValueError, match=r"separable.*reaches_minimum"):
        crossing_interval(grid_solution(problem, points=21, estimate=False))


def test_moves_from_node_to_node_are_refused() -> None:
    problem = NavigationProblem(landscape="double_well", gamma=1.0)
    solution = grid_solution(problem, points=101, refined=False, estimate=False)
    with pytest.raises(ValueError, match="refined=True"):
        reaches_minimum(solution, np.zeros((1, 2)))


def test_an_empty_range_of_rates_is_refused() -> None:
    problem = NavigationProblem(landscape="double_well")
    with pytest.raises(ValueError, match="low < high"):
        critical_discount(problem, [[0.0, 0.0]], low=2.0, high=1.0)
