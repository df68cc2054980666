"""The bound that asks what was gained lately: its law, its limits, and arrays of every kind."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from landscape_gym.gain_bound import GainBound
from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP
from landscape_gym.rules import LossBound


def told(bound: GainBound, losses: np.ndarray, decrease: float = 1e-6):
    """The last factor and what is remembered, after these losses."""
    state, factor = bound.init(losses[0]), 1.0
    for loss in losses:
        factor, state = bound.factor(decrease, loss, state)
    return factor, state


@pytest.mark.parametrize(("alpha", "part"), [(1.0, 8 / 9), (0.5, 16 / 57)])
def test_what_is_left_of_a_power_law_whatever_its_floor(alpha, part):
    """A_p - floor = (p + 1)/(p + 1 - alpha) a t^-alpha, so A_1 - A_9 is 8/9 or 16/57 of it."""
    t = np.arange(1, 200_001, dtype=float)
    for floor in (0.0, 5.0):
        losses = floor + 40 * t**-alpha
        bound = GainBound(3.0, gain=1.0, lowest=-np.inf)
        left = bound.left(told(bound, losses)[1])
        hoped = losses[-1] / (2 * (len(t) + 11))
        assert left == pytest.approx(max(part * (losses[-1] - floor), hoped), rel=0.01)


def test_it_is_the_bound_by_the_loss_where_all_of_it_is_left():
    loss, v = np.array([2.0]), np.array([-1.0, 1.0])
    old, new = LossBound(3.0, lowest=0.5), GainBound(3.0, np.inf, 0.5, warm_up=1)
    state, after = old.init(loss), new.init(loss)
    for _ in range(3):
        u, state = old.slowed(v, -v, loss, state)
        w, after = new.slowed(v, -v, loss, after)
    np.testing.assert_allclose(u, w, rtol=1e-12)
    assert not np.allclose(u, GainBound(3.0, lowest=0.5).slowed(v, -v, loss, after)[0])


def test_a_promised_rise_is_slowed_as_a_fall_is():
    losses = np.linspace(2.0, 1.0, 60)
    fall, rise, little = (told(GainBound(3.0), losses, d)[0] for d in (5.0, -5.0, -1e-9))
    assert fall == rise < 0.1
    assert little == pytest.approx(1.0)


def test_a_step_that_is_uphill_itself_counts_more_where_it_is_asked():
    losses = np.linspace(2.0, 1.0, 60)
    state = told(GainBound(3.0), losses, 0.1)[1]
    said = {
        (rise, decrease): GainBound(3.0, rise=rise).factor(decrease, 1.0, state)[0]
        for rise in (0.0, 10.0)
        for decrease in (0.1, -0.1)
    }
    assert said[10.0, 0.1] == said[0.0, 0.1] > 0.5
    assert said[10.0, -0.1] < 0.5 * said[0.0, -0.1]
    bound = GainBound(3.0, warm_up=1)
    asked = replace(bound, rise=10.0).factor(-0.1, 2.0, bound.init(2.0))[0]
    assert asked == pytest.approx(bound.factor(-1.1, 2.0, bound.init(2.0))[0]), "at first, too"


def test_the_bank_is_slowed_where_it_climbs():
    bound = FilterBank([torch.nn.Parameter(torch.zeros(1))]).bound
    state = told(bound, np.linspace(2.0, 1.0, 60), 0.1)[1]
    flat, uphill = (bound.factor(decrease, 1.0, state)[0] for decrease in (0.0, -0.1))
    assert uphill < 0.7 * flat


def sloped(losses: np.ndarray, share: float) -> tuple[float, float]:
    """The last factor and reach, where slopes at steps' ends are such a part of the promise."""
    bound, factor = GainBound(3.0, adaptation=0.1), 0.0
    state = bound.init(losses[0])
    for loss in losses:
        factor, state = bound.factor(0.1, loss, state, 0.1 * factor * share)
    return factor, state.reach


STAYS_UP = 1 + 2 / np.arange(1.0, 400.0)


