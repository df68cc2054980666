"""The optimum of a linear-quadratic navigation problem, as a policy that sees everything."""

from __future__ import annotations

from landscape_gym.control.linear_quadratic.controller import Controller
from landscape_gym.control.linear_quadratic.ensemble import ensemble
from landscape_gym.control.solution import Solution, cost_if_known
from landscape_gym.derivation.gains import Gains
from landscape_gym.derivation.lqr import LQRSolution
from landscape_gym.derivation.model import Law
from landscape_gym.landscapes.base import Array
from landscape_gym.policy import StatefulPolicy
from landscape_gym.problem import NavigationProblem


class LinearQuadraticPolicy(StatefulPolicy):
    """``u = -(K theta + K_z z + K_m m)``: optimal, with z the target and m its prior's mean.

    It reads the parameters and the target; the Hessian, or its diagonal, where instances differ in
    it; and the elapsed time where the horizon is finite.

    Args:
        problem: A problem that is linear-quadratic.

    Raises:
        Refusal: for another problem, naming the assumption that fails.

    Example:
        >>> landscape = {"kind": "quadratic", "curvature": (1 / 9, 1.0)}
        >>> policy = LinearQuadraticPolicy(NavigationProblem(landscape=landscape))
        >>> seen = np.array([[1.0, 1.0, 0.0, 0.0]])  # theta, then target
        >>> action, _ = policy.predict(seen)
        >>> (action * policy.action.scale).round(4)
        array([[-0.2838, -0.9093]])
        >>> policy.value(seen).round(4)
        array([0.5965])
    """

    name = "optimum (full information)"
    privileged = True

    def __init__(self, problem: NavigationProblem) -> None:
        """Solve now, or prepare to solve when Hessians are seen."""
        self.problem = problem
        self._controller = Controller(problem, ("parameters", "target"))
        self.observation = self._controller.observation

    @property
    def law(self) -> Law | None:
        """Gains that all rows share, (T, 1, d) or (T, 1, m, d); None where Hessians differ."""
        shared = self._controller.shared
        return None if shared is None else shared.law

    @property
    def solution(self) -> LQRSolution | None:
        """The Riccati solution that all rows share; None where Hessians differ or it is not needed.

        It is not needed where closed forms hold: all is diagonal, or isotropic but the Hessian.
        """
        shared = self._controller.shared
        return None if shared is None else shared.solution

    def act(self, observation: Array, state: Gains | None) -> tuple[Array, Gains | None]:
        """Optimal actions; the state holds each row's gains where Hessians differ."""
        do = self._controller
        gains = do.gains(observation, state)
        u = do.control(gains, observation, *self._where(observation))
        return self.action_of(u, observation), None if gains is do.shared else gains

    def restart(self, observation: Array, state: Gains, rows: Array) -> Gains:
        """As it was: gains belong to the Hessians seen, whenever episodes begin."""
        return state

    def value(self, observation: Array) -> Array:
        """Expected discounted cost from observations on, (batch,)."""
        do = self._controller
        return do.cost_to_go(do.gains(observation), observation, *self._where(observation))

    def expected_cost(self, steps: int | None = None) -> float:
        """Expected discounted cost over starts and instances, exactly.

        Args:
            steps: Of the first so many steps; None: of all that the problem plans for.

        Raises:
            Refusal: where Hessians differ between instances and coordinates do not decouple.
        """
        return ensemble(self._controller.structure).expected_cost(steps)

    def _where(self, observation: Array) -> tuple[Array, Array]:
        """Parameters and target."""
        read = self._controller.read
        return read(observation, "parameters"), read(observation, "target")


def solve_linear_quadratic(problem: NavigationProblem) -> Solution:
    """The optimum under full information, in closed form or by Riccati equations.

    Raises:
        Refusal: where the problem is not linear-quadratic.
    """
    policy = LinearQuadraticPolicy(problem)
    found = policy.solution
    return Solution(
        status="Solved in closed form, coordinate by coordinate."
        if found is None
        else found.status,
        bound="exact",
        converged=found is None or found.converged,
        residual=0.0 if found is None else found.residual,
        policy=policy,
        value=policy.value,
        cost=cost_if_known(policy),
    )
