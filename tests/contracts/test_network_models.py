"""The transformer and its text: causal, batched like other networks, made by name."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from landscape_gym.networks import Data, NetworkLandscape, Transformer
from landscape_gym.networks.attention import Layer
from landscape_gym.networks.raven import RAVEN

SMALL = Transformer(width=8, heads=2, layers=2)


def small_landscape(**fields: Any) -> NetworkLandscape:
    return NetworkLandscape(SMALL, "text", data_size=64, **fields)


def starts(landscape: NetworkLandscape, rows: int) -> np.ndarray:
    scale = np.float32(0.3)
    return scale * np.random.default_rng(0).standard_normal((rows, landscape.dim), np.float32)


def test_text_is_the_poem_and_each_target_the_character_behind_its_window() -> None:
    data = Data.of("text")
    alphabet = "abcdefghijklmnopqrstuvwxyz "

    def read(numbers: Any) -> str:
        return "".join(alphabet[int(number)] for number in numbers)

    whole = " ".join("".join(c if c.isalpha() else " " for c in RAVEN.lower()).split())
    assert read(data.x[0]) + read([data.y[0]]) == whole[:9]
    assert read(data.x[5]) + read([data.y[5]]) == whole[5:14]
    assert data.test_x is not None
    assert data.test_y is not None
    assert whole.endswith(read(data.test_x[-1]) + read([data.test_y[-1]]))
    seen = whole[: len(data.x) + 8]
    assert seen + read(data.test_x[0]) == whole[: len(seen) + 8], "parts overlap, or leave a gap"
    assert data.outputs == 27
    assert data.classes


def test_no_place_sees_a_later_one() -> None:
    torch.manual_seed(0)
    layer, x = Layer(width=8, heads=2), torch.randn(1, 6, 8)
    changed = x.clone()
    changed[0, 4, 0] += 1.0  # not of all alike, which the norm removes
    differs = (layer(x) - layer(changed)).abs().amax(-1)[0] > 1e-6
    assert differs.tolist() == [False] * 4 + [True] * 2


def test_attention_is_torchs() -> None:
    torch.manual_seed(0)
    layer, x = Layer(width=8, heads=2), torch.randn(3, 6, 8)
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": layer.mixed.weight,
            "in_proj_bias": layer.mixed.bias,
            "out_proj.weight": layer.joined.weight,
            "out_proj.bias": layer.joined.bias,
        }
    )
    mask = torch.nn.Transformer.generate_square_subsequent_mask(6)
    expected = theirs(x, x, x, attn_mask=mask, is_causal=True, need_weights=False)[0]
    torch.testing.assert_close(layer._attended(x), expected)


def test_gradients_are_autograds_and_batches_are_their_rows() -> None:
    landscape = small_landscape()
    theta = starts(landscape, 3)
    losses, grads = landscape.loss_and_grad((), theta)  # type: ignore[arg-type]
    data = Data.of("text").first(64)
    for row in range(3):
        module = SMALL.build((8,), 27)
        torch.nn.utils.vector_to_parameters(torch.tensor(theta[row]), module.parameters())
        loss = torch.nn.functional.cross_entropy(module(torch.tensor(data.x)), torch.tensor(data.y))
        loss.backward()
        grad = torch.cat([torch.as_tensor(p.grad).flatten() for p in module.parameters()])
        np.testing.assert_allclose(losses[row], loss.item(), rtol=1e-5)
        np.testing.assert_allclose(grads[row], grad, rtol=1e-3, atol=1e-5)
    one_by_one = small_landscape(vectorized=False).loss_and_grad((), theta)  # type: ignore[arg-type]
    np.testing.assert_allclose(grads, one_by_one[1], rtol=1e-3, atol=1e-5)


def test_an_environment_has_it_by_name() -> None:
    landscape = {"kind": "network", "model": "transformer", "data": "text", "data_size": 500}
    env = gym.make("LandscapeNav/Digits-v0", landscape=landscape)
    observation, info = env.reset(seed=0)
    assert observation in env.observation_space
    assert abs(info["loss"] - np.log(27)) < 0.5, "it starts with more than chance"


def test_it_learns_the_text() -> None:
    landscape = small_landscape()
    theta = starts(landscape, 1)
    losses = []
    for _ in range(40):
        loss, grad = landscape.loss_and_grad((), theta)  # type: ignore[arg-type]
        theta = theta - np.float32(0.3) * grad
        losses.append(loss[0])
    assert losses[-1] < losses[0] - 0.5


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"width": 9}, "multiple of its heads"), ({"layers": 0}, "at least 1")],
)
def test_settings_that_make_no_network_are_refused(fields: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Transformer(**fields)


def test_data_that_are_no_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match="shape \\(length,\\)"):
        _ = NetworkLandscape("transformer", (np.zeros((4, 2, 2)), np.zeros(4, int))).dim
    with pytest.raises(ValueError, match="do not fit together"):  # numbers of no characters
        _ = NetworkLandscape("transformer", (np.full((4, 2), -3), np.arange(4))).dim
