"""Write a landscape: a valley that winds, each instance with walls of its own steepness."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import gymnasium as gym
import numpy as np

import landscape_gym  # noqa: F401, registers the ids
from landscape_gym.evaluation import compare
from landscape_gym.landscapes import Landscape, Minimum
from landscape_gym.policy import RulePolicy
from landscape_gym.rules import GradientDescent, Momentum


# [family]
class Walls(NamedTuple):
    """What is random: one number for each episode."""

    steepness: np.ndarray  # (batch,)


@dataclass(frozen=True)
class WindingValley(Landscape):
    """``L = a (y - sin x)^2 / 2 + x^2 / 20``, with a between 1 and `steepest`."""

    kind: ClassVar[str] = "winding_valley"
    dim: ClassVar[int] = 2
    steepest: float = 4.0

    def sample(self, draw):
        """Draw a, log-uniformly, for each row of the batch."""
        return Walls(self.steepest ** draw.uniform(1)[:, 0])

    def loss_and_grad(self, instances, theta):
        """Loss (batch,) and gradient (batch, 2)."""
        x, y = theta.T
        off = y - np.sin(x)
        pull = instances.steepness * off
        grad = np.stack([x / 10 - pull * np.cos(x), pull], axis=1)
        return pull * off / 2 + x**2 / 20, grad

    def minimum(self, instances):
        """The origin, where the loss is 0, whatever the walls."""
        return Minimum(np.zeros((1, 2)), np.zeros(1))


# [check]
valley = WindingValley()
walls, theta, h = Walls(np.array([2.0])), np.array([[1.0, 0.5]]), 1e-6
differences = [
    (valley.loss(walls, theta + h * e) - valley.loss(walls, theta - h * e)) / (2 * h)
    for e in np.eye(2)
]
print("gradient:   ", valley.grad(walls, theta)[0].round(6))
print("differences:", np.ravel(differences).round(6))

# [use]
env = gym.make("LandscapeNav-v0", landscape=valley, eta=4.0, noise=None, episode_steps=100)
observation, info = env.reset(seed=0)
print("loss at the start:", info["loss"].round(4))

# [compare]
policies = {
    "gradient descent": RulePolicy(GradientDescent(lr=1.0)),
    "momentum": RulePolicy(Momentum(lr=1.0, momentum=0.8)),
    "both, halfway": RulePolicy(Momentum(lr=1.0, momentum=0.4)),
}
print(compare(env.unwrapped.problem, policies, episodes=256).table())