def test_slopes_at_steps_ends_tell_steps_that_only_stir_noise():
    """They limit the factor, and where the loss stays up they also tell what was gained."""
    flat, falling = sloped(STAYS_UP, 0.0), sloped(STAYS_UP, -1.0)
    assert flat[1] == pytest.approx(1.0)
    assert falling[1] == pytest.approx(1.0)
    assert flat[0] < 0.5 * falling[0]
    state = GainBound(3.0).init(2.0)
    assert GainBound(3.0).factor(0.1, 2.0, state) == GainBound(3.0).factor(0.1, 2.0, state, 0.0)


def test_steps_that_end_uphill_are_cut_and_grow_again():
    uphill = sloped(STAYS_UP, 0.5)
    assert uphill[1] == pytest.approx(1e-4), "0.95 a step, to the least"
    assert uphill[0] == pytest.approx(1e-4)
    still = GainBound(3.0).factor(0.1, 2.0, GainBound(3.0).init(2.0)._replace(made=0.1), 9.0)[1]
    assert still.reach == 1.0, "without an adaptation"
    bound, state = GainBound(3.0, warm_up=1, adaptation=0.1), GainBound(3.0).init(2.0)
    cut = state._replace(made=0.1, reach=0.01)
    reaches = []
    for _ in range(60):
        factor, cut = bound.factor(1e-6, 2.0, cut, -0.1)
        reaches.append(cut.reach)
        assert factor <= (1 + 1e-9) * cut.reach
    assert reaches == sorted(reaches)
    assert reaches[-1] == pytest.approx(1.0)


def test_where_velocities_fade_slopes_may_give_back_what_they_faded_by():
    """A fiftieth a step, and no more than that; what is promised is still to be had at the end."""
    bound = GainBound(3.0, np.inf, warm_up=1, adaptation=0.1, fading=10.0)
    state, reaches = bound.init(2.0), []
    for t in range(1, 61):
        factor, state = bound.factor(1e-6, 2.0, state, -state.made)
        reaches.append(state.reach)
        assert factor == pytest.approx(min(state.reach, t), rel=1e-4)
    np.testing.assert_allclose(np.divide(reaches[30:], reaches[29:-1]), 1.02, rtol=1e-2)
    _, down = bound.factor(1e-6, 2.0, state._replace(descent=0.0), 10 * state.made)
    assert down.reach == pytest.approx(0.98 * state.reach)
    for _ in range(400):
        _, state = bound.factor(1e-6, 2.0, state, -state.made)
    assert state.reach == pytest.approx(1 + 459 / 10)
    assert replace(bound, fading=np.inf).factor(1e-6, 2.0, state)[1].reach == 1.0
    noisy = replace(bound, gain=1.0).factor(1e-6, 2.0, state)[1]
    part = replace(bound, gain=1.0).left(noisy) / noisy.loss
    assert part < 0.1
    assert noisy.reach == pytest.approx(1 + part * 460 / 10), "less where noise keeps the loss up"


def test_beyond_one_the_reach_is_a_factor_of_velocities_before_they_are_bounded():
    bound = GainBound(3.0, warm_up=1, adaptation=0.1, fading=1.0)
    state = told(bound, np.linspace(2.0, 1.0, 60), 0.1)[1]
    twice = bound.factor(0.1, 1.0, state._replace(reach=2.0))[0]
    doubled = bound.factor(0.2, 1.0, state._replace(promise=2 * state.promise, reach=1.0))[0]
    assert twice == pytest.approx(2 * doubled, rel=1e-12)
    assert twice > 1.05 * bound.factor(0.1, 1.0, state)[0]


