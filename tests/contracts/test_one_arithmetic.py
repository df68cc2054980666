"""NumPy arrays and torch tensors go through the same lines: the same numbers, gradients, vmap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck
from torch.func import vmap

from landscape_gym import NavigationProblem, dynamics, memory
from landscape_gym.actions import ACTIONS
from landscape_gym.arrays import Array, dot, like, namespace
from landscape_gym.channels import CHANNELS, scaling
from landscape_gym.coordinates import Coordinates
from landscape_gym.landscapes import Landscape, Minimum
from landscape_gym.landscapes.base import NoInstances
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.learner import Learner
from landscape_gym.noise import NOISES
from landscape_gym.norms import NORMS
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.refusal import Refusal
from landscape_gym.state import State

ROWS, DIM, RATES = 3, 4, (0.5, 0.9)
B = np.random.default_rng(1).normal(size=(DIM, 2))
G = np.array([[2.0, 0.3], [0.3, 0.6]])
H = np.diag([0.5, 1.0, 2.0, 4.0]) + 0.1
TENSORS = Tensors(((1, 2), (2,)))
MATRICES = Tensors(((2, 3), (3, 2, 1), (2,)))

NAMES = [field.name for field in fields(Learner) if field.name not in ("tensors", "elapsed")]
"""A learner's arrays of real numbers."""


class Bowl(Landscape):
    """``theta^T H theta / 2 + sum theta^4 / 4`` in whichever library theta is of."""

    kind: ClassVar[str] = "bowl"
    dim = DIM

    def sample(self, draw: Any) -> NoInstances:
        return NoInstances()

    def loss_and_grad(self, instances: Any, theta: Array) -> tuple[Array, Array]:
        xp, grad = namespace(theta), theta @ like(H, theta) + theta**3
        return dot(theta, theta @ like(H, theta)) / 2 + xp.sum(theta**4, axis=1) / 4, grad

    def hessian(self, instances: Any, theta: Array) -> Array:
        return like(H, theta) + 3 * theta[:, :, None] ** 2 * like(np.eye(DIM), theta)

    def curvature_diagonal(self, instances: Any, theta: Array) -> Array:
        return like(np.diag(H).copy(), theta) + 3 * theta**2

    def curvature_noise(self, instances: Any, theta: Array, normal: Array) -> Array:
        return normal * self.curvature_diagonal(instances, theta) ** 0.5

    def fisher(self, instances: Any, theta: Array) -> Array:
        return self.hessian(instances, theta)

    def minibatch_loss_and_grad(self, instances: Any, theta: Array, uniform: Array) -> Any:
        scale = 1 + namespace(uniform).sum(uniform, axis=1)
        loss, grad = self.loss_and_grad(instances, theta)
        return scale * loss, scale[:, None] * grad

    def minimum(self, instances: Any) -> Minimum:
        return Minimum(np.zeros((1, DIM)), np.full(1, -0.5))

    def tensors(self) -> Tensors:
        return TENSORS


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).uniform(0.2, 1.5, shape)


def learner(of: Callable[[Any], Array] = np.asarray) -> Learner:
    """A learner with all that it may have, in NumPy or, by `of`, in torch."""
    shapes = {
        **dict.fromkeys(("gradient", "theta", "start", "previous_gradient", "moved"), (DIM,)),
        **dict.fromkeys(("loss", "mean_square", "start_size"), ()),
        **dict.fromkeys(("averages", "squared_averages", "parameter_averages"), (2, DIM)),
        "previous_update": (2,),
    }
    values = {
        name: of(numbers(ROWS, *shape, seed=seed))
        for seed, (name, shape) in enumerate(shapes.items())
    }
    return Learner(elapsed=of(np.arange(ROWS) + 3), tensors=TENSORS, **values)


PROBLEM = NavigationProblem(Bowl(), control_matrix=B.tolist(), signalled=True, hazard=1.0)


def state(of: Callable[[Any], Array] = np.asarray, **changed: Array) -> State:
    seen = replace(learner(of), **changed)
    ones = of(np.ones(ROWS))
    shift, flags = of(numbers(ROWS, DIM, seed=50)), of(np.array([True, False, True]))
    return State(seen, NoInstances(), shift, 0 * ones, seen.gradient, ones, flags)


