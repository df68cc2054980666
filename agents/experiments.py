"""What agents are trained on for the results page: one experiment a line of its table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agents.algorithms import PPO
from agents.config import RunConfig
from agents.presets import PRESETS
from agents.training import train
from landscape_gym.learned import LearnedRule
from landscape_gym.registration import Regime

Extra = Literal["gains", "reset weight", "right well", "transfer", "exponent"]


@dataclass(frozen=True, eq=False)
class Experiment:
    """An agent on a regime, and what is asked of it."""

    name: str
    """Of its folder, and of the shipped rule if it is shipped."""
    title: str
    """In the table."""
    regime: str
    preset: str
    problem: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the problem that differ from the regime's."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from the preset's."""
    known: bool = True
    """Whether the optimum is known; where it is not, regret is a part of doing nothing's cost."""
    learner: bool = False
    """Whether the optimum for the regime's own channels is the reference, not full information."""
    episodes: int = 1024
    """By how many it is judged; fewer where each has to be planned, for a third of a second."""
    bar: float | None = None
    """Largest ratio to the reference that is asked for."""
    extra: Extra | None = None
    """What else is measured."""
    ships: bool = False
    """Whether seed 0 is shipped with the library, under the experiment's name."""

    def config(self, seed: int) -> RunConfig:
        """The run of one seed."""
        return RunConfig(
            regime=self.regime,
            preset=self.preset,
            problem=json.dumps(self.problem),
            settings=json.dumps(self.settings),
            seed=seed,
        )


AXES = {"landscape": {"rotated": False}}

QUICK: tuple[Experiment, ...] = (
    Experiment(
        "short-horizon",
        "known curvature, short horizon",
        "short-horizon",
        "linear",
        ships=True,
    ),
    Experiment(
        "long-horizon",
        "known curvature, gamma 0.1, linear",
        "long-horizon",
        "linear",
        bar=1.003,
        extra="gains",
        ships=True,
    ),
    Experiment(
        "long-horizon-gamma-1",
        "known curvature, gamma 1, linear",
        "long-horizon",
        "linear",
        problem={"gamma": 1.0},
        bar=1.003,
        extra="gains",
    ),
    Experiment(
        "long-horizon-gamma-10",
        "known curvature, gamma 10, linear",
        "long-horizon",
        "linear",
        problem={"gamma": 10.0},
        bar=1.003,
        extra="gains",
    ),
    Experiment(
        "long-horizon-mlp",
        "known curvature, gamma 0.1, network",
        "long-horizon",
        "mlp",
        bar=1.005,
    ),
    Experiment(
        "long-horizon-mlp-gamma-1",
        "known curvature, gamma 1, network",
        "long-horizon",
        "mlp",
        problem={"gamma": 1.0},
        bar=1.005,
    ),
    Experiment(
        "hidden-curvature-axes",
        "hidden curvature along the axes",
        "hidden-curvature",
        "per-coordinate",
        problem=AXES,
        bar=1.03,
    ),
    Experiment(
        "hidden-curvature",
        "hidden curvature, rotated",
        "hidden-curvature",
        "per-coordinate",
        bar=1.055,
        extra="transfer",
        ships=True,
    ),
    Experiment(
        "hidden-curvature-frame",
        "the same, in the frame of gradients, for any dimension",
        "hidden-curvature",
        "frame-any",
        bar=1.03,
        extra="transfer",
        ships=True,
    ),
    Experiment(
        "noisy-gradient-belief",
        "noisy gradients, Kalman filter",
        "noisy-gradient",
        "belief",
        learner=True,
        bar=1.01,
    ),
    Experiment(
        "noisy-gradient",
        "noisy gradients, averages",
        "noisy-gradient",
        "memory",
        learner=True,
        bar=1.05,
        ships=True,
    ),
    Experiment(
        "noisy-gradient-recurrent",
        "noisy gradients, LSTM",
        "noisy-gradient",
        "recurrent",
        learner=True,
        bar=1.25,
    ),
    Experiment(
        "drifting-target",
        "drifting target, curvature hidden: RMSprop",
        "drifting-target",
        "logarithms",
        learner=True,
        bar=1.01,
        extra="exponent",
        ships=True,
    ),
    Experiment(
        "task-switching",
        "task switching, target seen",
        "task-switching",
        "resets",
        bar=1.005,
        extra="reset weight",
        ships=True,
    ),
    Experiment(
        "hidden-task-switching",
        "task switching, unseen, averages",
        "hidden-task-switching",
        "memory",
        settings={
            "timesteps": 3_000_000,
            "observation": {
                "channels": ["gradient", "averages", "lags", "parameters"],
                "rates": [0.5, 0.8, 0.9, 0.95],
            },
        },
        learner=True,
        ships=True,
    ),
    Experiment(
        "partial-control",
        "partial control: rotation",
        "partial-control",
        "linear",
        bar=1.005,
        ships=True,
    ),
    Experiment(
        "geometry",
        "geometry: anisotropic metric",
        "geometry",
        "linear",
        bar=1.005,
        ships=True,
    ),
    Experiment(
        "learning-speed",
        "learning speed, loss seen",
        "learning-speed",
        "learning-speed",
        learner=True,
        bar=1.01,
        ships=True,
    ),
    Experiment(
        "double-well",
        "double well, gamma 0.1",
        "double-well",
        "basins",
        bar=1.01,
        extra="right well",
        ships=True,
    ),
    Experiment(
        "double-well-gamma-1",
        "double well, gamma 1",
        "double-well",
        "basins",
        problem={"gamma": 1.0},
        bar=1.01,
        extra="right well",
    ),
    Experiment(
        "landscape-nav",
        "hidden curvature, rotated, noisy: in the frame of a belief",
        "landscape-nav",
        "believer",
        bar=1.11,
        ships=True,
    ),
    Experiment(
        "landscape-nav-parameters",
        "the same, parameters seen",
        "landscape-nav",
        "believer-parameters",
        bar=1.083,
        ships=True,
    ),
    Experiment(
        "landscape-nav-gradients",
        "the same, displacement seen, in the frame of gradients",
        "landscape-nav",
        "frame",
        bar=1.15,
    ),
    Experiment(
        "logistic-regression",
        "logistic regression: matrices for gradient and averages",
        "logistic-regression",
        "preconditioner",
        bar=1.05,
        episodes=128,
        ships=True,
    ),
    Experiment(
        "networks",
        "small networks, evolution strategy",
        "small-networks",
        "evolution",
        known=False,
        ships=True,
    ),
    Experiment(
        "networks-ppo",
        "the same by PPO: actions are a rule's weights",
        "small-networks",
        "weights",
        known=False,
        ships=True,
    ),
)

