"""Random problems, over every registry, for Hypothesis."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from landscape_gym.actions import ACTIONS
from landscape_gym.channels import CHANNELS
from landscape_gym.landscapes import LANDSCAPES, Landscape
from landscape_gym.landscapes.spectrum import SPECTRA
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import DYNAMICS, NOISES, STARTS, NavigationProblem


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """Positive numbers over orders of magnitude."""
    return st.floats(np.log(low), np.log(high)).map(lambda x: float(np.exp(x)))


@st.composite
def landscapes(draw: st.DrawFn) -> Landscape:
    """A registered landscape in some dimension."""
    kind = draw(st.sampled_from(sorted(LANDSCAPES)))
    if kind == "quadratic":
        spectrum, rotated = draw(st.sampled_from(sorted(SPECTRA))), draw(st.booleans())
        std, dim = draw(st.sampled_from([0.0, 1.0])), draw(st.integers(1, 4))
        return LANDSCAPES[kind](dim=dim, curvature=spectrum, rotated=rotated, optimum_std=std)
    free = LANDSCAPES[kind].__dataclass_fields__["dim"].init
    return LANDSCAPES[kind](dim=draw(st.integers(2, 4))) if free else LANDSCAPES[kind]()


@st.composite
def problems(draw: st.DrawFn) -> NavigationProblem:
    """A problem of plain data in which anything may be random, stiff or short."""
    landscape = draw(landscapes())
    d = landscape.dim
    matrix = lambda rows, columns: np.random.default_rng(0).normal(size=(rows, columns))  # noqa: E731
    m = draw(st.one_of(st.none(), st.integers(1, d)))
    metrics: list[Any] = [None, np.linspace(0.5, 2.0, m or d), np.eye(m or d) + 0.1]
    metrics.append("max")
    if landscape.kind == "logistic_regression" and m is None:
        metrics.append("fisher")
    if landscape.offers("tensors") and m is None:
        metrics.append("spectral")
    noises = [None, *NOISES]
    if landscape.kind != "logistic_regression":
        noises.remove("minibatch")
    return NavigationProblem(
        landscape=landscape,
        eta=draw(numbers(1e-3, 1e3)),
        k=draw(numbers(1e-3, 1e3)),
        gamma=draw(st.one_of(st.just(0.0), numbers(1e-3, 10.0))),
        dt=draw(numbers(1e-3, 1.0)),
        horizon=draw(st.one_of(st.none(), st.integers(1, 12))),
        episode_steps=draw(st.integers(1, 12)),
        start=draw(st.sampled_from([None, *STARTS])),
        default_dynamics=draw(st.sampled_from([None, *DYNAMICS, matrix(d, d)])),
        control_matrix=None if m is None else matrix(d, m),
        metric=draw(st.sampled_from(metrics)),
        noise=draw(st.sampled_from(noises)),
        drift=draw(st.one_of(st.just(0.0), numbers(1e-3, 10.0))),
        hazard=draw(st.one_of(st.just(0.0), numbers(1e-2, 1e2))),
        signalled=draw(st.booleans()),
        max_norm=draw(st.one_of(st.none(), numbers(0.1, 1e4))),
    )


def observations() -> st.SearchStrategy[ObservationConfig]:
    """Some channels, scaled or not; all registered landscapes offer all that are not a model's."""
    names = [name for name, c in CHANNELS.items() if c.needs not in ("fisher", "tensors")]
    channels = st.lists(st.sampled_from(names), min_size=1, unique=True).map(tuple)
    rates = st.sampled_from([(0.9,), (0.0, 0.5)])
    decay, clip = st.sampled_from([0.0, 0.9]), st.sampled_from([None, 0.5])
    return st.builds(ObservationConfig, channels, rates, st.booleans(), decay, clip)


def action_kinds() -> st.SearchStrategy[dict[str, Any]]:
    """An action parametrisation, up to scales that diverge at once."""
    scales = st.builds(
        lambda kind, scale: {"kind": kind, "scale": scale},
        st.sampled_from(sorted(k for k, c in ACTIONS.items() if "scale" in c.__dataclass_fields__)),
        numbers(1e-6, 1e12),
    )
    others = sorted(k for k, c in ACTIONS.items() if "scale" not in c.__dataclass_fields__)
    return st.one_of(scales, st.sampled_from(others).map(lambda kind: {"kind": kind}))
