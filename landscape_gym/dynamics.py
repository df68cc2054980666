"""What happens in a step, as pure functions of batches (theory section 1).

Shapes: B rows, d parameters, m controls.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from landscape_gym.landscapes.base import Array, Draws
from landscape_gym.problem import (
    CurvatureNoise,
    IsotropicNoise,
    MinibatchNoise,
    NavigationProblem,
    RelativeNoise,
)


def normals_per_step(problem: NavigationProblem) -> int:
    """Normal numbers a row needs each step: for gradient noise, then for the drift."""
    noisy = isinstance(problem.noise, IsotropicNoise | CurvatureNoise | RelativeNoise)
    return problem.dim * (noisy + (problem.drift > 0))


def uniforms_per_step(problem: NavigationProblem) -> int:
    """Uniform numbers a row needs each step: for the minibatch, then for the switch."""
    noise = problem.noise
    picks = noise.batch_size if isinstance(noise, MinibatchNoise) else 0
    return picks + (problem.hazard > 0)


def initial(problem: NavigationProblem, draw: Draws) -> tuple[Any, Array]:
    """Draw instances and starting parameters (B, d)."""
    instances = problem.landscape.sample(draw)
    if problem.start is None:
        return instances, problem.landscape.default_start(draw)
    return instances, problem.start.sample(problem.landscape, draw)


def minimum_loss(problem: NavigationProblem, instances: Any, theta: Array) -> Array:
    """Loss at the minimum, (B,); 0 where it is unknown."""
    minimum = problem.landscape.minimum(instances)
    out = np.zeros(len(theta), theta.dtype)
    if minimum is not None:
        out[:] = minimum.loss
    return out


def transition(problem: NavigationProblem, theta: Array, control: Array) -> Array:
    """``theta + dt (f(theta) + B u)``, (B, d)."""
    velocity = control
    if problem.control_matrix is not None:
        velocity = control @ np.asarray(problem.control_matrix, theta.dtype).T
    f = problem.default_dynamics
    if problem.dynamics_matrix is not None:
        velocity = velocity + theta @ problem.dynamics_matrix.T.astype(theta.dtype)
    elif f is not None:
        velocity = velocity + np.asarray(f(theta), theta.dtype)  # type: ignore[operator]
    moved = problem.dt * velocity
    return np.add(theta, moved, out=moved)  # large arrays cost by how often they pass the cache


def control_cost(problem: NavigationProblem, instances: Any, point: Array, control: Array) -> Array:
    """``dt / (2 eta) u^T G u``, (B,); G taken at `point`, in the landscape's coordinates."""
    if problem.metric is None:
        weighted = control
    elif problem.metric == "fisher":
        fisher = cast(Array, problem.landscape.fisher(instances, point))
        weighted = np.matvec(fisher, control)
    elif np.ndim(problem.metric) == 1:
        weighted = control * np.asarray(problem.metric, control.dtype)
    else:
        weighted = control @ np.asarray(problem.metric, control.dtype)
    return problem.dt / (2 * problem.eta) * np.vecdot(control, weighted)


def loss_and_grad(
    problem: NavigationProblem, instances: Any, point: Array, uniform: Array
) -> tuple[Array, Array]:
    """The loss (B,) that is charged, and its gradient (B, d): exact, or a minibatch's.

    Args:
        problem: The problem.
        instances: Landscape instances.
        point: Parameters in the landscape's coordinates (theta minus its drift), (B, d).
        uniform: This step's uniform numbers, which do not depend on `point`.
    """
    noise, landscape = problem.noise, problem.landscape
    if not isinstance(noise, MinibatchNoise) or noise.exact_loss:
        return landscape.loss_and_grad(instances, point)
    picks = uniform[:, : noise.batch_size]
    return cast(Any, landscape.minibatch_loss_and_grad(instances, point, picks))


def observed_gradient(
    problem: NavigationProblem,
    instances: Any,
    point: Array,
    grad: Array,
    normal: Array,
    uniform: Array,
) -> Array:
    """The gradient as the learner sees it, (B, d): `grad` itself where nothing is noisy.

    Args:
        problem: The problem.
        instances: Landscape instances.
        point: Parameters in the landscape's coordinates (theta minus its drift), (B, d).
        grad: Gradient there, (B, d), as of `loss_and_grad`.
        normal: This step's normal numbers.
        uniform: This step's uniform numbers.
    """
    noise = problem.noise
    if noise is None:
        return grad
    landscape, d = problem.landscape, problem.dim
    if isinstance(noise, MinibatchNoise):
        if not noise.exact_loss:
            return grad
        picks = uniform[:, : noise.batch_size]
        return cast(Array, landscape.minibatch_grad(instances, point, picks))
    normal = normal[:, :d]
    if isinstance(noise, IsotropicNoise):
        return grad + noise.std * normal
    if isinstance(noise, RelativeNoise):
        rms = np.sqrt(np.vecdot(grad, grad) / d)[:, None]
        return grad + noise.fraction * rms * normal
    return grad + noise.std * cast(Array, landscape.curvature_noise(instances, point, normal))


def switch_probability(problem: NavigationProblem) -> float:
    """Probability per step that the task is redrawn."""
    return -math.expm1(-problem.hazard * problem.dt)


def switches(problem: NavigationProblem, elapsed: Array, uniform: Array) -> Array:
    """Whether the task is redrawn after so many steps, (B,), by uniform numbers (B,)."""
    if problem.regular:
        return elapsed % max(round(1 / (problem.hazard * problem.dt)), 1) == 0
    return uniform < switch_probability(problem)


def divergence_cost(
    problem: NavigationProblem, largest_cost: Array, excess: Array, elapsed: Array
) -> Array:
    """What a diverging row pays for the rest of the episode, (B,), before the cost of its control.

    The largest cost of a step so far, or that of standing still at the last good point if that is
    more, for this and every later step, discounted. Standing still would have cost no more, so
    nobody profits from divergence (where parameters stay put when left alone).

    Args:
        problem: The problem.
        largest_cost: Largest cost of a step so far, (B,).
        excess: Loss above the minimum at the last good point, (B,).
        elapsed: Steps before this one, (B,).
    """
    per_step = np.maximum(np.maximum(largest_cost, problem.dt * problem.k * excess), 0.0)
    beta = problem.discount
    left = np.maximum(problem.steps - elapsed, 1)
    if beta == 1:
        return per_step * left
    if problem.horizon is None:
        return per_step / (1 - beta)
    return per_step * (1 - beta**left) / (1 - beta)
