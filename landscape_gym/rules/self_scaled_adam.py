"""Adam without a learning rate to tune: the step is told by the initialisation and by the loss."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from landscape_gym.rules.adam import Adam, AdamState
from landscape_gym.rules.arrays import larger
from landscape_gym.state import SMALLEST


class SelfScaledAdamState(NamedTuple):
    """What the rule remembers; all 0 at the start."""

    adam: AdamState
    """Running means of the gradient and of its square."""
    promise: Any
    """Running mean of what ballistic steps promise to take off the loss, (..., 1)."""
    loss: Any
    """Running mean of the loss, (..., 1)."""


@dataclass(frozen=True)
class SelfScaledAdam:
    """Adam's step, in units of the initialisation, slowed to the rate at which loss can fall.

    With Adam's corrected means M and V, the unit w of each coordinate, and corrected running means
    (decay b1) of a promise and of the loss above its lower bound:

        v = -lr w M / (V^(1/2) + eps)                                the ballistic velocity
        promise <- mean of -dt sum(v g),   loss <- mean of L - lowest
        r = stiffness promise / (2 loss)
        u = v ( (1 + r^2 / 4)^(1/2) - r / 2 )

    Assumption: the loss has the known lower bound `lowest`, and comes near it. Parameters are
    initialised with a spread in proportion to w. One vector of all of them is moved together.

    Derivation (theory 2, 4(a), 5, 7(c)):

    - Units. How far weights travel is measured by how widely they were drawn, so the cost of
      moving is that of the metric ``G = w^-2``, ``w = 1 / (inputs of a unit)^(1/2)``. The ballistic
      rule ``(eta k G^-1 H)^(1/2) (theta - z)`` with Adam's estimates in it is then v. In the
      coordinates ``theta / w`` all is the same for wide and narrow layers.
    - Coupling. v takes coordinates for independent; together they move too far, the more so the
      more of them there are. The loss tells by how much: with ``L = 1/2 sum h e^2`` and each
      distance e from its target falling at the rate r_i, a step promises ``sum r_i h_i e_i^2``,
      which is 2 L times the mean rate, weighted by loss. So ``promise / (2 L)`` *is* the rate, and
      more than can be where coordinates promise the same decrease twice.
    - Discrete time. Where r is the ballistic rate per step the best step closes
      ``r ((1 + r^2 / 4)^(1/2) - r / 2)`` of the distance: section 2 with beta = 1 and
      ``q / c = r^2``. It is r if r is small, and never more than all of the distance.
    - The rate differs between directions, and those that are closed fastest must not be overshot:
      `stiffness` is how many times the mean the fastest is. It and lr are an experiment's: they
      were chosen once, on seeds of their own, for five networks together (docs/networks.md).

    Noise in the gradients makes the promise larger than what is kept of it, and so slows the steps
    down where little is left of the loss but noise: the learning rate anneals by itself.

    Reference: Polyak, "Introduction to optimization", 1987, whose step also takes its length from
    the loss and its lower bound; Kingma and Ba, "Adam: a method for stochastic optimization", 2015;
    Vastola, Gershman, Rajan, "Gradient Descent as Loss Landscape Navigation", arXiv:2510.26997.

    Example:
        >>> rule = SelfScaledAdam(lr=0.1)
        >>> g, loss = np.array([1.0, -4.0]), np.array([8.5])
        >>> rule.update(g, rule.init(g, loss=loss), loss=loss)[0].round(4)
        array([-0.0957,  0.0957])
    """

    kind: ClassVar[str] = "self_scaled_adam"
    channels = ("gradient", "loss")
    units: tuple[tuple[int, float], ...] = ()
    """Coordinates in each block of parameters, and their unit w; none: all units are 1."""
    lr: float = 0.4
    """(eta k)^(1/2), over the noise that Adam takes the curvature from."""
    stiffness: float = 3.0
    """Rate of the fastest direction over the mean rate."""
    lowest: float = 0.0
    """Lower bound of the loss."""
    b1: float = 0.9
    """Decay of the means of gradient, promise and loss per step, in [0, 1)."""
    b2: float = 0.999
    """Decay of the square's mean per step, in [0, 1)."""
    eps: float = 1e-8
    """What is added to the root."""
    dt: float = 1.0
    """Time per step."""

    @classmethod
    def for_parameters(cls, parameters: Iterable[Any], **constants: Any) -> SelfScaledAdam:
        """The rule for a network's parameters, in the units of torch's default initialisation.

        Those of a matrix or a convolution are 1 / (inputs of a unit)^(1/2). Vectors, such as
        biases, have the unit of what comes before them.

        Args:
            parameters: Tensors, in the order in which they are moved: ``module.parameters()``.
            **constants: Fields other than the units.

        Example:
            >>> import torch
            >>> SelfScaledAdam.for_parameters(torch.nn.Linear(4, 3).parameters()).units
            ((12, 0.5), (3, 0.5))
        """
        units, unit = [], 1.0
        for p in parameters:
            if p.ndim > 1:
                unit = 1 / math.sqrt(math.prod(p.shape[1:]))
            units.append((math.prod(p.shape), unit))
        return cls(units=tuple(units), **constants)

    def init(self, gradient: Any, loss: Any) -> SelfScaledAdamState:
        """No gradient seen."""
        none = 0.0 * loss
        return SelfScaledAdamState(self._adam.init(gradient), none, none)

    def update(
        self, gradient: Any, state: SelfScaledAdamState, loss: Any
    ) -> tuple[Any, SelfScaledAdamState]:
        """The velocity, and the running means with this gradient and loss in them."""
        v, adam = self._adam.update(gradient, state.adam)
        v = v * self._units(gradient)
        promised = -self.dt * (v * gradient).sum(-1)[..., None]
        now = SelfScaledAdamState(
            adam,
            self.b1 * state.promise + (1 - self.b1) * promised,
            self.b1 * state.loss + (1 - self.b1) * (loss - self.lowest),
        )
        left = 2 * larger(now.loss, 0.0) + SMALLEST
        half = self.stiffness * larger(now.promise, 0.0) / left / 2
        return v / ((1 + half * half) ** 0.5 + half), now

    @property
    def _adam(self) -> Adam:
        return Adam(self.lr, self.b1, self.b2, self.eps)

    def _units(self, gradient: Any) -> Any:
        """A number for each coordinate."""
        if not self.units:
            return 1.0
        counts, units = zip(*self.units, strict=True)
        if isinstance(gradient, np.ndarray):
            return np.repeat(np.asarray(units, gradient.dtype), counts)
        counts = torch.tensor(counts, device=gradient.device)
        return gradient.new_tensor(units).repeat_interleave(counts)
