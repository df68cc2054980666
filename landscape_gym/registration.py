"""The registered environments: one `Regime` per id, each the special case behind one sentence.

Importing this module registers all of them with Gymnasium, and so does `import landscape_gym`
(`after_gymnasium`), which ``gym.make`` with an id of the form ``"landscape_gym:LandscapeNav-v0"``
does by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import gymnasium as gym

from landscape_gym.actions import (
    ACTIONS,
    Action,
    Adaptive,
    GlobalStepSize,
    Normalized,
    StepSize,
    Velocity,
)
from landscape_gym.configuration import alternative, merged, one_of, unknown
from landscape_gym.landscapes import (
    Conditioned,
    DoubleWell,
    LogisticRegression,
    LogUniform,
    Quadratic,
    SmallNetworks,
)
from landscape_gym.networks import ContinualLandscape, Mlp, NetworkLandscape
from landscape_gym.networks.data import PACKAGES
from landscape_gym.observation import ObservationConfig
from landscape_gym.problem import (
    CurvatureNoise,
    IsotropicNoise,
    MinibatchNoise,
    NavigationProblem,
    NormalStart,
    Rotation,
    UniformStart,
)


@dataclass(frozen=True)
class Regime:
    """A problem, what is seen of it, and the sentence it is there to test."""

    id: str
    """The environment's id."""
    sentence: str
    """What the theory says here."""
    problem: NavigationProblem
    observation: ObservationConfig
    action: Action

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages that its data come with, as they are imported; extras of pip's install them."""
        data = getattr(self.problem.landscape, "data", None)
        return (PACKAGES[data],) if isinstance(data, str) and data in PACKAGES else ()

    def configured(
        self,
        problem: NavigationProblem | Mapping[str, Any] | None = None,
        observation: ObservationConfig | Mapping[str, Any] | str | tuple | list | None = None,
        action: Action | Mapping[str, Any] | str | None = None,
        **overrides: Any,
    ) -> Regime:
        """A copy with some parts changed; a mapping without ``kind`` changes only what it names.

        Raises:
            ValueError: for an unknown field or value, naming the accepted ones and the nearest.
            TypeError: for an unknown argument, likewise, or a value of the wrong type.
        """
        accepted = [field.name for field in fields(NavigationProblem)]
        for name in overrides:
            if name not in accepted:
                # A TypeError, as for any function: TorchRL tries arguments and takes them back.
                known = [*accepted, "problem", "observation", "action"]
                raise TypeError(unknown("unexpected keyword argument", name, known))
        base = self.problem
        if isinstance(problem, Mapping):
            overrides = {**problem, **overrides}
        elif problem is not None:
            base = NavigationProblem.of(problem)
        if observation is None:
            observation = self.observation
        elif isinstance(observation, Mapping):
            observation = merged(self.observation, observation, "observation")
        return replace(
            self,
            problem=base.replace(**overrides),
            observation=ObservationConfig.of(observation),
            action=self._action(action),
        )

    def _action(self, given: Action | Mapping[str, Any] | str | None) -> Action:
        """The action with the changes that are asked for."""
        if given is None:
            return self.action
        if isinstance(given, Mapping) and "kind" not in given:
            return merged(self.action, given, "action")
        return alternative(ACTIONS, given, "action", Action)


class Regimes(dict[str, Regime]):
    """Regimes by name; a name that is missing is told with the nearest that is there."""

    def __missing__(self, name: str) -> Regime:
        """Raise KeyError."""
        raise KeyError(unknown("regime", name, self))


def _planar(**changes: Any) -> NavigationProblem:
    """Two coordinates of curvature 1/9 and 1, as in the paper's Figure 2, starts N(0, I)."""
    return NavigationProblem(landscape=Quadratic(dim=2, curvature=(1 / 9, 1.0)), **changes)


