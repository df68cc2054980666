"""Steps where gradients are hardly more than rounding."""

import numpy as np
import pytest
import torch

from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP

EPS = torch.finfo(torch.float32).eps


def slowdowns(make, sizes: list[float], dtype: torch.dtype) -> list[float]:
    """Those after gradients of such norms, of one direction."""
    p = torch.nn.Parameter(torch.zeros(4, dtype=dtype))
    optimizer, found = make([p]), []
    for size in sizes:
        p.grad = torch.full_like(p, size / 2)
        optimizer.step(loss=1.0)
        found.append(optimizer.diagnostics()["slowdown"])
    return found


@pytest.mark.parametrize("make", [SelfScaledSOAP, SelfScaledAdam, FilterBank])
@pytest.mark.parametrize("part", [64.0, 8.0, 1.0])
def test_steps_are_shorter_in_proportion_where_gradients_are_hardly_more_than_rounding(make, part):
    sizes = [1e-6] * 20 + [1e-6 * part * EPS]
    rounded, exact = (slowdowns(make, sizes, dtype) for dtype in (torch.float32, torch.float64))
    np.testing.assert_allclose(rounded[:20], exact[:20], rtol=1e-4)
    assert rounded[20] == pytest.approx(min(1.0, part / 32) * exact[20], rel=1e-3)


def test_an_outlier_is_not_what_gradients_were_at_their_largest():
    for outliers, trust in ((3, 1.0), (300, 1e-2 / (32 * EPS * 1e6))):
        sizes = [1.0] * 10 + [1e6] * outliers + [1e-2]
        rounded, exact = (
            slowdowns(SelfScaledSOAP, sizes, dtype)[-1] for dtype in (torch.float32, torch.float64)
        )
        assert rounded == pytest.approx(trust * exact, rel=1e-2)


def test_a_norm_that_overflows_is_no_outlier_for_ever():
    """Squares are finite, as is each coordinate; their sum is not."""
    assert slowdowns(SelfScaledAdam, [2e19, 1.0, 1.0], torch.float32)[-1] > 0


@pytest.mark.parametrize("make", [SelfScaledSOAP, SelfScaledAdam, FilterBank])
def test_without_a_gradient_nothing_moves(make):
    assert slowdowns(make, [0.0, 0.0], torch.float32) == [0.0, 0.0]


def test_a_classifier_that_has_learned_all_stays_there():
    """In float32 a cross entropy of 1e-8 is rounding; steps that went on led out of it."""
    torch.manual_seed(0)
    layers = [m for _ in range(6) for m in (torch.nn.Linear(12, 12), torch.nn.Tanh())]
    model = torch.nn.Sequential(torch.nn.Linear(4, 12), *layers, torch.nn.Linear(12, 3))
    x = torch.randn(48, 4)
    y = (x @ torch.randn(4, 3)).argmax(-1)
    optimizer, losses = SelfScaledSOAP(model.parameters()), []
    for t in range(900):
        rows = torch.arange(16) + 16 * (t % 3)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step(loss=loss)
        losses.append(loss.item())
    assert max(losses[-300:]) < 1e-5