def test_what_the_frames_optimizer_faded_by_is_given_back_while_the_loss_falls():
    """A slope without an end; who has not faded, as one who joins, is given nothing."""
    p, late = (torch.nn.Parameter(torch.ones(4, dtype=torch.float64)) for _ in range(2))
    optimizer = SelfScaledSOAP([p], weight_decay=0.5)

    def stepped(t: int) -> dict[str, float]:
        p.grad = torch.ones_like(p)
        optimizer.step(loss=1e4 * math.exp(-t / 200))
        return optimizer.diagnostics()

    for t in range(400):
        said = stepped(t)
    assert said["reach"] == pytest.approx(1 + 399 / 200)
    assert said["slowdown"] > 2
    optimizer.add_param_group({"params": [late], "weight_decay": 0.0})
    late.grad, before = torch.ones_like(late), p.detach().clone()
    stepped(400)
    velocity, stride = (optimizer.state[late][name] for name in ("velocity", "stride"))
    assert stride * velocity[0].item() == pytest.approx(-0.4 * 1.005 / (1 + 1 / 200), rel=0.01)
    state = optimizer.state[p]
    own = before + state["stride"] * state["velocity"]
    torch.testing.assert_close(p.detach(), own - 0.5 * before)  # weights did not fade


def test_without_a_lower_bound_nothing_is_given_back():
    bound = GainBound(3.0, lowest=-np.inf, warm_up=1, adaptation=0.1, fading=10.0)
    state = bound.init(2.0)
    for _ in range(60):
        _, state = bound.factor(1e-6, 2.0, state, -state.made)
    assert state.reach == 1.0


def test_what_is_not_trusted_is_not_made():
    bound = GainBound(3.0, warm_up=1)
    state = told(bound, np.linspace(2.0, 1.0, 60), 0.1)[1]
    (whole, after), (part, less) = (
        bound.factor(0.1, 1.0, state, trust=trust) for trust in (1.0, 0.25)
    )
    assert part == whole
    assert less.made - 0.9 * state.made == pytest.approx(0.25 * (after.made - 0.9 * state.made))
    assert less._replace(made=after.made) == after


def test_the_first_steps_are_short_whatever_they_promise():
    bound = GainBound(3.0, warm_up=4)
    state, factors = bound.init(2.0), []
    for _ in range(6):
        factor, state = bound.factor(1e-9, 2.0, state)
        factors.append(factor)
    np.testing.assert_allclose(factors, [0.25, 0.5, 0.75, 1, 1, 1], rtol=1e-6)


def test_it_goes_on_after_the_loss_has_risen():
    bound = GainBound(3.0)
    risen = np.concatenate([np.full(5, 2.0), np.full(20, 14.0)])
    factor, state = told(bound, risen, decrease=10.0)
    assert state.slow < state.quick
    assert 1e-3 < factor < 0.1


def test_a_part_of_what_was_lost_is_left_to_gain():
    bound = GainBound(3.0)
    risen = np.concatenate([np.full(200, 1.0), np.full(20, 1.5)])
    state = told(bound, risen)[1]
    weight = 1 - 0.9 ** len(risen)
    assert bound.left(state) == pytest.approx(0.2 * weight * (state.quick - state.slow))
    assert bound.left(state) > 10 * 0.5 * 1.5 / 231, "what is hoped for anyway"


@pytest.mark.parametrize("make", [SelfScaledAdam, SelfScaledSOAP, FilterBank])
def test_weights_that_were_lost_are_learned_again(make):
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))
    first = [torch.randn(p.shape, generator=generator) for p in model.parameters()]
    x = torch.randn(64, 4, generator=generator)
    y = torch.randn(64, 3, generator=generator)
    optimizer, losses = make(model.parameters()), []
    for t in range(600):
        if t % 300 == 0:
            torch.nn.utils.vector_to_parameters(
                torch.cat([p.ravel() for p in first]), model.parameters()
            )
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step(loss=loss)
        losses.append(loss.item())
    assert losses[300] > 10 * losses[299]
    assert losses[599] < 1.5 * losses[299]


def test_it_slows_where_the_loss_stays_above_the_floor():
    flat = 1 + 2 / np.arange(1.0, 400.0)
    assert told(GainBound(3.0), flat, 0.1)[0] < 0.3 * told(GainBound(3.0, np.inf), flat, 0.1)[0]


