"""`WeightsVecEnv`: whole trainings of networks, in which an action is the weights of a rule.

Told what each step of each coordinate costs, agents learn little on networks: what one step adds to
how a training ends is small against what networks differ by, and exploration that is drawn for each
coordinate and step averages out. Here exploration is of few numbers and lasts: an action is the
weights of one linear rule for all coordinates, which then trains the network for `hold` steps. The
reward is dense: how far the mean logarithm of the loss fell from one hold to the next. What
networks differ by is taken out by copies: rows in groups train the same network, from the same
start, on the same minibatches, by rules of their own, and a reward is what is above the group's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from landscape_gym.configuration import count
from landscape_gym.landscapes.base import Array
from landscape_gym.learned import LearnedRule, LinearRules
from landscape_gym.registration import regime as named
from landscape_gym.sb3.one_batch import OneBatch
from landscape_gym.sb3.policies import NavigationPolicy
from landscape_gym.simulation import Simulation

SMALLEST_LOSS = 1e-4
"""Added to losses of which the logarithm is taken: smaller ones count alike."""
LARGEST = 1.0
"""Where falls above the group's are clipped: a rule that spoils its network counts as a bad one,
and does not drown what the others did."""
SCORED = 2 / 3
"""The last part of a training, over which the mean logarithm of the loss is to be low."""
LARGEST_WEIGHT = 10.0
SEEN = ("age", "log loss of the group", "log loss above the group's")
"""What is observed: how much of the training is over, and how it goes; for critics."""


class WeightsVecEnv(OneBatch):
    """Trainings of small networks by linear rules, whose weights are actions, ``hold`` steps long.

    But for clipping, the return of a training is minus the mean logarithm of its losses after the
    first third, above the group's.

    Args:
        num_envs: Trainings at a time.
        regime: Whose networks; a name in `landscape_gym.registration.ALL`.
        copies: Trainings in a group, which divides `num_envs`.
        hold: Steps that an action lasts, which divide the regime's.
        **changes: What to change of it, as of `Regime.configured`.

    Raises:
        ValueError: for numbers that do not divide, or channels or actions that cannot be split into
            single coordinates.

    Example:
        >>> from stable_baselines3 import PPO
        >>> env = WeightsVecEnv(4, copies=2, hold=150)
        >>> agent = PPO(WeightsPolicy, env, gamma=env.discount, n_steps=2, batch_size=8)
        >>> env.rule(agent.learn(8)).per_coordinate
        True
    """

    def __init__(
        self,
        num_envs: int = 128,
        regime: str = "small-networks",
        *,
        copies: int = 8,
        hold: int = 100,
        **changes: Any,
    ) -> None:
        self.regime = setup = named(regime).configured(**changes)
        self.rules = LinearRules(setup)
        steps = setup.problem.steps
        self.copies, self.hold = count("copies", copies), count("hold", hold)
        for name, whole, part in (("num_envs", num_envs, copies), ("steps", steps, hold)):
            if whole % part:
                raise ValueError(f"{name} must be a multiple of {part}, got {whole}.")
        self.simulation = Simulation(
            num_envs,
            problem=setup.problem,
            observation=setup.observation,
            action=setup.action,
        )
        self.holds = steps // hold
        """Actions in an episode."""
        self.discount = setup.problem.discount
        """The discount factor for agents to use, from one hold to the next."""
        self.render_mode = None
        super().__init__(
            num_envs,
            spaces.Box(-np.inf, np.inf, (len(SEEN),), np.float32),
            spaces.Box(-LARGEST_WEIGHT, LARGEST_WEIGHT, (self.rules.size,), np.float32),
        )
        self._next, self._held = 0, 0
        self._log_loss = np.zeros(num_envs)
        self._weights = np.zeros((num_envs, self.rules.size))

    def rule(self, agent: Any) -> LearnedRule:
        """What an agent with a `WeightsPolicy` has learned."""
        return self.rules.rule(weights_of(agent.policy))

    def reset(self) -> Array:
        """Begin new trainings, of networks that no episode has had since `seed`."""
        if self._seeds[0] is not None:
            self._next = self._seeds[0]
        self._reset_seeds()
        self._reset_options()
        rows, groups = np.arange(self.num_envs), self.num_envs // self.copies
        self.simulation.streams.seed(rows, (self._next + rows // self.copies).tolist())
        self.simulation.begin(rows)
        self._next, self._held = self._next + groups, 0
        self._log_loss = _log(self.simulation.state.learner.loss)
        return self._observation()

    def step_async(self, actions: Array) -> None:
        """Keep the weights, (num_envs, size), for `step_wait`."""
        self._weights = actions

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Let rules train for a hold; all episodes end together, and new ones begin."""
        total = np.zeros(self.num_envs)
        for _ in range(self.hold):
            seen = self.simulation.observe(self.simulation.state)
            outcome = self.simulation.advance(self.rules.actions(seen, self._weights))
            total += _log(outcome.loss)
        fell = self._log_loss - total / self.hold
        # The part of what is scored that is yet to come, for which the fall lasts.
        share = min(1.0, (1 - self._held / self.holds) / SCORED)
        reward = share * (fell - self._of_group(fell)).clip(-LARGEST, LARGEST)
        self._log_loss = total / self.hold
        self._held += 1
        over = self._held == self.holds
        observation, infos = self._observation(), [{} for _ in range(self.num_envs)]
        if over:
            for info, last in zip(infos, observation, strict=True):
                info["terminal_observation"] = last
            observation = self.reset()
        return observation, reward.astype(np.float32), np.full(self.num_envs, over), infos

    def _observation(self) -> Array:
        """`SEEN`, (num_envs, 3)."""
        group = self._of_group(self._log_loss)
        age = np.full(self.num_envs, self._held / self.holds)
        return np.stack([age, group, self._log_loss - group], axis=1).astype(np.float32)

    def _of_group(self, values: Array) -> Array:
        """Means over copies, (num_envs,)."""
        return values.reshape(-1, self.copies).mean(axis=1).repeat(self.copies)

    def close(self) -> None:
        """Nothing is open."""


def _log(loss: Array) -> Array:
    return np.log(np.maximum(loss, 0) + SMALLEST_LOSS)


class Weights(nn.Module):
    """The same numbers whatever is seen, 0 at first."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(size))

    def forward(self, seen: Tensor) -> Tensor:
        """The numbers for each row, (batch, size)."""
        return self.weights.expand(len(seen), -1)


class WeightsPolicy(NavigationPolicy):
    """An actor that always does the same, for `WeightsVecEnv`, and a critic that sees the course.

    What it does is the weights of a rule, so that the mean of its actions is a rule, too. A critic
    that is solved for (`FitCritic`) suits it: weights have far to go, and the critic has not.
    """

    def _actor(self, seen: int) -> nn.Module:
        del seen
        return Weights(spaces.flatdim(self.action_space))


def weights_of(policy: Any) -> Array:
    """The weights that a `WeightsPolicy` has come to, (size,).

    Raises:
        TypeError: for another policy.
    """
    if not isinstance(policy, WeightsPolicy):
        raise TypeError(f"a WeightsPolicy has the weights of a rule; got {type(policy).__name__}.")
    return policy.mlp_extractor.actor.weights.detach().cpu().double().numpy()  # type: ignore[union-attr]
