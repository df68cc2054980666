"""`RegretVecEnv`: rewards are what moves lose, not what luck brings.

A learner that moves by u pays, over what the optimum for its channels would, told the curvature,

    E sum over steps t of beta^t 1/2 (u - u*)' M (u - u*),        M = dt/eta G (1 - dt K)^-1

(the performance difference lemma), where u* is the optimum's move from where the learner is, on all
that has been seen: the belief about the target does not depend on who moves. K is the optimum's
gain. That sum as the reward has the same best policy as costs have, and none of the noise of
gradients, drift and targets that no move can help; the nearer a policy is to the optimum, the less
is left of it. u* and M tell what a learner does not see, in training only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnvWrapper

from landscape_gym.control import LQGPolicy, optimum
from landscape_gym.derivation.gains import gain_solver
from landscape_gym.derivation.structure import Structure, diagonal_metric
from landscape_gym.landscapes.base import Array
from landscape_gym.observation import Layout
from landscape_gym.policy import UNBOUNDED
from landscape_gym.refusal import Refusal
from landscape_gym.registration import regime as named
from landscape_gym.sb3.policies import HIDDEN, SEEN
from landscape_gym.sb3.vec_env import LandscapeNavVecEnv


class RegretVecEnv(VecEnvWrapper):
    """Rewards are minus the regret of each move, beside LQG's that is told the curvature.

    Observations are dicts: ``seen``, the regime's, and ``hidden``, what the last move lost, (B, 1):
    where motion is cheap, that tells a critic how far the learner is from where it should be.
    Normalise observations with ``norm_obs_keys=["seen"]``.

    Args:
        num_envs: Number of environments.
        regime: Name of the regime in `landscape_gym.registration.REGIMES`.
        **changes: What to change of it, as of `Regime.configured`.

    Raises:
        Refusal: where the optimum is no LQG whose gains are elementwise, on the axes or along the
            Hessian's; and for a finite horizon.

    Example:
        >>> env = RegretVecEnv(4, "noisy-gradient")
        >>> _ = env.reset()
        >>> reward = env.step(np.zeros((4, 2), np.float32))[1]
        >>> bool((reward < 0).all())
        True
    """

    def __init__(self, num_envs: int = 1, regime: str = "drifting-target", **changes: Any) -> None:
        setup = named(regime).configured(**changes)
        best = optimum(setup.problem, setup.observation)
        if not isinstance(best.policy, LQGPolicy):
            raise Refusal(f"regrets are known beside LQG, and here is none: {best.status}")
        if setup.problem.horizon is not None or setup.problem.control_matrix is not None:
            raise Refusal("regrets are known without end, where every direction is controlled.")
        metric = diagonal_metric(setup.problem)
        if metric is None or gain_solver(Structure.of(setup.problem)).iterates:
            raise Refusal(
                "regrets are known where gains are elementwise: give a metric and default dynamics "
                "that are diagonal, or on a rotated landscape the same in all directions."
            )
        self._best, self._metric = best.policy, metric
        public, wanted = setup.observation.channels, best.policy.observation.channels
        if setup.observation.scaled:
            raise Refusal("the optimum reads gradients as they are: observe them unscaled.")
        added = tuple(name for name in wanted if name not in public)
        setup = setup.configured(
            observation={"channels": public + added, "rates": setup.observation.rates}
        )
        env = LandscapeNavVecEnv(
            num_envs,
            problem=setup.problem,
            observation=setup.observation,
            action=setup.action,
        )
        layout = Layout(setup.observation, setup.problem)
        self._wanted = np.concatenate(
            [np.arange(layout.size)[layout.slices[name]] for name in wanted]
        )
        self._seen = layout.slices[public[-1]].stop
        space = env.envs.single_observation_space
        low, high = (bound[: self._seen] for bound in (space.low, space.high))  # type: ignore[attr-defined]
        seen, hidden = spaces.Box(low, high, dtype=np.float32), spaces.Box(0.0, np.inf, (1,))
        super().__init__(env, observation_space=spaces.Dict({SEEN: seen, HIDDEN: hidden}))
        self.discount = env.discount
        self._simulation = env.envs.simulation
        self.unit = (1 - env.discount) * (best.cost or 1.0)
        """What regrets are divided by: the optimum's mean cost of a step, if that is known."""
        self._known: Any = None
        """What the optimum remembers."""
        self._optimal: Array = np.zeros(0)
        """Its moves from here, (B, d)."""
        self._regret: Array = np.zeros(num_envs)
        """What the last moves lost, (B,); 0 where an episode begins."""

    def reset(self) -> Any:
        """Begin new episodes."""
        observation, self._known = self.venv.reset(), None
        self._regret = np.zeros(self.num_envs)
        return self._met(observation, None)

    def step_async(self, actions: Array) -> None:
        """Step, as `LandscapeNavVecEnv`, and price the moves."""
        simulation, gains = self._simulation, self._known.gains
        problem = simulation.problem
        moves = simulation.action.control(actions.clip(-1.0, 1.0), simulation.state.learner)
        away, speed = moves - self._optimal, problem.dt * gains.law.K[0]
        if gains.basis is not None:
            away = np.vecmat(away, gains.basis)
        weight = self._metric * problem.dt / problem.eta / (1 - speed)
        self._regret = 0.5 * np.sum(weight * away**2, axis=1) / self.unit
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        """Step, as `LandscapeNavVecEnv`, but for the rewards."""
        observation, _, dones, infos = self.venv.step_wait()
        reward = -self._regret.astype(np.float32)
        for row in np.flatnonzero(dones):
            last = infos[row]["terminal_observation"]
            infos[row]["terminal_observation"] = self._parts(last, self._regret[row : row + 1])
        self._regret = np.where(dones, 0.0, self._regret)
        return self._met(observation, dones), reward, dones, infos

    def _met(self, observation: Any, begins: Array | None) -> dict[str, Array]:
        """Let the optimum see observations; what agents see of them."""
        action, self._known = self._best.predict(observation[:, self._wanted], self._known, begins)
        self._optimal = action.astype(np.float64) * UNBOUNDED.scale
        return self._parts(observation, self._regret[:, None])

    def _parts(self, observation: Array, regret: Array) -> dict[str, Array]:
        return {SEEN: observation[..., : self._seen], HIDDEN: regret.astype(np.float32)}
