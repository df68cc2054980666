"""The best learning rate as a policy, for whoever sees so much."""

from __future__ import annotations

import numpy as np

from landscape_gym.control.learning_rate.bowl import Bowl
from landscape_gym.control.learning_rate.law import Known, Law, best_law
from landscape_gym.control.learning_rate.schedule import derived_schedule, schedule_cost
from landscape_gym.control.solution import Solution
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import StatefulPolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

TELL_DISTANCE = frozenset({"loss", "root_loss", "error"})
TELL_TIME = frozenset({"elapsed", "age"})
TELL_NO_NOISE = frozenset(
    {"log_loss", "previous_update", "parameters", "displacement", "target", "curvature", "hessian"}
)
"""Beside the others, of no use: nothing in them tells where the next gradient errs."""


class SchedulePolicy(StatefulPolicy):
    """A learning rate for every step, known in advance (`derived_schedule`)."""

    name = "best schedule"
    observation = ObservationConfig(("elapsed",))

    def __init__(self, problem: NavigationProblem) -> None:
        """Derive it."""
        self.problem, self.bowl = problem, Bowl.of(problem)
        self.rates = derived_schedule(self.bowl)

    def act(self, observation: Array, state: None) -> tuple[Array, None]:
        """The rate of this step."""
        step = np.rint(observation[:, 0].astype(np.float64) * self.problem.steps).astype(int)
        return self.action_of(
            self.rates[np.minimum(step, len(self.rates) - 1)][:, None], observation
        ), None

    def expected_cost(self, steps: int | None = None) -> float:
        """Expected discounted cost, of so many steps or without end."""
        return schedule_cost(self.bowl, self.rates[:steps])


class LearningRatePolicy(StatefulPolicy):
    """The best learning rate for the distance that the loss tells."""

    name = "best learning rate for the loss"
    observation = ObservationConfig(("loss",))

    def __init__(self, problem: NavigationProblem) -> None:
        """Solve."""
        self.law = best_law(Bowl.of(problem), "distance")

    def act(self, observation: Array, state: None) -> tuple[Array, None]:
        """Its rate."""
        rate = self.law.rate(self._distance(observation))
        return self.action_of(rate[:, None], observation), None

    def value(self, observation: Array) -> Array:
        """Least expected discounted cost from losses (batch, 1) on, (batch,)."""
        return self.law.value(self._distance(observation))

    def expected_cost(self, steps: int | None = None) -> float:
        """Expected discounted cost, of so many steps or without end."""
        return self.law.cost(steps)

    def _distance(self, observation: Array) -> Array:
        loss = observation[:, 0].astype(np.float64)
        return np.sqrt(2 * np.maximum(loss, 0.0) / self.law.bowl.h)


class ClairvoyantRatePolicy(StatefulPolicy):
    """The best learning rate for who sees error and gradient, and so the gradient's noise."""

    name = "optimum (error and noise seen)"
    privileged = True
    observation = ObservationConfig(("error", "gradient"))

    def __init__(self, problem: NavigationProblem) -> None:
        """Solve."""
        self.law = best_law(Bowl.of(problem), "noise")

    def act(self, observation: Array, state: None) -> tuple[Array, None]:
        """Its rate."""
        return self.action_of(self._best(observation)[0][:, None], observation), None

    def value(self, observation: Array) -> Array:
        """Least expected discounted cost from observations (batch, 2 d) on, (batch,)."""
        return self._best(observation)[1]

    def expected_cost(self, steps: int | None = None) -> float:
        """Expected discounted cost, of so many steps or without end."""
        return self.law.cost(steps)

    def _best(self, observation: Array) -> tuple[Array, Array]:
        error, gradient = np.split(observation.astype(np.float64), 2, axis=1)
        x = np.sqrt(np.vecdot(error, error))
        along = np.vecdot(error, gradient) / np.maximum(x, 1e-300)
        across = np.maximum(np.vecdot(gradient, gradient) - along**2, 0.0)
        return self.law.best(x, along, across)


def solve_learning_rate(
    problem: NavigationProblem, seen: ObservationConfig | None = None
) -> Solution:
    """The best learning rate for a learner's channels; None: for who sees everything.

    Raises:
        Refusal: for other problems, and where gradients are seen but not the error.

    Example:
        >>> from landscape_gym.registration import REGIMES
        >>> regime = REGIMES["learning-speed"]
        >>> round(solve_learning_rate(regime.problem, regime.observation).cost, 2)
        0.56
    """
    known = _known(seen)
    if known == "nothing":
        schedule = SchedulePolicy(problem)
        return Solution(
            "Derived by Pontryagin's conditions: a schedule.",
            "exact",
            True,
            0.0,
            schedule,
            value=None,
            cost=schedule.expected_cost(),
        )
    kind = ClairvoyantRatePolicy if known == "noise" else LearningRatePolicy
    policy = kind(problem)
    law: Law = policy.law
    coarse = best_law(law.bowl, known, len(law.x) // 2 + 1)
    error = float(np.abs(law.V[::2] - coarse.V).max() / law.V.max())
    status = (
        f"Solved by dynamic programming over the distance to the minimum, on {len(law.x)} points; "
        f"half as many change the value by {error:.1e} of the largest."
    )
    return Solution(
        status if law.converged else f"Not converged: {status}",
        "exact",
        law.converged,
        max(error, law.residual),
        policy,
        policy.value,
        policy.expected_cost(),
    )


def _known(seen: ObservationConfig | None) -> Known:
    """What channels tell that matters."""
    if seen is None or {"error", "gradient"} <= set(seen.channels):
        return "noise"
    channels = set(seen.channels)
    if channels <= TELL_DISTANCE | TELL_TIME | TELL_NO_NOISE:
        if TELL_DISTANCE & channels or {"parameters", "target"} <= channels:
            return "distance"
        if channels <= TELL_TIME | {"previous_update"} and TELL_TIME & channels:
            return "nothing"
    raise Refusal(
        "learning rates are solved for who sees the time ('elapsed' or 'age'), how far the minimum "
        "is ('loss' or 'error'), or the gradient's noise ('error' and 'gradient'); "
        f"{', '.join(seen.channels)} tell other things."
    )
