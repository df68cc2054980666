"""One path for all starts: a law that is cheap to ask, near that path, wherever a learner strays.

Without a horizon what is optimal depends on where one is, not on when. Along a path x_0, x_1, ..
that was planned with feedback gains K_t,

    u(x) = u_t - K_t (x - x_t),        x_t the point of the path that is nearest to x,

is therefore optimal up to the square of the distance. `PlannedPath` goes by the time instead, which
is wrong for who lags behind, and plans anew for every start.
"""

from __future__ import annotations

import numpy as np

from landscape_gym.control.paths.planner import plan
from landscape_gym.control.paths.solve_path import draw_starts
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.policy import StatefulPolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.refusal import Refusal

STARTS = 64
"""How many starts are drawn to begin the path at their mean."""


class NearestOnPath(StatefulPolicy):
    """Follows one planned path from the point of it that is nearest.

    Args:
        problem: A problem whose landscape is known and convex and does not change, without a
            horizon; starts that are near one another, or a landscape that is nearly quadratic.

    Raises:
        Refusal: for another problem, naming the assumption that fails.

    Example:
        >>> landscape = {"kind": "quadratic", "curvature": (1.0, 1.0)}
        >>> policy = NearestOnPath(NavigationProblem(landscape=landscape))
        >>> action, _ = policy.predict(np.array([[1.0, 0.5]]))
        >>> (action * policy.action.scale).round(4)
        array([[-0.9093, -0.4546]])
    """

    name = "nearest on a path"
    privileged = True
    observation = ObservationConfig(("parameters",))

    def __init__(self, problem: NavigationProblem) -> None:
        """Plan the path."""
        if problem.horizon is not None:
            raise Refusal("what is optimal depends on time, as there is a horizon: PlannedPath.")
        if not problem.landscape.convex:
            raise Refusal(
                "where the landscape is not convex, starts that are near one another may have to "
                "go to different minima: PlannedPath plans for each."
            )
        start, steps = draw_starts(problem, STARTS).mean(axis=0, keepdims=True), problem.steps
        found = plan(problem, start, steps=2 * steps)  # its end is told that nothing follows
        if found.best.gains is None:
            raise Refusal("there are no gains along a path of so many parameters: PlannedPath.")
        self.x, self._u, self._gains = (
            part[:steps, 0] for part in (found.best.x, found.best.u, found.best.gains)
        )
        self._where = Layout(self.observation, problem).slices["parameters"]

    def act(self, observation: Array, state: None) -> tuple[Array, None]:
        """Actions by the nearest point; there is nothing to remember."""
        x = observation[:, self._where].astype(np.float64)
        # |x - x_t|^2 without |x|^2, which is the same for all t
        t = (np.vecdot(self.x, self.x) - 2 * x @ self.x.T).argmin(axis=1)
        u = self._u[t] - np.matvec(self._gains[t], x - self.x[t])
        return self.action_of(u, observation), None