REGIMES: dict[str, Regime] = {
    "landscape-nav": Regime(
        "LandscapeNav-v0",
        "Learning is navigating a landscape whose shape is hidden, by noisy gradients.",
        NavigationProblem(
            landscape=Quadratic(
                dim=10, curvature=LogUniform(0.05, 5.0), rotated=True, optimum_std=1.0
            ),
            noise=CurvatureNoise(0.3),
        ),
        ObservationConfig(("gradient", "previous_update", "previous_gradient", "elapsed")),
        # So wide that the box costs the optimum 0.4 %, and so narrow that noise of its size, with
        # which agents begin unless they are told otherwise, leaves something to learn from.
        Velocity(scale=3.0),
    ),
    "short-horizon": Regime(
        "LandscapeNav/ShortHorizon-v0",
        "With a short horizon the optimal rule is gradient descent.",
        _planar(gamma=10.0, dt=0.01),
        ObservationConfig(("gradient",)),
        Velocity(scale=0.5),
    ),
    "long-horizon": Regime(
        "LandscapeNav/LongHorizon-v0",
        "With a long horizon convergence rates grow with the root of the curvature only.",
        _planar(),
        ObservationConfig(("gradient",)),
        Velocity(scale=4.0),
    ),
    "hidden-curvature": Regime(
        "LandscapeNav/HiddenCurvature-v0",
        "When curvature is hidden a longer horizon buys momentum.",
        NavigationProblem(
            landscape=Quadratic(
                dim=6, curvature=Conditioned(100.0, 0.3, 3.0), rotated=True, optimum_std=1.0
            ),
            dt=0.2,
        ),
        ObservationConfig(
            ("gradient", "previous_update", "previous_gradient", "secant"), scaled=True
        ),
        Velocity(scale=8.0),
    ),
    "geometry": Regime(
        "LandscapeNav/Geometry-v0",
        "With a short horizon the optimal rule under a metric is the natural gradient.",
        NavigationProblem(
            landscape=Quadratic(dim=2, curvature=(4.0, 4.0)),
            metric=(1 / 50, 1.0),
            gamma=30.0,
            dt=0.005,
        ),
        ObservationConfig(("gradient",)),
        Velocity(scale=50.0),
    ),
    "partial-control": Regime(
        "LandscapeNav/PartialControl-v0",
        "Default dynamics make the optimal rule a non-gradient one that stops short of the goal.",
        NavigationProblem(
            landscape=Quadratic(dim=2, curvature=(4.0, 4.0), optimum=(0.0, -0.5)),
            default_dynamics=Rotation(3.0),
            dt=0.02,
        ),
        ObservationConfig(("gradient", "parameters")),
        Velocity(scale=10.0),
    ),
    "noisy-gradient": Regime(
        "LandscapeNav/NoisyGradient-v0",
        "With noisy gradients and a drifting optimum the stationary rule is heavy-ball momentum.",
        _planar(noise=IsotropicNoise(0.3), drift=0.1),
        ObservationConfig(("gradient", "averages", "squared_averages"), rates=(0.5, 0.9, 0.99)),
        Velocity(scale=4.0),
    ),
    "drifting-target": Regime(
        "LandscapeNav/DriftingTarget-v0",
        "When the target drifts and noise tells the curvature the optimal rule is RMSprop.",
        NavigationProblem(
            landscape=Quadratic(dim=10, curvature=LogUniform(0.05, 5.0), optimum_std=0.25),
            noise=CurvatureNoise(1.0),
            drift=0.03,
            start=NormalStart(0.0, 0.0),
            # Motion is cheap and the horizon long: what counts is to know where the target is.
            eta=1e4,
            gamma=0.01,
            episode_steps=1000,
        ),
        ObservationConfig(("gradient", "log_squares", "age"), rates=(0.9, 0.99, 0.999)),
        StepSize(low=0.05, high=20.0, max_momentum=0.9),
    ),
    "task-switching": Regime(
        "LandscapeNav/TaskSwitching-v0",
        "When tasks change the optimal rule aims part of the way back to the prior mean.",
        NavigationProblem(
            landscape=Quadratic(dim=2, curvature=(1 / 9, 1.0), optimum_std=1.0), hazard=0.1
        ),
        ObservationConfig(("parameters", "target")),
        Velocity(scale=4.0),
    ),
    "hidden-task-switching": Regime(
        "LandscapeNav/HiddenTaskSwitching-v0",
        "The same when the task shows only through noisy gradients.",
        NavigationProblem(
            landscape=Quadratic(dim=2, curvature=(1 / 9, 1.0), optimum_std=1.0),
            noise=IsotropicNoise(0.3),
            hazard=0.1,
        ),
        ObservationConfig(("parameters", "gradient", "averages"), rates=(0.5, 0.9)),
        Velocity(scale=4.0),
    ),
    "learning-speed": Regime(
        "LandscapeNav/LearningSpeed-v0",
        "When effort sets the learning rate it is worth less the less there is to gain.",
        NavigationProblem(
            landscape=Quadratic(dim=2, curvature=(1.0, 1.0)),
            control_matrix="gradient",
            noise=IsotropicNoise(1.0),
            eta=4.0,
        ),
        ObservationConfig(("loss",)),
        Velocity(scale=8.0),
    ),
    "logistic-regression": Regime(
        "LandscapeNav/LogisticRegression-v0",
        "Training a real model by minibatches is the same problem.",
        NavigationProblem(
            landscape=LogisticRegression(), noise=MinibatchNoise(32), eta=4.0, gamma=0.5
        ),
        ObservationConfig(("loss", "log_loss")),
        GlobalStepSize(low=0.1, high=10.0),
    ),
    "double-well": Regime(
        "LandscapeNav/DoubleWell-v0",
        "Long horizons climb out of local minima, short horizons never do.",
        NavigationProblem(landscape=DoubleWell(), start=UniformStart()),
        ObservationConfig(("parameters",)),
        Velocity(scale=5.0),
    ),
}


