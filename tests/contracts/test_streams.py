"""Random numbers: a row's depend on its seed and its own history, never on other rows."""

import numpy as np
import pytest

from landscape_gym.streams import BLOCK_STEPS, Streams, fresh_seeds

NORMALS, UNIFORMS = 3, 2


def streams(
    seeds: list[int], steps: int, dtype: str = "float32", normals: int = NORMALS
) -> Streams:
    made = Streams(len(seeds), normals, UNIFORMS, steps, np.dtype(dtype))
    made.seed(range(len(seeds)), seeds)
    made.begin(np.arange(len(seeds)))
    return made


def shown(made: Streams, row: int) -> np.ndarray:
    return np.concatenate([made.normal[row], made.uniform[row]])


@pytest.mark.parametrize("steps", [1, 7, BLOCK_STEPS, 3 * BLOCK_STEPS + 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_any_age_draw_what_they_would_draw_alone(steps: int, dtype: str):
    together = streams([3, 4, 5], steps, dtype)
    alone = [streams([seed], steps, dtype) for seed in (3, 4, 5)]
    rng = np.random.default_rng(0)
    for _ in range(2 * BLOCK_STEPS + 9):
        for row in range(3):
            np.testing.assert_array_equal(shown(together, row), shown(alone[row], 0))
        again = np.flatnonzero(rng.uniform(size=3) < 0.1)
        together.advance()
        for single in alone:
            single.advance()
        if again.size:
            together.begin(again)
            for row in again:
                alone[row].begin(np.arange(1))


def test_rows_that_stand_still_draw_nothing():
    made = streams([3, 4], 4)
    state = made.generators[1].bit_generator.state
    for _ in range(9):
        made.advance(np.array([False, True]))
    assert made.generators[1].bit_generator.state == state
    assert made.generators[0].bit_generator.state != state


def test_no_number_is_shown_twice_and_none_is_left_at_zero():
    made = streams([8], 300)
    seen = []
    for _ in range(700):
        seen.append(shown(made, 0))
        made.advance()
    values = np.stack(seen)[:, :NORMALS]
    assert len(np.unique(values)) > 0.99 * values.size
    assert values.all()


def test_normal_and_uniform_numbers_are_normal_and_uniform():
    made = streams(list(range(200)), 100, normals=5)
    normal, uniform = [], []
    for _ in range(100):
        normal.append(made.normal.copy())
        uniform.append(made.uniform.copy())
        made.advance()
    n, u = np.stack(normal), np.stack(uniform)
    assert abs(n.mean()) < 4 / np.sqrt(n.size)
    assert n.var() == pytest.approx(1, abs=4 * np.sqrt(2 / n.size))
    assert u.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * u.size))
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(np.corrcoef(n[1:].ravel(), n[:-1].ravel())[0, 1]) < 4 / np.sqrt(n.size)


def test_draws_come_from_each_rows_own_generator():
    made = streams([3, 4], 10)
    draw = made.draws([1])
    expected = streams([4], 10).draws([0])
    np.testing.assert_array_equal(draw.normal(2, 3), expected.normal(2, 3))
    np.testing.assert_array_equal(draw.uniform(4), expected.uniform(4))
    assert draw.normal(0).shape == (1, 0)


def test_fresh_seeds_differ():
    assert len({*fresh_seeds(50), *fresh_seeds(50)}) == 100