LONGER = {"timesteps": 10_000_000, "num_envs": 1024, "batch_size": 8192}
"""More steps and larger batches: what is left is the gradient's noise."""


def _longer(name: str, bar: float, **settings: Any) -> Experiment:
    """The experiment of that name with other settings, asked for more."""
    (experiment,) = (each for each in QUICK if each.name == name)
    return replace(experiment, settings=settings, bar=bar)


LONG: tuple[Experiment, ...] = (
    _longer("long-horizon", 1.0005, **LONGER),
    _longer("long-horizon-gamma-1", 1.0005, **LONGER),
    _longer("long-horizon-gamma-10", 1.0005, **LONGER),
    _longer("noisy-gradient-belief", 1.003, **LONGER),
    _longer("partial-control", 1.001, **LONGER),
    _longer("geometry", 1.001, **LONGER),
    _longer("task-switching", 1.001, timesteps=36_000_000),
    _longer(
        "hidden-curvature-axes",
        1.02,
        timesteps=8_000_000,
        num_envs=256,
        batch_size=1280,
        log_std_end=-3.0,
    ),
    replace(
        _longer("hidden-curvature", 1.035, timesteps=6_000_000, num_envs=256, batch_size=1280),
        ships=False,  # no better than the shorter one
    ),
    _longer("long-horizon-mlp", 1.001, timesteps=8_000_000, batch_size=4096),
    _longer("noisy-gradient", 1.03, timesteps=15_000_000, batch_size=8192),
    # 6 M steps in noise that ends at -2.5 left one seed of three at 1.0022.
    _longer(
        "double-well",
        1.002,
        timesteps=10_000_000,
        num_envs=256,
        batch_size=2048,
        log_std_end=-3.0,
    ),
)
"""What gains from more steps and larger batches."""

BUDGETS = {"quick": QUICK, "long": LONG}
"""Tables of the results page."""


def train_momentum(regime: Regime, seed: int) -> LearnedRule:
    """Train on whole episodes of the regime's horizon.

    Without what biases a rule that cannot be best in every state: clipped gradients, several
    epochs, noise at the end.
    """
    steps = regime.problem.horizon or regime.problem.steps
    training = PPO(
        timesteps=1_000_000 * steps,
        num_envs=4096,
        n_steps=steps,
        batch_size=4096 * steps,
        n_epochs=1,
        learning_rate=1e-2,
        gae_lambda=1.0,
        log_std_start=-2.5,
        log_std_end=-5.0,
        max_grad_norm=1e9,
    )
    return train(training.trainer(regime, seed)).rule()


def train_reset(regime: Regime, seed: int) -> LearnedRule:
    """Train with the features of the preset, fewer steps and a critic that is trained."""
    training = replace(
        PRESETS["steady"],
        observation=PRESETS["resets"].observation,
        critic="privileged",
        gae_lambda=0.9,
        log_std_start=-1.3,
        log_std_end=-1.8,
    )
    return train(training.trainer(regime, seed)).rule()
