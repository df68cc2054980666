"""`NavigationProblem`: one description that the simulator, the solvers and the rules share.

Notation (docs/notation.md), in discrete time, the environment's exact semantics:

    theta+ = theta + dt (f(theta) + B u)
    c      = dt [ 1/(2 eta) u^T G(theta) u + k (L_z(theta+) - L_z^min) ]       reward = -c
    beta   = exp(-gamma dt)                                                    discount per step

Where the metric is a norm N, ``N(u)^2`` stands for ``u^T G u``. Where u is the learning rate of
gradient descent, B is minus the gradient that is seen.

After the cost of a step is charged, the hidden z (optimum, curvature, task) is redrawn with
probability ``1 - exp(-hazard dt)`` and its landscape moves by a Gaussian random walk of variance
``drift`` per unit time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np

from landscape_gym.configuration import (
    Matrix,
    Vector,
    alternative,
    build,
    count,
    matrix,
    merged,
    number,
    one_of,
    plain,
    unknown,
    vector,
)
from landscape_gym.landscapes import LANDSCAPES, Landscape, Quadratic, SmallNetworks
from landscape_gym.landscapes.base import Array, Draws
from landscape_gym.networks import ContinualLandscape, NetworkLandscape
from landscape_gym.noise import (
    NOISES,
    CurvatureNoise,
    IsotropicNoise,
    MinibatchNoise,
    Noise,
    RelativeNoise,
)
from landscape_gym.norms import NORMS

__all__ = [  # and the noises, so that a problem and its parts are imported from one place
    "DYNAMICS",
    "NOISES",
    "STARTS",
    "CurvatureNoise",
    "Decay",
    "DefaultDynamics",
    "IsotropicNoise",
    "MinibatchNoise",
    "NavigationProblem",
    "Noise",
    "NormalStart",
    "RelativeNoise",
    "Rotation",
    "Start",
    "UniformStart",
]


@dataclass(frozen=True)
class Decay:
    """Default dynamics ``f = -rate theta``: parameters decay to zero when left alone."""

    kind: ClassVar[str] = "decay"
    rate: float = 1.0
    """Decay per unit time."""

    def matrix(self, dim: int) -> Array:
        """F with f = F theta."""
        return -self.rate * np.eye(dim)


@dataclass(frozen=True)
class Rotation:
    """Default dynamics that turn each pair of coordinates (1, 2), (3, 4), ... at one rate."""

    kind: ClassVar[str] = "rotation"
    rate: float = 1.0
    """Radians per unit time, counter-clockwise."""

    def matrix(self, dim: int) -> Array:
        """F with f = F theta; an odd last coordinate stays."""
        turn = np.zeros((dim, dim))
        for i in range(0, dim - 1, 2):
            turn[i, i + 1], turn[i + 1, i] = -self.rate, self.rate
        return turn


@dataclass(frozen=True)
class NormalStart:
    """Starting parameters from ``N(mean, std^2 I)``."""

    kind: ClassVar[str] = "normal"
    mean: float | Vector = 0.0
    """One number for all coordinates, or one for each."""
    std: float = 1.0
    """Standard deviation; 0 starts every episode at the mean."""

    def sample(self, landscape: Landscape, draw: Draws) -> Array:
        """Draw starts, (batch, dim)."""
        normal = draw.normal(landscape.dim)
        return (np.asarray(self.mean, normal.dtype) + self.std * normal).astype(normal.dtype)


@dataclass(frozen=True)
class UniformStart:
    """Starting parameters uniform on a cube."""

    kind: ClassVar[str] = "uniform"
    low: float | None = None
    """Lower end in every coordinate; the landscape's box if None."""
    high: float | None = None
    """Upper end."""

    def sample(self, landscape: Landscape, draw: Draws) -> Array:
        """Draw starts, (batch, dim)."""
        low = landscape.box[0] if self.low is None else self.low
        high = landscape.box[1] if self.high is None else self.high
        return low + (high - low) * draw.uniform(landscape.dim)


Start = NormalStart | UniformStart
DefaultDynamics = Decay | Rotation | Matrix | Callable[[Array], Array]

DYNAMICS: dict[str, type] = {cls.kind: cls for cls in (Decay, Rotation)}
ALONG_GRADIENT = "gradient"
"""The control matrix by name."""
STARTS: dict[str, type] = {cls.kind: cls for cls in (NormalStart, UniformStart)}


