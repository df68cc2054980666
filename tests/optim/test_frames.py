"""What a frame is of, and when it is renewed."""

import pytest
import torch

from landscape_gym.optim import SelfScaledSOAP, frame


def test_frames_are_of_twenty_gradients_and_later_of_the_last_tenth():
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(400, 3, 2, generator=generator, dtype=torch.float64)
    state = frame.begun(torch.zeros(3, 2, dtype=torch.float64), 10)
    left, right = torch.zeros(3, 3).double(), torch.zeros(2, 2).double()
    for t, G in enumerate(gradients, 1):
        state["step"] = t
        frame.seen(state, G)
        new = 1 / 20 if t <= 200 else 10 / t
        left, right = left + new * (G @ G.T - left), right + new * (G.T @ G - right)
    torch.testing.assert_close(state[frame.LEFT], left, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(state[frame.RIGHT], right, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("renewal", "rows", "early", "late"),
    [
        (5, 3, [5, 10, 15, 20], [945, 990, 1000, 1050]),
        (7, 3, [7, 14, 21], [945, 1050]),
        (5, 20, [5, 10, 20], [900, 990, 1000, 1100]),  # twice max_dim: every second time
    ],
)
def test_frames_are_renewed_more_seldom_with_their_age(renewal, rows, early, late):
    state = frame.begun(torch.zeros(rows, 2), 10)

    def renewed(step: int) -> bool:
        state["step"] = step
        return frame.LEFT in frame.renewed(state, renewal, 10)

    assert [step for step in range(1, 25) if renewed(step)] == early
    assert [step for step in range(late[0], late[-1] + 1) if renewed(step)] == late


def test_the_age_of_a_frame_is_told_whatever_the_pace():
    """Every 7 steps, then every 14, 21, 28: 392 was in time, by the pace before the 400th step."""
    state = frame.begun(torch.zeros(3, 2), 10)
    last = 0
    for step in range(1, 500):
        state["step"] = step
        if frame.renewed(state, 7, 10):
            last = step
        assert frame.age(step, 7) == step - last


def test_a_frame_that_is_renewed_more_seldom_is_told_to_be_older():
    p = torch.nn.Parameter(torch.zeros(3, 2))
    optimizer = SelfScaledSOAP([p])
    for _ in range(207):
        p.grad = torch.ones_like(p)
        optimizer.step(loss=1.0)
    assert optimizer.diagnostics()["frame_age"] == 7


@pytest.mark.parametrize("shape", [(2, 515), (515, 2), (200, 515)])
def test_of_a_side_that_is_much_longer_parts_stand_for_it_in_turn(shape):
    generator = torch.Generator().manual_seed(0)
    state = frame.begun(torch.zeros(shape, dtype=torch.float64), 10)
    state[side := frame.LEFT if shape[0] < shape[1] else frame.RIGHT] = torch.zeros(
        min(shape), min(shape), dtype=torch.float64
    )
    k = 515 // max(min(shape), 128)
    expected = torch.zeros_like(state[side])
    for step in range(1, 9):
        state["step"] = step
        G = torch.randn(shape, generator=generator, dtype=torch.float64)
        frame.seen(state, G)
        part = (G if side == frame.LEFT else G.T)[:, step % k :: k]
        expected += (part @ part.T * 515 / part.shape[1] - expected) / 20
    torch.testing.assert_close(state[side], expected, rtol=1e-12, atol=1e-12)


def test_of_a_side_that_is_longer_but_short_all_is_taken():
    state = frame.begun(torch.zeros(2, 255, dtype=torch.float64), 10)
    state["step"] = 1
    G = torch.randn(2, 255, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    frame.seen(state, G)
    torch.testing.assert_close(state[frame.LEFT], G @ G.T / 20, rtol=1e-12, atol=1e-12)
