"""Which linear law a policy amounts to: gains fitted to what it does, beside the theory's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_gym.landscapes.base import Array
from landscape_gym.policy import Policy
from landscape_gym.problem import NavigationProblem
from landscape_gym.simulation import Simulation


@dataclass(frozen=True)
class LinearLaw:
    """``u = -K (theta - z) + bias``, fitted by least squares."""

    gain: Array
    """K, (controls, dim)."""
    r2: float
    """Fraction of the controls' variance that the law explains."""


def linear_law(
    problem: NavigationProblem,
    policy: Policy,
    *,
    episodes: int = 512,
    steps: int = 20,
    seed: int = 0,
) -> LinearLaw:
    """Fit the policy's controls along its own episodes to the displacement from the minimum.

    Args:
        problem: A problem whose landscape knows its minimum.
        policy: What acts, deterministically.
        episodes: Number of episodes, one per row; row i is seeded with seed + i.
        steps: Steps per episode to fit.
        seed: Of the first row.
    """
    simulation = Simulation.begun(
        seed + np.arange(episodes),
        problem=problem.replace(episode_steps=steps + 1, horizon=None),
        observation=policy.observation,
        action=policy.action,
    )
    memory, displacements, controls = None, [], []
    for step in range(steps):
        state = simulation.state
        displacements.append(state.theta - simulation.hidden()["target"])
        action, memory = policy.predict(
            simulation.observe(state), memory, np.full(episodes, step == 0)
        )
        simulation.advance(action)
        controls.append(simulation.state.previous_update)
    e, u = np.concatenate(displacements), np.concatenate(controls)
    design = np.column_stack([e, np.ones(len(e))])
    coefficients, *_ = np.linalg.lstsq(design, u, rcond=None)
    residual = u - design @ coefficients
    return LinearLaw(-coefficients[:-1].T, 1.0 - residual.var() / max(u.var(), 1e-300))