@dataclass(frozen=True)
class NavigationProblem:
    """A loss landscape, what moving on it costs, and what is random about it.

    Every field may be given as an instance, a kind (``"double_well"``), a mapping with ``"kind"``,
    or numbers. Invalid values raise ValueError or TypeError, naming what is accepted.

    Example:
        >>> problem = NavigationProblem(landscape={"kind": "quadratic", "dim": 3}, gamma=1.0)
        >>> NavigationProblem.from_json(problem.to_json()) == problem
        True
        >>> round(problem.discount, 4)
        0.9048
    """

    landscape: Landscape = field(default_factory=Quadratic)
    """The family of loss landscapes L_z; an instance of it is drawn for each episode."""
    eta: float = 1.0
    """Scale of affordable change, > 0: control costs |u|^2 / (2 eta) per unit time."""
    k: float = 1.0
    """Weight of the loss, > 0."""
    gamma: float = 0.1
    """Discount rate, >= 0; 1/gamma is the planning horizon in units of time."""
    dt: float = 0.1
    """Time per step, > 0."""
    horizon: int | None = None
    """Steps after which the episode *terminates*: a finite planning horizon."""
    episode_steps: int = 200
    """Steps after which an episode without horizon is *truncated*."""
    start: Start | None = None
    """Distribution of the starting parameters; None asks the landscape."""
    default_dynamics: DefaultDynamics | None = None
    """f(theta), what parameters do when left alone: kind, dim x dim matrix, or batched function."""
    control_matrix: str | Matrix | None = None
    """B, dim x m, through which the m controls act; None is the identity. "gradient": the one
    control is the learning rate, B = -y with y the gradient that is seen."""
    metric: str | Vector | Matrix | None = None
    """G, what a unit of control costs: m numbers (diagonal), m x m matrix, "fisher" (the
    landscape's Fisher information at theta), or None for the identity. A norm N by name prices
    control by N(u)^2 / (2 eta): "max", the largest magnitude of a coordinate; "spectral", the root
    of the sum of squares of the spectral norms of the landscape's tensors."""
    noise: Noise | None = None
    """How observed gradients differ from the true one."""
    drift: float = 0.0
    """Variance per unit time of the landscape's random walk in parameter space, >= 0."""
    hazard: float = 0.0
    """Rate lambda per unit time at which the task is redrawn, >= 0."""
    regular: bool = False
    """Whether tasks are redrawn on a fixed schedule, every ``1 / (hazard dt)`` steps (rounded),
    instead of at random at that rate."""
    signalled: bool = False
    """Whether the observation channel ``switched`` tells of a redrawn task."""
    max_norm: float | None = None
    """Norm of theta past which an episode has diverged; None is ``100 sqrt(dim)``."""

    def __new__(cls, *_: Any, **given: Any) -> NavigationProblem:
        """Refuse a field that there is not, with the nearest.

        Raises:
            TypeError: for one, as any function does.
        """
        for name in given:
            if name not in cls.__dataclass_fields__:
                raise TypeError(unknown("NavigationProblem: field", name, cls.__dataclass_fields__))
        return super().__new__(cls)

    def __post_init__(self) -> None:
        """Validate, and bring every field to its canonical form."""
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        if not isinstance(self.landscape, Landscape):
            networks = {
                cls.kind: cls for cls in (NetworkLandscape, ContinualLandscape, SmallNetworks)
            }
            kinds = {**LANDSCAPES, **networks}
            put("landscape", alternative(kinds, self.landscape, "landscape"))
        for name in ("eta", "k", "dt"):
            put(name, number(name, getattr(self, name), low=0.0, strict=True))
        for name in ("gamma", "drift", "hazard"):
            put(name, number(name, getattr(self, name), low=0.0))
        if self.horizon is not None:
            put("horizon", count("horizon", self.horizon))
        put("episode_steps", count("episode_steps", self.episode_steps))
        for name in ("signalled", "regular"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}.")
        if self.max_norm is not None:
            put("max_norm", number("max_norm", self.max_norm, low=0.0, strict=True))
        put("start", self._checked_start())
        put("default_dynamics", self._checked_dynamics())
        if isinstance(self.control_matrix, str):
            one_of("control_matrix", self.control_matrix, [ALONG_GRADIENT])
        elif self.control_matrix is not None:
            put("control_matrix", matrix("control_matrix", self.control_matrix, self.dim))
        put("metric", self._checked_metric())
        put("noise", self._checked_noise())

    @property
    def dim(self) -> int:
        """Number of parameters."""
        return self.landscape.dim

    @property
    def control_dim(self) -> int:
        """Number of controls m."""
        B = self.control_matrix
        return self.dim if B is None else 1 if isinstance(B, str) else len(B[0])

    @property
    def sets_learning_rate(self) -> bool:
        """Whether the control is the learning rate of gradient descent."""
        return self.control_matrix == ALONG_GRADIENT

    @property
    def discount(self) -> float:
        """The discount factor per step, beta = exp(-gamma dt)."""
        return math.exp(-self.gamma * self.dt)

    @property
    def steps(self) -> int:
        """Steps of an episode that nothing cuts short."""
        return self.horizon or self.episode_steps

    @property
    def norm_bound(self) -> float:
        """Norm of theta past which an episode has diverged."""
        return 100.0 * math.sqrt(self.dim) if self.max_norm is None else self.max_norm

    @cached_property
    def dynamics_matrix(self) -> Array | None:
        """F where f = F theta, (dim, dim); None where f is zero or not linear."""
        f = self.default_dynamics
        if isinstance(f, Decay | Rotation):
            return f.matrix(self.dim)
        return np.array(f) if isinstance(f, tuple) else None

    @cached_property
    def metric_matrix(self) -> Array | None:
        """G where it is constant, (m, m); None where it depends on theta, or for a norm."""
        if self.metric is None:
            return np.eye(self.control_dim)
        if isinstance(self.metric, str):
            return None
        metric = np.array(self.metric)
        return np.diag(metric) if metric.ndim == 1 else metric

    def replace(self, **changes: Any) -> NavigationProblem:
        """A copy with some fields changed; a mapping changes only what it names.

        Example:
            >>> NavigationProblem().replace(gamma=1.0, landscape={"dim": 5}).dim
            5
        """
        return merged(self, changes, "problem")

    def to_json(self) -> str:
        """As JSON text.

        Raises:
            ValueError: if a part is code (a function, a landscape object that is not registered).
        """
        return json.dumps(plain(self))

    @classmethod
    def from_json(cls, text: str) -> NavigationProblem:
        """The problem that `to_json` wrote; nothing in the text is executed.

        Raises:
            ValueError: for text that is not JSON, or fields and values that are not accepted.
        """
        try:
            return cls.of(json.loads(text))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"the text describes no problem: {error}") from error

    @classmethod
    def of(cls, given: NavigationProblem | Mapping[str, Any]) -> NavigationProblem:
        """A problem from a problem or from a mapping of its fields."""
        if isinstance(given, cls):
            return given
        if not isinstance(given, Mapping):
            raise TypeError(f"a problem is a NavigationProblem or a mapping, got {given!r}.")
        return build(cls, given, "problem")

    def _checked_start(self) -> Start | None:
        if self.start is None:
            return None
        start = alternative(STARTS, self.start, "start")
        if isinstance(start, NormalStart):
            number("start std", start.std, low=0.0)
            if isinstance(start.mean, int | float):
                number("start mean", start.mean)
                return start
            return NormalStart(vector("start mean", start.mean, self.dim), start.std)
        low = self.landscape.box[0] if start.low is None else number("start low", start.low)
        number("start high", self.landscape.box[1] if start.high is None else start.high, low=low)
        return start

    def _checked_dynamics(self) -> DefaultDynamics | None:
        f = self.default_dynamics
        if f is None or (callable(f) and not isinstance(f, Decay | Rotation)):
            return f
        if isinstance(f, (str, Mapping, *DYNAMICS.values())):
            f = alternative(DYNAMICS, f, "default_dynamics")
            number("default_dynamics rate", f.rate)
            return f
        return matrix("default_dynamics", f, self.dim, self.dim)

    def _checked_metric(self) -> str | Vector | Matrix | None:
        metric = self.metric
        if metric is None:
            return None  # before asking for dim, for which a network has to load its data
        if isinstance(metric, str):
            return self._checked_name(metric)
        m = self.control_dim
        if np.ndim(cast(Any, metric)) == 1:
            diagonal = vector("metric", metric, m)
            if min(diagonal) <= 0:
                raise ValueError(f"metric must be positive, got {metric!r}.")
            return diagonal
        full = matrix("metric", metric, m, m)
        if not np.allclose(full, np.transpose(full)) or np.linalg.eigvalsh(full)[0] <= 0:
            raise ValueError(f"metric must be symmetric positive definite, got {metric!r}.")
        return full

    def _checked_name(self, metric: str) -> str:
        """The name of a metric that goes with the landscape and the controls."""
        if metric not in ("fisher", *NORMS):
            raise ValueError(unknown("metric", metric, ["fisher", *NORMS]) + " Or give numbers.")
        if metric == "fisher" and not self.landscape.offers("fisher"):
            raise ValueError(
                "metric 'fisher' needs a landscape with a Fisher information, such as "
                f"'logistic_regression'; {type(self.landscape).__name__} has none."
            )
        if metric == "spectral" and not self.landscape.offers("tensors"):
            raise ValueError(
                "metric 'spectral' needs a landscape whose parameters are matrices, such as "
                f"'matrix_quadratic' or a network; those of {type(self.landscape).__name__} are "
                "one vector: take 'max', or give numbers."
            )
        if metric != "max" and self.control_matrix is not None:
            raise ValueError(f"metric {metric!r} weighs parameters: leave control_matrix out.")
        return metric

    def _checked_noise(self) -> Noise | None:
        if self.noise is None:
            return None
        noise = alternative(NOISES, self.noise, "noise", Noise)
        noise.check(self.landscape)
        return noise
