"""Steps where gradients are hardly more than rounding."""

import pytest
import torch

from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP

EPS = torch.finfo(torch.float32).eps


def trusts(make, sizes: list[float], dtype: torch.dtype) -> list[float]:
    """Of gradients of such norms, of one direction."""
    p = torch.nn.Parameter(torch.zeros(4, dtype=dtype))
    optimizer, found = make([p]), []
    for size in sizes:
        before, p.grad = p.detach().clone(), torch.full_like(p, size / 2)
        optimizer.step(loss=1.0)
        said = optimizer.diagnostics()
        assert said["trust"] > 0 or torch.equal(p, before)
        found.append(said["trust"])
    return found


@pytest.mark.parametrize("make", [SelfScaledSOAP, SelfScaledAdam, FilterBank])
@pytest.mark.parametrize("part", [64.0, 8.0, 1.0])
def test_gradients_are_trusted_less_in_proportion_where_they_are_hardly_more_than_rounding(
    make, part
):
    sizes = [1e-6] * 20 + [1e-6 * part * EPS]
    rounded, exact = (trusts(make, sizes, dtype) for dtype in (torch.float32, torch.float64))
    assert exact == [1.0] * 21
    assert rounded == [1.0] * 20 + [pytest.approx(min(1.0, part / 32), rel=1e-4)]


def test_steps_are_shorter_by_that():
    p = torch.nn.Parameter(torch.zeros(4))
    optimizer = SelfScaledAdam([p])
    for size in [1.0] * 60 + [8 * EPS]:
        p.grad = torch.full_like(p, size / 2)
        optimizer.step(loss=1.0)
    said, faded = optimizer.diagnostics(), 1 + 61 / 100
    assert said["trust"] == pytest.approx(0.25)
    assert optimizer.state[p]["stride"] == pytest.approx(0.25 * said["slowdown"] * 0.4 / faded)
    assert said["effective_rate"] == pytest.approx(0.25 * said["slowdown"])


def test_a_later_outlier_is_not_what_gradients_were_at_their_largest():
    for outliers, trust in ((3, 1.0), (300, 1e-2 / (32 * EPS * 1e6))):
        sizes = [1.0] * 10 + [1e6] * outliers + [1e-2]
        assert trusts(SelfScaledSOAP, sizes, torch.float32)[-1] == pytest.approx(trust, rel=1e-2)


def test_a_norm_that_overflows_is_no_outlier_for_ever():
    """Squares are finite, as is each coordinate; their sum is not."""
    assert trusts(SelfScaledAdam, [2e19, 1.0, 1.0], torch.float32) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("make", [SelfScaledSOAP, SelfScaledAdam, FilterBank])
def test_without_a_gradient_nothing_moves_and_the_first_one_that_is_there_counts(make):
    found = trusts(make, [0.0, 0.0, 1.0, 8 * EPS], torch.float32)
    assert found == [0.0, 0.0, 1.0, pytest.approx(0.25)]