def vary(function: Callable[..., Any], *arguments: np.ndarray, smooth: bool = True) -> None:
    """The same of NumPy and torch, with gradients where it is smooth, and row by row under vmap."""
    ours = _flat(function(*arguments))
    tensors = [torch.tensor(each) for each in arguments]
    for mine, theirs in zip(ours, _flat(function(*tensors)), strict=True):
        assert isinstance(theirs, torch.Tensor)
        np.testing.assert_allclose(theirs.numpy(), mine, rtol=1e-12, atol=1e-12)
    rows = vmap(lambda *row: function(*(each[None] for each in row)))(*tensors)
    for mine, theirs in zip(ours, _flat(rows), strict=True):
        np.testing.assert_allclose(theirs.numpy().reshape(mine.shape), mine, rtol=1e-12, atol=1e-12)
    single = _flat(function(*(t.float() if t.is_floating_point() else t for t in tensors)))
    for mine, theirs in zip(ours, single, strict=True):
        np.testing.assert_allclose(theirs.numpy(), mine, rtol=2e-4, atol=1e-5)
    if smooth:
        for t in tensors:
            t.requires_grad_(t.is_floating_point())
        assert gradcheck(function, tensors)


def _flat(found: Any) -> list[Any]:
    if isinstance(found, tuple | list):
        return [each for part in found for each in _flat(part)]
    return [found]


theta, control, grad = (numbers(ROWS, n, seed=s) for n, s in ((DIM, 7), (2, 8), (DIM, 9)))
normal, uniform = numbers(ROWS, DIM, seed=10), numbers(ROWS, 32, seed=11) / 2
elapsed = np.arange(ROWS) + 3

METRICS = {"none": None, "diagonal": [0.5, 2.0], "matrix": G.tolist(), "max": "max"}
DEFAULT = {
    "none": None,
    "rotation": "rotation",
    "matrix": H.tolist(),
    "function": lambda x: namespace(x).sin(x),
}


@pytest.mark.parametrize("default", DEFAULT.values(), ids=DEFAULT)
def test_transitions(default: Any):
    problem = PROBLEM.replace(default_dynamics=default)
    vary(lambda x, u: dynamics.transition(problem, x, u), theta, control)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_control_costs(metric: Any):
    problem = PROBLEM.replace(metric=metric)
    vary(lambda x, u: dynamics.control_cost(problem, NoInstances(), x, u), theta, control)


@pytest.mark.parametrize("metric", ["fisher", "spectral"])
def test_control_costs_of_metrics_of_the_landscape(metric: str):
    problem = NavigationProblem(Bowl(), metric=metric)
    vary(lambda x, u: dynamics.control_cost(problem, NoInstances(), x, u), theta, grad)


def test_norms_and_the_parts_of_tensors():
    values = numbers(ROWS, 14) - 0.7
    vary(lambda u: NORMS["spectral"](u, MATRICES), values)
    vary(lambda u: MATRICES.joined([2.0 * part for part in MATRICES.matrices(u)]), values)
    vary(MATRICES.mean_squares, values)


@pytest.mark.parametrize("noise", [None, *NOISES, "minibatch loss"])
def test_losses_and_observed_gradients(noise: str | None):
    batch = {"kind": "minibatch", "exact_loss": False}
    problem = PROBLEM.replace(noise=batch if noise == "minibatch loss" else noise)

    def seen(x: Array, normal: Array, uniform: Array) -> tuple[Array, ...]:
        loss, g = dynamics.loss_and_grad(problem, NoInstances(), x, uniform)
        return loss, dynamics.observed_gradient(problem, NoInstances(), x, g, normal, uniform)

    vary(seen, theta, normal, uniform)


def test_minima():
    vary(lambda x: dynamics.minimum_loss(PROBLEM, NoInstances(), x), theta, smooth=False)


@pytest.mark.parametrize("regular", [False, True])
def test_switches(regular: bool):
    problem = PROBLEM.replace(regular=regular, hazard=3.0)
    switches = lambda n, u: 1.0 * dynamics.switches(problem, n, u)  # noqa: E731
    vary(switches, elapsed, uniform[:, 0], smooth=False)