def test_rows_tensors_and_floats_are_alike():
    bound = GainBound(3.0)
    rng = np.random.default_rng(0)
    v, g, losses = (
        rng.normal(size=(3, 5, 4)),
        rng.normal(size=(3, 5, 4)),
        rng.uniform(1, 2, (3, 5, 1)),
    )
    rows, tensors = bound.init(losses[0]), bound.init(torch.tensor(losses[0]))
    one, slope = bound.init(float(losses[0, 2, 0])), 0.0
    for t in range(3):
        u, rows = bound.slowed(v[t], g[t], losses[t], rows)
        same, tensors = bound.slowed(*map(torch.tensor, (v[t], g[t], losses[t])), tensors)
        decrease = -float(v[t, 2] @ g[t, 2])
        factor, one = bound.factor(decrease, float(losses[t, 2, 0]), one, slope)
        np.testing.assert_allclose(u, same, rtol=1e-12)
        np.testing.assert_allclose(u[2], factor * v[t, 2], rtol=1e-12)
        slope = float(u[2] @ g[(t + 1) % 3, 2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_and_tensors_keep_their_type_and_each_row_its_own_reach(dtype: str):
    bound = GainBound(3.0, np.inf, warm_up=1, adaptation=0.1, fading=10.0)
    loss, falls = np.array([[2.0], [2.0]], dtype), np.array([[1.0], [-1.0]], dtype)
    rows, tensors = bound.init(loss), bound.init(torch.tensor(loss))
    floats = [bound.init(2.0), bound.init(2.0)]
    decrease = np.full((2, 1), 1e-3, dtype)
    for _ in range(40):
        slope = -falls * rows.made
        both, rows = bound.factor(decrease, loss, rows, slope)
        given = map(torch.tensor, (decrease, loss))
        same, tensors = bound.factor(*given, tensors, torch.tensor(slope))
        one = [
            bound.factor(1e-3, 2.0, s, -f * s.made) for s, f in zip(floats, (1, -1), strict=True)
        ]
        floats = [state for _, state in one]
    assert both.dtype == rows.reach.dtype == np.dtype(dtype)
    assert same.dtype == tensors.reach.dtype == getattr(torch, dtype)
    assert rows.reach[0, 0] > 1.5
    assert rows.reach[1, 0] < 0.5
    tolerance = 1e-10 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(both[:, 0], [factor for factor, _ in one], rtol=tolerance)
    np.testing.assert_allclose(both, same, rtol=tolerance)


@pytest.mark.parametrize(
    "constants",
    [{"stiffness": 0.0}, {"stiffness": 1.0, "gain": -1.0}, {"stiffness": 1.0, "fading": 0.0}],
)
def test_constants_that_are_not_positive_are_refused(constants):
    with pytest.raises(ValueError, match="must be > 0"):
        GainBound(**constants)


@pytest.mark.parametrize("hope", [0.5, 3.0])
def test_where_nothing_is_gained_a_part_of_the_loss_over_the_age_is_hoped_for(hope: float):
    bound = GainBound(3.0, hope=hope)
    left = bound.left(told(bound, np.full(200, 2.0))[1])
    assert left == pytest.approx(hope * 2.0 / 211)


@pytest.mark.parametrize("name", ["adaptation", "rise", "hope"])
def test_constants_that_are_negative_are_refused(name: str):
    with pytest.raises(ValueError, match=name):
        GainBound(3.0, **{name: -0.1})


@pytest.mark.parametrize(("kind", "hope"), [(SelfScaledSOAP, 3.0), (SelfScaledAdam, 0.5)])
def test_where_steps_fade_by_their_steepness_more_is_hoped_for(kind, hope: float):
    p = torch.nn.Parameter(torch.ones(4, 4, dtype=torch.float64))
    optimizer = kind([p])
    for _ in range(1000):
        p.grad = torch.zeros_like(p)
        optimizer.step(loss=2.0)
    assert optimizer.diagnostics()["left"] == pytest.approx(hope * 2.0 / 1011)
