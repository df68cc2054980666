"""The generated parts of docs/optimal-control.md, and its example."""

import doctest
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import docs.generate.__main__ as main
from docs.generate.effort import QUICK, Effort
from docs.generate.notebook import notebook_mark, notebook_table, point
from docs.generate.regimes import cost_of, cost_of_nothing, regime_row, told_the_end
from docs.generate.wells import LOCAL_MAXIMUM, wells_row
from landscape_gym.control import rotation_end_point
from landscape_gym.policy import DoNothing
from landscape_gym.registration import REGIMES

PAGE = Path(__file__).parents[2] / "docs" / "optimal-control.md"


def cells(table: str) -> list[list[str]]:
    """The rows of a Markdown table, without the line below its head."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert set("".join(rows.pop(1))) == {"-"}
    return rows


def between(text: str, name: str) -> str:
    return text.split(f"<!-- {name}:begin -->")[1].split(f"<!-- {name}:end -->")[0]


@pytest.mark.slow
def test_a_page_gets_its_tables_and_pictures_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    shutil.copy(PAGE, page)
    main.generate(page, QUICK)
    text = page.read_text()
    sizes = {
        "regimes": (14, 7),
        "brackets": (5, 7),
        "rotation": (3, 8),
        "wells": (6, 9),
        "notebook": (8, 4),
    }
    for name, size in sizes.items():
        rows = cells(between(text, name))
        assert np.shape(rows) == size
        assert f"`{main.COMMAND}`, revision" in between(text, name)
    apart = [
        re.sub(r"(<!-- (\w+):begin -->).*(<!-- \2:end -->)", "", each, flags=re.S)
        for each in (text, PAGE.read_text())
    ]
    assert apart[0] == apart[1]
    assert {path.name for path in tmp_path.iterdir()} == {"page.md", "images"}
    pictures = {path.name for path in (tmp_path / "images").iterdir()}
    assert pictures == set(main.PICTURES)
    assert all(f"(images/{name})" in text for name in pictures)


@pytest.mark.parametrize("name", list(main.TABLES))
def test_a_page_without_a_marker_is_refused_before_anything_is_computed(
    tmp_path, monkeypatch, name
):
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text().replace(f"<!-- {name}:end -->", ""))
    monkeypatch.setattr(main, "TABLES", dict.fromkeys(main.TABLES, lambda _: pytest.fail("ran")))
    with pytest.raises(ValueError, match=rf"page\.md: write <!-- {name}:begin -->"):
        main.generate(page, main.QUICK)


def test_the_page_has_every_picture_that_it_shows():
    text = PAGE.read_text()
    for name in re.findall(r"\(images/([\w-]+\.png)\)", text):
        assert (PAGE.parent / "images" / name).exists(), name


def test_the_page_is_an_example_that_runs():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    test = doctest.DocTestParser().get_doctest(example, {}, PAGE.name, str(PAGE), 0)
    assert len(test.examples) > 5
    assert doctest.DocTestRunner().run(test).failed == 0


def test_the_exact_cost_of_doing_nothing_is_what_is_simulated():
    problem = REGIMES["partial-control"].problem
    exact = cost_of_nothing(problem, 1)
    simulated = cost_of(problem, DoNothing(problem.control_dim), 2048)
    assert exact.error == 0 < simulated.error
    assert abs(exact.mean - simulated.mean) < 4 * simulated.error


def test_a_regime_whose_curvature_is_hidden_has_a_bound_above_full_information():
    name, steps, best, end, learned, bound, nothing = regime_row("landscape-nav", QUICK)
    assert (name, steps, bound) == ("landscape-nav", "200", "a lower bound")
    assert float(end.split()[0]) <= float(best)
    assert float(best) < float(learned) < float(nothing)


def test_who_is_told_the_end_pays_less():
    problem = REGIMES["partial-control"].problem
    least = finite_horizon_cost(problem)
    assert told_the_end(problem) == f"{least:#.4g} (-1.13%)"


def finite_horizon_cost(problem):
    """Of 200 steps, by the backward recursion alone: J = E[V(theta)], V = theta' P theta + ..."""
    H = float(problem.landscape.curvature[0])
    z, beta, dt = np.array(problem.landscape.optimum), problem.discount, problem.dt
    A = np.eye(2) + dt * problem.dynamics_matrix
    P, p, c = np.zeros((2, 2)), np.zeros(2), 0.0  # cost to go x'Px + 2 p'x + c
    for _ in range(problem.steps):
        M = (
            dt * problem.k * H / 2 * np.eye(2) + beta * P
        )  # charged after the move, at y = Ax + dt u
        m, s = -dt * problem.k * H / 2 * z + beta * p, dt * problem.k * H / 2 * z @ z + beta * c
        R = np.eye(2) / (2 * problem.eta * dt)
        W = np.linalg.inv(R + M)
        P, p, c = A.T @ (R - R @ W @ R) @ A, A.T @ R @ W @ m, s - m @ W @ m
    return float(np.trace(P) + c)  # starts are N(0, I)


def test_simulated_costs_come_with_their_error():
    row = regime_row("double-well", replace(QUICK, episodes=64))
    assert row[5] == "exact"
    for cost in (row[2], row[4], row[6]):
        mean, error = (float(part) for part in cost.split(" +- "))
        assert 0 < error < mean


def test_short_horizons_part_at_the_local_maximum_and_stall_beside_it():
    case = {"gamma": 5.0, "value_at_minus_0_6": 0.3, "crosses_from_x": -2.0}
    row = wells_row(case, replace(QUICK, points=1001))
    assert row[5] == f"{LOCAL_MAXIMUM:.3f}" == "-0.127"
    first, last = (float(end) for end in row[8].split(" to "))
    assert first < LOCAL_MAXIMUM < last < float(row[6])
    assert row[7] == "all"


def test_the_notebook_is_right_where_nothing_is_discounted_but_for_its_mark():
    rows = {row[0]: row[1:] for row in cells(notebook_table(Effort()))}
    rate, theirs = rows["decay, j = 1: rate"], rows["the notebook's rate"]
    assert rate == ["2.2361", "2.0000", "1.7016"]
    assert theirs == ["2.2361", "1.5616", "0.5616"]
    assert rows["the notebook's end point"] == ["0.8000", "1.0000", "2.0000"]
    figure = np.array([0.0, -0.5])
    assert point(notebook_mark(figure, gamma=0.0, q=10.0)) == "(0.0000, -0.0002)"
    assert point(rotation_end_point(figure, 4.0, gamma=0.0, q=10.0)) == "(0.0000, -0.0192)"