REGIMES = Regimes(REGIMES)


def _network(id: str, data: str, model: Mlp, **landscape: Any) -> Regime:
    """A network on data, by minibatches; what is seen and done is the same for every coordinate."""
    return Regime(
        id,
        "A network is trained by the same rules as a bowl, one for each coordinate.",
        NavigationProblem(
            landscape=NetworkLandscape(model, data, **landscape), noise=MinibatchNoise(32), eta=4.0
        ),
        ObservationConfig(("gradient", "previous_update", "elapsed"), scaled=True, clip=10.0),
        Normalized(scale=30.0),
    )


NETWORKS: dict[str, Regime] = {
    "digits": _network("LandscapeNav/Digits-v0", "digits", Mlp((32,))),
    "mnist": _network("LandscapeNav/MNIST-v0", "mnist", Mlp((32,)), data_size=1000),
    "mnist1d": _network("LandscapeNav/MNIST1D-v0", "mnist1d", Mlp((64,), "relu")),
    "continual-digits": Regime(
        "LandscapeNav/ContinualDigits-v0",
        "Networks whose tasks change go on learning if they go part of the way back to the start.",
        NavigationProblem(
            landscape=ContinualLandscape(Mlp((32,)), "digits", tasks="permuted_inputs"),
            noise=MinibatchNoise(32),
            eta=4.0,
            hazard=0.05,
            episode_steps=2000,
        ),
        ObservationConfig(("gradient", "displacement", "elapsed"), scaled=True, clip=10.0),
        Normalized(scale=30.0),
    ),
}
"""Regimes of networks: thousands of parameters, no known minimum, data from optional packages."""

TRAINING: dict[str, Regime] = {
    "small-networks": Regime(
        "LandscapeNav/SmallNetworks-v0",
        "A rule that is learned on small networks serves large ones on other data.",
        NavigationProblem(
            landscape=SmallNetworks(),
            noise=MinibatchNoise(32, exact_loss=False),
            eta=1e4,
            gamma=0.01,
            dt=1.0,
            episode_steps=300,
        ),
        ObservationConfig(("agreement", "trend", "age"), rates=(0.5, 0.9, 0.999)),
        Adaptive(),
    ),
}
"""Regimes to learn rules in that serve elsewhere: every episode is a problem of its own."""

ALL: dict[str, Regime] = Regimes({**REGIMES, **NETWORKS, **TRAINING})
"""By name, every regime that an environment can be made of."""


def regime(name: str) -> Regime:
    """The regime of that name.

    Raises:
        ValueError: naming the accepted names and the nearest.
    """
    return ALL[one_of("regime", name, ALL)]


def register_all() -> None:
    """Register every regime with Gymnasium, for `gym.make` and `gym.make_vec`."""
    for name, entry in ALL.items():
        gym.register(
            entry.id,
            entry_point="landscape_gym.env:LandscapeNavEnv",
            vector_entry_point="landscape_gym.vector_env:LandscapeNavVectorEnv",
            kwargs={"regime": name},
        )


register_all()