@pytest.mark.parametrize("changes", [{}, {"gamma": 0.0}, {"horizon": 9}], ids=str)
def test_costs_of_divergence(changes: dict[str, Any]):
    problem, largest = PROBLEM.replace(**changes), np.array([0.2, 0.1, 0.3])
    vary(lambda c, e, n: dynamics.divergence_cost(problem, c, e, n), largest, grad[:, 0], elapsed)


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("matrix", [None, B], ids=["identity", "two controls"])
def test_actions(kind: str, matrix: Any):
    problem = NavigationProblem(Bowl(), control_matrix=matrix)
    action = ACTIONS[kind]()
    full = learner()
    if matrix is None:
        full.previous_update = numbers(ROWS, DIM, seed=20)
    vary(
        lambda a, *values: action.control(
            a, Learner(elapsed=None, **dict(zip(NAMES, values, strict=True))), matrix
        ),
        numbers(ROWS, action.size(problem), seed=21) / 2,
        *(getattr(full, name) for name in NAMES),
    )


@pytest.mark.parametrize("name", CHANNELS)
def test_channels(name: str):
    channel = CHANNELS[name]
    full = learner()

    def read(scale: Array, shift: Array, flags: Array, elapsed: Array, *values: Array) -> Array:
        seen = Learner(elapsed=elapsed, tensors=TENSORS, **dict(zip(NAMES, values, strict=True)))
        now = State(seen, NoInstances(), shift, scale, seen.gradient, scale, flags)
        shown = channel.shown(channel.of(now, PROBLEM), scaling(scale), *channel.bounds)
        return shown + 0 * seen.loss[:, None]  # what is alike for all rows, once for each

    flags = np.array([True, False, True])
    arguments = (getattr(full, each) for each in NAMES)
    smooth = name != "agreement"  # the size of an average has a corner at 0; its bound is 1
    vary(
        read, numbers(ROWS), numbers(ROWS, DIM, seed=30), flags, elapsed, *arguments, smooth=smooth
    )


def test_observations():
    config = ObservationConfig(tuple(CHANNELS), RATES, scaled=True)
    layout = Layout(config, PROBLEM)
    ours, theirs = layout.observe(state()), layout.observe(state(torch.tensor))
    assert ours.shape == (ROWS, layout.size)
    np.testing.assert_allclose(theirs, ours, rtol=1e-12)


def test_memories():
    config = ObservationConfig("gradient", RATES)
    kept = ("previous_gradient", "moved", "mean_square", "averages", "squared_averages")
    each = memory.Memory(config, (*kept, "parameter_averages", "start_size"))
    full = learner()

    def after(elapsed: Array, g: Array, x: Array, *values: Array) -> tuple[Array, ...]:
        before = Learner(elapsed=elapsed, **dict(zip(NAMES, values, strict=True)))
        found = each.after(before, g, x)
        return tuple(found[name] for name in sorted(found))

    vary(after, elapsed, grad, theta, *(getattr(full, name) for name in NAMES))

    def begin(g: Array, x: Array) -> tuple[Array, ...]:
        found = each.begin(g, x)
        return tuple(
            found[name] for name in sorted(found) if name not in ("moved", "previous_gradient")
        )

    vary(begin, grad, theta)


def test_coordinates():
    coordinates = Coordinates(ObservationConfig(("gradient", "loss", "averages"), RATES))
    vary(lambda seen: coordinates.rows(seen), numbers(ROWS, DIM + 1 + 2 * DIM))
    vary(lambda rows: coordinates.joined(rows, 1), numbers(ROWS, 2))


def test_noises_say_their_variance_and_the_curvature():
    h, bowl = np.array([0.5, 2.0]), Bowl()
    made = {kind: cls() for kind, cls in NOISES.items()}
    np.testing.assert_array_equal(made["isotropic"].variance(bowl, h), [0.1**2, 0.1**2])
    np.testing.assert_array_equal(made["curvature"].variance(bowl, h), 0.1**2 * h)
    np.testing.assert_array_equal(made["minibatch"].variance(bowl, h), h / 32)
    with pytest.raises(Refusal, match="not known in advance"):
        made["relative"].variance(bowl, h)
    stds = {kind: noise.curvature_std(bowl) for kind, noise in made.items()}
    assert stds == {"isotropic": 0.0, "curvature": 0.1, "relative": 0.0, "minibatch": 32**-0.5}
