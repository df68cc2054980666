"""What agents are trained on for the results page: one experiment a line of its table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agents.algorithms import PPO
from agents.config import RunConfig
from agents.presets import PRESETS
from agents.training import train
from landscape_gym.learned import LearnedRule
from landscape_gym.registration import Regime

Extra = Literal["gains", "reset weight", "right well", "transfer"]


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
    learner: bool = False
    """Whether the optimum for the regime's own channels is the reference, not full information."""
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
        "long-horizon",
        "known curvature, gamma 0.1, linear",
        "long-horizon",
        "linear",
        settings={"timesteps": 2_500_000, "num_envs": 256, "batch_size": 2048},
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
        settings={"timesteps": 2_500_000, "num_envs": 256, "batch_size": 2048},
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
        "task-switching",
        "task switching, target seen",
        "task-switching",
        "resets",
        bar=1.005,
        extra="reset weight",
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
)

LONGER = {"timesteps": 6_000_000, "num_envs": 512, "batch_size": 4096, "learning_rate": 3e-3}
"""More steps and larger batches: what is left is the gradient's noise."""

LONG: tuple[Experiment, ...] = (
    Experiment(
        "long-horizon",
        "known curvature, gamma 0.1, linear",
        "long-horizon",
        "linear",
        settings=LONGER,
        bar=1.0005,
        extra="gains",
        ships=True,
    ),
    Experiment(
        "task-switching",
        "task switching, target seen",
        "task-switching",
        "resets",
        settings={"timesteps": 12_000_000},
        bar=1.001,
        extra="reset weight",
        ships=True,
    ),
)
"""More steps, larger batches."""

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
    return train(regime, training, seed).rule


def train_reset(regime: Regime, seed: int) -> LearnedRule:
    """Train as the task-switching regime's preset."""
    return train(regime, PRESETS["resets"], seed).rule
