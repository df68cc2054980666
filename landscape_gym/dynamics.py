"""What happens in a step, as pure functions of batches (theory section 1).

Shapes: B rows, d parameters, m controls. Arrays are NumPy's or torch's, as far as landscapes,
noises and default dynamics that are functions take them.
"""

from __future__ import annotations

import math
from typing import Any, cast

from landscape_gym.arrays import Array, dot, like, moved, namespace
from landscape_gym.landscapes.base import Draws
from landscape_gym.landscapes.tensors import Tensors
from landscape_gym.noise import EXACT
from landscape_gym.norms import NORMS
from landscape_gym.problem import NavigationProblem


def normals_per_step(problem: NavigationProblem) -> int:
    """Normal numbers a row needs each step: for gradient noise, then for the drift."""
    return (problem.noise or EXACT).normals(problem.dim) + problem.dim * (problem.drift > 0)


def uniforms_per_step(problem: NavigationProblem) -> int:
    """Uniform numbers a row needs each step: for gradient noise, then for the switch."""
    return (problem.noise or EXACT).uniforms(problem.dim) + (problem.hazard > 0)


def initial(problem: NavigationProblem, draw: Draws) -> tuple[Any, Array]:
    """Draw instances and starting parameters (B, d)."""
    instances = problem.landscape.sample(draw)
    if problem.start is None:
        return instances, problem.landscape.default_start(draw)
    return instances, problem.start.sample(problem.landscape, draw)


def minimum_loss(problem: NavigationProblem, instances: Any, theta: Array) -> Array:
    """Loss at the minimum, (B,); 0 where it is unknown."""
    minimum = problem.landscape.minimum(instances)
    unknown = namespace(theta).zeros_like(theta[:, 0])
    return unknown if minimum is None else unknown + like(minimum.loss, theta)


def transition(
    problem: NavigationProblem, theta: Array, control: Array, gradient: Array | None = None
) -> Array:
    """``theta + dt (f(theta) + B u)``, (B, d).

    Args:
        problem: The problem.
        theta: (B, d).
        control: u, (B, m).
        gradient: As it is seen at theta, (B, d); needed where u is a learning rate.
    """
    velocity = control
    if problem.sets_learning_rate:
        velocity = -control * gradient  # type: ignore[operator]
    elif problem.control_matrix is not None:
        velocity = control @ like(problem.control_matrix, theta).T
    f = problem.default_dynamics
    if problem.dynamics_matrix is not None:
        velocity = velocity + theta @ like(problem.dynamics_matrix.T, theta)
    elif f is not None:
        velocity = velocity + like(f(theta), theta)  # type: ignore[operator]
    return moved(theta, problem.dt, velocity)


def control_cost(
    problem: NavigationProblem,
    instances: Any,
    point: Array,
    control: Array,
    squared: Array = None,
) -> Array:
    """``dt / (2 eta)`` times u^T G u, or times the square of a norm, (B,).

    Args:
        problem: The problem.
        instances: Landscape instances.
        point: Where G is taken, in the landscape's coordinates, (B, d).
        control: u, (B, m).
        squared: u^T u, (B,), where it is known already; else None.
    """
    metric = problem.metric
    if metric is None:
        squared = dot(control, control) if squared is None else squared
    elif metric == "fisher":
        fisher: Array = problem.landscape.fisher(instances, point)
        squared = dot(control, (fisher @ control[..., None])[..., 0])
    elif isinstance(metric, str):
        squared = NORMS[metric](control, cast(Tensors, problem.landscape.tensors()))
    else:
        G = like(metric, control)
        squared = dot(control, control * G if G.ndim == 1 else control @ G)
    return problem.dt / (2 * problem.eta) * squared


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
    noise = problem.noise or EXACT
    own = _first(uniform, noise.uniforms(problem.dim))
    return noise.loss_and_grad(problem.landscape, instances, point, own)


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
    noise = problem.noise or EXACT
    normal = _first(normal, noise.normals(problem.dim))
    uniform = _first(uniform, noise.uniforms(problem.dim))
    return noise.observe(problem.landscape, instances, point, grad, normal, uniform)


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
    xp = namespace(excess)
    per_step = xp.maximum(xp.maximum(largest_cost, problem.dt * problem.k * excess), 0.0)
    beta = problem.discount
    left = xp.astype(xp.maximum(problem.steps - elapsed, 1), xp.float64)
    if beta == 1:
        return per_step * left
    if problem.horizon is None:
        return per_step / (1 - beta)
    return per_step * (1 - beta**left) / (1 - beta)


def _first(numbers: Array, size: int) -> Array:
    """The first so many of each row's numbers: a view, where those are not all."""
    return numbers if numbers.shape[1] == size else numbers[:, :size]
