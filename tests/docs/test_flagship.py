"""What the page on the flagship's rule reads off a rule."""

import numpy as np
import pytest

from baselines.pages import marker_names
from docs.generate.flagship import BLOCKS, PAGE, gains, read, trusting, vectors_table
from landscape_gym import load_rule


def test_a_believer_moves_by_his_own_vector_alone_and_less_where_it_is_steep():
    believer = trusting(load_rule("landscape-nav"))
    found = read(believer, 8, steps=12)
    trusted = believer.frame.vectors.index("believed move")  # type: ignore[union-attr]
    others = np.delete(found.moves, trusted, axis=-1)
    assert (others == 0).all()
    assert found.curvature.min() > 0.05 - 1e-3
    assert found.curvature.max() < 5 + 1e-2
    table = vectors_table({"believer": (believer, found)})
    assert "| believed move | +100.0%" in " ".join(table.split())
    gain = gains(found, (4, 12), np.array([0.05, 0.5, 5.0]))
    assert 0 < gain[0] < gain[1] < 5


def test_the_page_has_a_place_for_everything():
    assert set(marker_names(PAGE.read_text())) == set(BLOCKS)


def test_gains_are_moves_over_distances():
    rule = load_rule("landscape-nav")
    found = read(rule, 4, steps=3)
    doubled = found._replace(moves=-2 * found.error[..., None])
    np.testing.assert_allclose(gains(doubled, (1, 3), np.array([0.01, 10.0])), [2.0])
    assert found.weight == pytest.approx([1, found.weight[1], found.weight[1] ** 2])
