"""The optimum when the target shows only through noisy gradients (theory sections 4(d), 7(d), 8).

A Kalman filter (kalman.py) and certainty equivalence: the law of full information acts on
the estimate. estimation.py says what that costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple, get_args

import numpy as np

from landscape_gym.configuration import one_of
from landscape_gym.control.hidden_target.estimation import estimation_cost
from landscape_gym.control.hidden_target.kalman import (
    Frame,
    GaussianBelief,
    KalmanFilter,
    TargetModel,
    covariances,
)
from landscape_gym.control.hidden_target.switching import SwitchingBelief, SwitchingFilter
from landscape_gym.control.linear_quadratic.controller import Controller
from landscape_gym.control.linear_quadratic.cost_to_go import row_problems
from landscape_gym.control.linear_quadratic.ensemble import ensemble
from landscape_gym.control.solution import Bound, Solution, cost_if_known
from landscape_gym.derivation.coordinate_prior import Place
from landscape_gym.derivation.gains import Gains, control_in_basis
from landscape_gym.derivation.model import Law
from landscape_gym.derivation.prior import noise_variance
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import StatefulPolicy
from landscape_gym.problem import NavigationProblem, UniformStart
from landscape_gym.refusal import Refusal


class Filtered(NamedTuple):
    """What the policy remembers between steps."""

    belief: GaussianBelief | SwitchingBelief | None
    """About the target, after the last gradient; None before the first."""
    gains: Gains
    frame: Frame
    prior: GaussianBelief | SwitchingBelief
    begins: Array | None = None
    """The rows whose next gradient is an episode's first, a mask (rows,)."""


class LQGPolicy(StatefulPolicy):
    """Kalman filter for the target, and the optimal law of full information on its estimate.

    It reads the gradient and the parameters (or the displacement from the start); ``switched``
    where redraws are signalled; the elapsed time where the horizon is finite; and, where instances
    differ in it, the Hessian or its diagonal: then it is privileged, and its cost is a lower bound
    for learners that have to find it out.

    Args:
        problem: Linear-quadratic, with gradient noise of known variance.
        place: "parameters"; or "displacement" if where it starts is not seen either. That needs
            parameters that stay when left alone, and a single task.
        belief: Where redraws are not signalled, "exact" (switching.py) or "linear", the
            best linear filter, whose expected cost is known; elsewhere both are the same.

    Raises:
        Refusal: for another problem, naming the assumption that fails.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> LQGPolicy(REGIMES["noisy-gradient"].problem).observation.channels
        ('gradient', 'parameters')
    """

    def __init__(
        self, problem: NavigationProblem, *, place: Place = "parameters", belief: str = "exact"
    ) -> None:
        """Solve for the gains, and set up the filter."""
        one_of("place", place, get_args(Place))
        one_of("belief", belief, ("exact", "linear"))
        self.problem, self.place = problem, place
        relative = place == "displacement"
        moves = problem.default_dynamics is not None or problem.hazard > 0
        if relative and moves:
            raise Refusal(
                "with default dynamics or hazard > 0 the optimum depends on where the parameters "
                "are, not only on how far from the target: use place='parameters'."
            )
        flag = ("switched",) if problem.signalled and problem.hazard > 0 else ()
        self._controller = Controller(problem, ("gradient", place, *flag))
        self._signalled = bool(flag)
        self.observation = self._controller.observation
        self.privileged = self.observation.privileged
        self.name = "LQG (known curvature)" if self.privileged else "LQG"
        self.target = TargetModel.of(problem, relative=relative)
        noise_variance(problem, np.ones(1))  # raises where it is not known
        self.linear = self.target.rho == 1 or belief == "linear"
        self._filter: Any = KalmanFilter(self.target)
        if not self.linear:
            shared = self._controller.shared
            assert shared is not None  # or a redraw would change the curvature
            self._filter = SwitchingFilter(self.target, self._frame_of(shared))

    def begin(self, observation: Array) -> Filtered:
        """The prior, and the gains for the Hessians seen."""
        return self._framed(self._controller.gains(observation), None, len(observation))

    def restart(self, observation: Array, state: Filtered, rows: Array) -> Filtered:
        """Some rows, a mask, are to start from the prior."""
        return state._replace(begins=rows)

    def act(self, observation: Array, state: Filtered) -> tuple[Array, Filtered]:
        """Take in a gradient and act; rows that start an episode start from the prior."""
        after, x = self._observe(observation, state)
        gains, frame, prior, mean = after.gains, after.frame, after.prior, _mean(after)
        step = self._controller.step(observation)
        if gains.law.K.ndim == 4:  # gain matrices, which act on parameters as they are
            x, z, m = (frame.back(each) for each in (x, mean, prior.mean))
            u = control_in_basis(gains, step, x, z, m)
        else:
            u = frame.back(control_in_basis(gains, step, x, mean, prior.mean))
        return self.action_of(u, observation), after

    def displacement(
        self,
        observation: Array,
        state: Filtered | None = None,
        episode_start: Array | None = None,
    ) -> tuple[Array, Filtered]:
        """Take in a gradient: parameters minus where the target is believed, (batch, dim)."""
        after, x = self._observe(observation, self.ready(observation, state, episode_start))
        error = after.frame.back(x - _mean(after))
        return error.astype(observation.dtype, copy=False), after

    def value(self, observation: Array) -> Array:
        """Expected discounted cost from the first observations of episodes on, (batch,)."""
        self._check_linear()
        after, x = self._observe(observation, self.begin(observation))
        x, z = (after.frame.back(each) for each in (x, _mean(after)))
        known = self._controller.cost_to_go(after.gains, observation, x, z)
        return known + self._unknown(after.gains)

    def expected_cost(self, steps: int | None = None, law: Law | None = None) -> float:
        """Expected discounted cost over starts, instances and noise, exactly.

        Args:
            steps: Of the first so many steps; None: of all that the problem plans for.
            law: Of another law than the optimal one, acting on the same estimates; shaped like
                `Ensemble.law`.

        Raises:
            Refusal: where Hessians differ between instances and coordinates do not decouple, or
                the belief is not linear.
        """
        self._check_linear()
        parts = ensemble(self._controller.structure)
        steps = parts.steps_to_sum(steps)
        law = parts.law if law is None else law
        unknown = estimation_cost(parts.lq, law, self._covariances(parts.hessian), steps)
        return parts.expected_cost(steps, law) + float(parts.weights @ unknown)

    def _check_linear(self) -> None:
        if not self.linear:
            raise Refusal(
                "with an exact belief about unsignalled redraws only simulation tells the expected "
                "cost (landscape_gym.evaluation.compare); belief='linear' has it in closed form, "
                "which bounds this one from above."
            )

    def _unknown(self, gains: Gains) -> Array:
        """What not knowing the target costs in an episode, given the first gradient, (rows,)."""
        parts, horizon = row_problems(self._controller.structure, gains), self.problem.horizon
        cost = estimation_cost(parts.lq, parts.law, self._covariances(parts.hessian), horizon)
        first = next(self._covariances(parts.hessian))
        cost = cost + np.sum(parts.values(horizon)[0].block(1, 1) * first, axis=(-2, -1))
        return cost.sum(axis=1) if cost.ndim == 2 else cost

    def _covariances(self, hessian: Array) -> Iterator[Array]:
        """Covariances of the target after 1, 2, .. gradients, like `hessian`."""
        return covariances(self.target, hessian, partial(noise_variance, self.problem))

    def _observe(self, observation: Array, state: Filtered) -> tuple[Filtered, Array]:
        """What is known after this observation, and the parameters in the frame."""
        read = self._controller.read
        gains = self._controller.gains(observation, state.gains)
        if gains is not state.gains:  # Hessians are others now
            state = self._framed(gains, state, len(observation))
        frame, prior, belief = state.frame, state.prior, state.prior
        if state.belief is not None:
            belief = self._filter.later(state.belief, prior)
            begins = state.begins
            if self._signalled:
                switched = read(observation, "switched")[:, 0] > 0
                begins = switched if begins is None else begins | switched
            if begins is not None and begins.any():
                belief = self._filter.restart(belief, begins, prior)
        y, x = (frame.into(read(observation, name)) for name in ("gradient", self.place))
        return Filtered(self._filter.observe(belief, frame, y, x), gains, frame, prior), x

    def _framed(self, gains: Gains, before: Filtered | None, rows: int) -> Filtered:
        """What was known before, on the directions of new gains."""
        frame = self._frame_of(gains)
        prior = self._filter.prior(frame, rows)
        if before is None:
            return Filtered(None, gains, frame, prior)
        return Filtered(before.belief, gains, frame, prior, before.begins)

    def _frame_of(self, gains: Gains) -> Frame:
        """The directions in which the filter of these rows decouples."""
        curvature = gains.curvature.astype(np.float64)
        basis = None
        if self._controller.solver.channel == "hessian":
            hessian = curvature.reshape(-1, self.problem.dim, self.problem.dim)
            curvature, basis = np.linalg.eigh(hessian)
        h = np.maximum(curvature, 0.0)
        return Frame(h, noise_variance(self.problem, h), basis)


