"""The map of optimizers: its page's figures, and that the forms win where theory has them."""

import pytest

from baselines.stationary import FORMS, drifting, over_told, told
from docs.generate.which_optimizer import cell, main, right_one
from landscape_gym.derivation.linear_rule import best_linear_rule


@pytest.mark.parametrize(
    ("p", "name"), [(-1, "gradient descent"), (0, "RMSprop"), (1, "natural gradient")]
)
def test_the_drift_decides_which_form_is_right(p, name):
    costs = cell(0.01, 0.99, p, shaped=False)
    assert right_one(costs) == name
    assert costs[name] == pytest.approx(1.0, abs=1e-3)
    assert all(cost >= 1 - 1e-9 for cost in costs.values())


def test_slow_control_needs_a_memory():
    assert right_one(cell(0.01, 0.1, 0.0, shaped=True)) == "Adam"
    assert right_one(cell(0.01, 0.1, -1.0, shaped=True)) == "heavy ball"


def test_of_one_curvature_the_best_heavy_ball_is_lqg():
    one = drifting(0.2, 0.3, h=drifting(0.2).curvatures[3:4])
    assert best_linear_rule(one).cost == pytest.approx(told(one), rel=1e-9)
    assert over_told(one, FORMS["RMSprop"]) > 1.01


@pytest.mark.slow
def test_the_page_is_written(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- forms:begin -->\n<!-- forms:end -->\n")
    main(["--quick", "--page", str(page)])
    assert page.read_text().count("| G = H") == 12
    assert (tmp_path / "images/which-optimizer.png").stat().st_size > 1000
