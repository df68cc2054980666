"""How much coordinates interfere, told by the loss, which bounds what their steps can promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from landscape_gym.arrays import SMALLEST
from landscape_gym.rules.arrays import larger


class Promise(NamedTuple):
    """Running means of what steps promise and of what there is, (..., 1); 0 at the start."""

    decrease: Any
    """Of the loss that steps promise to take off, each coordinate for itself."""
    loss: Any
    """Of the loss above its lower bound."""


@dataclass(frozen=True)
class LossBound:
    """Velocities for independent coordinates, slowed where the coordinates interfere.

        promise <- mean of -dt sum(v g),   loss <- mean of L - lowest      (decay per step)
        r = stiffness promise / (2 loss)
        u = v ( (1 + r^2 / 4)^(1/2) - r / 2 )

    Assumption: the loss has the known lower bound `lowest`, and comes near it. One vector of all
    parameters is moved together.

    Derivation (theory 2, 5):

    - Rules for independent coordinates move too far where these depend on each other, the more so
      the more of them there are. The loss tells by how much: with ``L = 1/2 sum h e^2`` and each
      distance e from its target falling at the rate r_i, a step promises ``sum r_i h_i e_i^2``,
      which is 2 L times the mean rate, weighted by loss. So ``promise / (2 L)`` *is* the rate, and
      more than can be where coordinates promise the same decrease twice.
    - Discrete time. Where r is the ballistic rate per step the best step closes
      ``r ((1 + r^2 / 4)^(1/2) - r / 2)`` of the distance: section 2 with beta = 1 and
      ``q / c = r^2``. It is r if r is small, and never more than all of the distance.
    - The rate differs between directions, and those that are closed fastest must not be overshot:
      `stiffness` is how many times the mean the fastest is. It is an experiment's constant.

    Noise in the gradients makes the promise larger than what is kept of it, and so slows steps
    down where little is left of the loss but noise: the learning rate anneals by itself.

    Reference: Polyak, "Introduction to optimization", 1987, whose step also takes its length from
    the loss and its lower bound; Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape
    Navigation", arXiv:2510.26997.
    """

    stiffness: float
    """Rate of the fastest direction over the mean rate."""
    lowest: float = 0.0
    """Lower bound of the loss."""
    decay: float = 0.9
    """Of both means per step, in [0, 1)."""
    dt: float = 1.0
    """Time per step."""

    def init(self, loss: Any, gradient: Any = None) -> Promise:
        """Nothing promised; of the gradient other bounds take the shape."""
        return Promise(0.0 * loss, 0.0 * loss)

    def slowed(self, v: Any, gradient: Any, loss: Any, state: Promise) -> tuple[Any, Promise]:
        """The velocity u, and the means with this step's promise and loss in them.

        Args:
            v: What the rule for independent coordinates asks for, (..., d).
            gradient: (..., d).
            loss: (..., 1).
            state: The means before.
        """
        b, decrease = self.decay, -self.dt * (v * gradient).sum(-1)[..., None]
        now = Promise(
            b * state.decrease + (1 - b) * decrease, b * state.loss + (1 - b) * (loss - self.lowest)
        )
        left = 2 * larger(now.loss, 0.0) + SMALLEST
        half = self.stiffness * larger(now.decrease, 0.0) / left / 2
        return v / ((1 + half * half) ** 0.5 + half), now