def _mean(known: Filtered) -> Array:
    """Where the target is believed, in the frame, (rows, d)."""
    return (known.belief or known.prior).mean


def solve_lqg(problem: NavigationProblem, seen: ObservationConfig) -> Solution:
    """The optimum of a learner who sees noisy gradients, or what bounds it.

    Args:
        problem: What is navigated.
        seen: What the learner sees.

    Raises:
        Refusal: without gradients, and where `LQGPolicy` refuses.
    """
    if "gradient" not in seen.channels:
        raise Refusal("the learner sees no gradient.")
    only_distance_matters = problem.default_dynamics is None and problem.hazard == 0
    relative = "parameters" not in seen.channels and only_distance_matters
    policy = LQGPolicy(problem, place="displacement" if relative else "parameters")
    bound, remarks = _bound(policy, seen)
    return Solution(
        status=" ".join(["Solved by Kalman filter and certainty equivalence.", *remarks]),
        bound=bound,
        converged=True,
        residual=0.0,
        policy=policy,
        value=policy.value if policy.linear else None,
        cost=cost_if_known(policy),
    )


def _bound(policy: LQGPolicy, seen: ObservationConfig) -> tuple[Bound, list[str]]:
    """Whether the policy sees more than the learner, or might do better; and how."""
    more = [name for name in policy.observation.channels if name not in seen.channels]
    more = [name for name in more if name not in ("displacement", "elapsed")]
    if policy.privileged and more:
        return "lower", [
            f"The learner does not see the {more[0]}, and this policy does: "
            "landscape_gym.control.bracket bounds what a learner must pay from both sides, and "
            "names the policy that attains the upper bound."
        ]
    if more:
        return "lower", [f"This policy sees what the learner does not: {', '.join(more)}."]
    if seen.scaled:
        return "lower", ["The learner sees the gradient only relative to its running scale."]
    if policy.place == "displacement" and isinstance(policy.problem.start, UniformStart):
        why = "The start is not Gaussian, so that the filter is only the best linear one."
        return "upper", [why + " Where the start is seen, the filter is exact."]
    if not policy.linear:
        return "exact", ["Redraws are not signalled: the belief runs over when the last one was."]
    return "exact", []
