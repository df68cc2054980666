"""The frame of the gradients' second moment: rotations, batches, episodes, and rules in it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from landscape_gym import REGIMES
from landscape_gym.actions import Normalized, Velocity
from landscape_gym.belief_frame import BeliefFrame
from landscape_gym.control import NoisyQuasiNewtonPolicy
from landscape_gym.frame import FIRST, GROWN, INVARIANTS, RIDGE, Axes, Frame, FrameState
from landscape_gym.learned import Cell, Dense, LearnedRule, Network
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import restarted
from landscape_gym.refusal import Refusal

SEEN = ObservationConfig(
    ("gradient", "previous_update", "displacement", "averages", "lags"), rates=(0.5, 0.9)
)
FRAME = Frame(SEEN)
RANDOM = np.random.default_rng(3)
DIM, STEPS = 4, 12


def network(outputs: int = len(FRAME.vectors)) -> Network:
    first = Dense(RANDOM.normal(size=(8, len(INVARIANTS))) / 4, RANDOM.normal(size=8))
    last = Dense(RANDOM.normal(size=(outputs, 8)) / 8, RANDOM.normal(size=outputs) / 8)
    return Network((first, last))


def rule(**changes) -> LearnedRule:
    parts = {
        "observation": SEEN,
        "action": Velocity(10.0),
        "network": network(),
        "mean": RANDOM.normal(size=len(INVARIANTS)),
        "std": RANDOM.uniform(0.5, 2, len(INVARIANTS)),
        "clip": 4.0,
        "framed": True,
    }
    return LearnedRule(**parts | changes)


RULE = rule()
PROBLEM = REGIMES["landscape-nav"].problem.replace(landscape={"dim": DIM})
BELIEF = BeliefFrame(SEEN, PROBLEM)


def believing(**changes) -> LearnedRule:
    """A rule in the frame of a belief."""
    inputs, outputs = len(BELIEF.invariants), len(BELIEF.vectors)
    first = Dense(RANDOM.normal(size=(8, inputs)) / 4, RANDOM.normal(size=8))
    last = Dense(RANDOM.normal(size=(outputs, 8)) / 8, RANDOM.normal(size=outputs) / 8)
    scaling = {"mean": np.zeros(inputs), "std": np.ones(inputs)}
    parts = {"network": Network((first, last)), "believes": PROBLEM} | scaling
    return rule(**parts | changes)


RULES = {"gradients": RULE, "belief": believing(), "relative": replace(RULE, relative=True)}
CELL = Cell(Dense(np.ones((44, 11)), np.ones(44)), Dense(np.ones((44, 11)), np.ones(44)))


def walk(rule: LearnedRule, rotation: np.ndarray, batch: int = 3) -> np.ndarray:
    """Moves of a rule on bowls that are rotated, with gradients too, (steps, batch, d)."""
    random = np.random.default_rng(0)
    curvature, target = random.uniform(0.1, 3, (batch, DIM)), random.normal(size=(batch, DIM))
    x, u, state, moves = np.zeros((batch, DIM)), np.zeros((batch, DIM)), None, []
    averages, lags = np.zeros((2, batch, 2, DIM))
    for _ in range(STEPS):
        g = curvature * (x - target) + 0.2 * random.normal(size=(batch, DIM))
        averages += 0.3 * (g[:, None] - averages)
        lags += 0.3 * (x[:, None] - lags)
        parts = [g, u, x, *averages.swapaxes(0, 1), *lags.swapaxes(0, 1)]
        seen = np.concatenate([part @ rotation.T for part in parts], axis=1)
        action, state = rule.predict(seen, state)
        u = action @ rotation * rule.action.scale
        x = x + 0.1 * u
        moves.append(u)
    return np.stack(moves)


@pytest.mark.parametrize("kind", RULES)
def test_rotating_the_landscape_rotates_the_moves(kind: str):
    rotation, _ = np.linalg.qr(RANDOM.normal(size=(DIM, DIM)))
    straight, rotated = (walk(RULES[kind], each) for each in (np.eye(DIM), rotation))
    assert np.abs(straight).mean() > 0.05
    np.testing.assert_allclose(rotated, straight, atol=1e-6)


def seen(batch: int, dim: int, steps: int = STEPS) -> np.ndarray:
    size = Layout(SEEN, REGIMES["landscape-nav"].problem.replace(landscape={"dim": dim})).size
    return np.random.default_rng(1).normal(size=(steps, batch, size))


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("dim", [1, 3, 10])
def test_a_batch_acts_as_its_rows_do_alone_in_any_dimension(kind: str, dim: int):
    rule, states, together = RULES[kind], [None] * 3, None
    for observation in seen(3, dim):
        actions, together = rule.predict(observation, together)
        assert actions.shape == (3, dim)
        for row in range(3):
            alone, states[row] = rule.predict(observation[row : row + 1], states[row])
            np.testing.assert_allclose(alone[0], actions[row], atol=1e-10)


@pytest.mark.parametrize("kind", RULES)
def test_a_row_whose_episode_begins_forgets_and_the_others_do_not(kind: str):
    rule, whole, restarted = RULES[kind], None, None
    for step, observation in enumerate(seen(2, 3)):
        begins = np.array([step == 5, False])
        action, restarted = rule.predict(observation, restarted, begins)
        if step == 5:
            afresh = None
        if step >= 5:
            new, afresh = rule.predict(observation[:1], afresh)
            np.testing.assert_allclose(action[0], new[0], atol=1e-10)
        same, whole = rule.predict(observation, whole)
        np.testing.assert_array_equal(action[1], same[1])
    assert np.abs(action[0] - same[0]).max() > 1e-3


@pytest.mark.parametrize("place", ["displacement", "parameters"])
def test_a_rule_that_trusts_its_belief_is_the_learner_who_takes_it_for_the_truth(place):
    channels = ObservationConfig(("gradient", "previous_update", place))
    frame = BeliefFrame(channels, PROBLEM)
    trust = np.array([float(name == "believed move") for name in frame.vectors])
    network = Network((Dense(np.zeros((len(trust), len(frame.invariants))), trust),))
    rule = believing(observation=channels, network=network, action=Velocity(1e3))
    believer, states = NoisyQuasiNewtonPolicy(PROBLEM, place, rounds=None), [None, None]
    for y, u, x in np.random.default_rng(5).normal(size=(STEPS, 3, 3, DIM)):
        move, states[0] = rule.predict(np.concatenate([y, u, x], axis=1), states[0])
        same, states[1] = believer.predict(np.concatenate([y, x], axis=1), states[1])
        held = states[0].frame.held[:, None]
        np.testing.assert_allclose(move * 1e3, held * same * believer.action.scale, atol=1e-9)


@pytest.mark.parametrize("relative", [True, False])
def test_in_units_of_the_first_gradient_only_the_size_tells_the_scale(relative: bool):
    frame, invariants, moves = Frame(SEEN, relative), [], []
    scales = np.array([1.0, 1 / 64])
    state = frame.begin(np.zeros((2, seen(1, DIM).shape[2])))
    for observation in seen(1, DIM):
        framed, state = frame.see(observation * scales[:, None], state)
        invariants.append(framed.invariants)
        moves.append(np.linalg.norm(frame.out_of(framed.vectors[:, :, 0], state), axis=1))
    np.testing.assert_allclose(
        np.divide(*np.array(moves).T), 64
    )  # the gradient, seen and given back
    large, small = np.array(invariants).swapaxes(0, 1)
    size = INVARIANTS.index("log size")
    assert np.allclose((large - small)[..., size], np.log(64), atol=1e-2)
    others = np.delete(large - small, size, axis=-1)
    assert np.allclose(others, 0) == relative


@pytest.mark.parametrize("changes", [{"framed": False}, {"believes": PROBLEM}])
def test_relative_is_of_the_frame_of_gradients_alone(changes: dict):
    with pytest.raises(ValueError, match="nothing to measure lengths by"):
        rule(relative=True, **changes)


def test_moves_shrink_where_gradients_have_grown_and_only_there():
    channels = ObservationConfig(("gradient", "previous_update", "displacement"))
    frame, direction, held = Frame(channels), np.array([[0.6, 0.8, 0.0]]), []
    state = frame.begin(np.zeros((1, 9)))
    for length in [1.0] * FIRST + [GROWN, 5 * GROWN, 0.1, 5 * GROWN]:
        observation = np.concatenate([length * direction, np.zeros((1, 6))], axis=1)
        state = frame.see(observation, state)[1]
        held.append(state.held[0])
        moved = np.linalg.norm(frame.out_of(np.ones((1, 3)), state))
        assert moved == pytest.approx(np.sqrt(3) * held[-1])
    np.testing.assert_allclose(held, [1.0] * (FIRST + 1) + [0.2, 1.0, 0.2])


def test_a_rule_that_is_too_fast_by_far_does_not_diverge():
    """Gradient descent at 20 times the rate at which it is stable, in a bowl of curvature 1."""
    channels = ObservationConfig(("gradient", "previous_update", "displacement"))
    frame, x = Frame(channels), np.full((1, 2), 3.0)
    state = frame.begin(np.zeros((1, 6)))
    for _ in range(200):
        state = frame.see(np.concatenate([x, 0 * x, x], axis=1), state)[1]
        x = x + frame.out_of(np.vecmat(-40.0 * x, state.basis), state)
    # No step is longer than 40 times what a gradient may have, and those point downhill.
    typical = np.sqrt(state.first[0] / FIRST)
    assert typical < 4 * 3 * np.sqrt(2)
    assert np.linalg.norm(x) < 40 * GROWN * typical


def test_the_frame_of_tensors_is_that_of_arrays():
    arrays = tensors = None
    for step, observation in enumerate(seen(2, 3)):
        given = torch.tensor(observation)
        by_numpy, arrays = FRAME.see(observation, arrays or FRAME.begin(observation))
        by_torch, tensors = FRAME.see(given, tensors or FRAME.begin(given))
        # Axes along which nothing was seen yet are any; the others have any sign.
        for a, b in zip(by_numpy, by_torch, strict=True) if step >= 3 else ():
            np.testing.assert_allclose(np.abs(a), np.abs(b.numpy()), atol=1e-8)


class WholeFrame(Frame):
    """The same axes from the whole moment, however little was seen."""

    def _axes(self, state: FrameState, x: np.ndarray, y: np.ndarray) -> Axes:
        return Axes(np.linalg.eigh(state.yy + RIDGE * np.eye(x.shape[1]))[1])

    def _seen(self, state: FrameState) -> int:
        return state.x.shape[1]


@pytest.mark.parametrize("relative", [True, False])
def test_before_there_are_as_many_gradients_as_coordinates_the_axes_are_the_same(relative: bool):
    """Of two bowls in 9 dimensions, one of which begins anew: few axes are turned, not all."""
    channels, dim = ObservationConfig(("gradient", "previous_update", "displacement")), 9
    random = np.random.default_rng(4)
    frames = [kind(channels, relative) for kind in (Frame, WholeFrame)]
    whiten = random.normal(size=(2, dim, dim)) / 3
    H, target = whiten @ whiten.mT, random.normal(size=(2, dim))
    weights = random.normal(size=(len(INVARIANTS), len(frames[0].vectors))) / 10
    x = u = np.zeros((2, dim))
    states = [frame.begin(np.zeros((2, 3 * dim))) for frame in frames]
    for step in range(14):
        begins = np.array([step == 4, False])
        x, u = (np.where(begins[:, None], 0.0, each) for each in (x, u))
        observation = np.concatenate([np.matvec(H, x - target), u, x], axis=1)
        moves = []
        for k, frame in enumerate(frames):
            states[k] = restarted(states[k], begins, frame.begin(observation))
            framed, states[k] = frame.see(observation, states[k])
            along = (framed.vectors * (0.1 * np.tanh(framed.invariants @ weights))).sum(axis=2)
            moves.append(frame.out_of(along, states[k]))
        few, whole = states
        np.testing.assert_allclose(*moves, atol=1e-8)
        assert np.abs(moves[0]).max() > 1e-3
        np.testing.assert_allclose(
            few.basis.mT @ few.basis, np.eye(dim) * np.ones((2, 1, 1)), atol=1e-12
        )
        spanned = few.basis[:, :, -min(step + 1, dim) :]
        np.testing.assert_allclose(spanned @ (spanned.mT @ few.yy), whole.yy, atol=1e-10)
        u = moves[1]
        x = x + u


def test_invariants_are_what_they_are_called():
    """Along the axes of a bowl without noise, on a path that tells everything."""
    curvature = np.array([0.2, 1.0, 4.0])
    random, state, gradients, places = np.random.default_rng(2), None, [], []
    frame = Frame(ObservationConfig(("gradient", "previous_update", "displacement")))
    n = 399
    for _ in range(n):
        x = random.normal(size=(1, 3))
        y, u = curvature * x, random.normal(size=(1, 3))
        observation = np.concatenate([y, u, x], axis=1)
        framed, state = frame.see(observation, state or frame.begin(observation))
        gradients.append(y[0])
        places.append(x[0])
    found = dict(zip(INVARIANTS, framed.invariants[0].T, strict=True))
    np.testing.assert_allclose(found["log secant"], np.log(curvature), atol=0.02)
    assert found["mean log secant"][0] == pytest.approx(found["log secant"].mean())
    np.testing.assert_allclose(found["log spread"], np.log(np.var(places, axis=0)), atol=0.05)
    moment = np.linalg.eigvalsh(np.array(gradients).T @ gradients) / n
    np.testing.assert_allclose(found["log moment"], np.log(moment), atol=1e-3)
    assert found["mean log moment"][0] == pytest.approx(found["log moment"].mean())
    assert found["young age"][0] == pytest.approx(n / (n + 5))
    assert found["old age"][0] == pytest.approx(n / (n + 30))
    for name, vector in (("gradient", y), ("update", u), ("place", x)):
        np.testing.assert_allclose(
            found[f"log {name}"], 0.3 * np.log(vector[0] ** 2 + 1e-6), atol=0.1
        )
    assert found["log size"][0] == pytest.approx(
        0.5 * np.log((np.square(gradients).sum(1)).mean()), abs=0.01
    )
    vectors = dict(zip(frame.vectors, framed.vectors[0].T, strict=True))
    np.testing.assert_allclose(
        np.abs(vectors["mean gradient"]), np.abs(np.mean(gradients, 0)), atol=0.05
    )


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        (("gradient", "previous_update"), "displacement or parameters"),
        (("gradient", "displacement"), "previous_update"),
        (("gradient", "previous_update", "displacement", "elapsed"), "'elapsed' does not rotate"),
        (("gradient", "previous_update", "displacement", "secant"), "'secant' does not rotate"),
    ],
)
def test_channels_that_a_frame_cannot_use_are_refused(channels: tuple[str, ...], said: str):
    with pytest.raises(Refusal, match=said):
        Frame(ObservationConfig(channels))
    with pytest.raises(Refusal, match="unscaled"):
        Frame(ObservationConfig(SEEN.channels, scaled=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": network(3)}, "11 inputs and 3 outputs"),
        ({"action": Normalized()}, "sets velocities"),
        ({"per_coordinate": True}, "features per coordinate"),
        ({"network": Network(network().layers, cell=CELL)}, "LSTM"),
    ],
)
def test_rules_that_do_not_fit_a_frame_are_refused(changes: dict, said: str):
    with pytest.raises(ValueError, match=said):
        rule(**changes)
