"""What a frame is of."""

import torch

from landscape_gym.optim import frame


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
