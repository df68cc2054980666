"""Adam without a learning rate to tune: the step is told by the initialisation and by the loss."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, ClassVar, NamedTuple

from array_api_compat import array_namespace, device

from landscape_gym.arrays import like
from landscape_gym.rules.adam import Adam, AdamState
from landscape_gym.rules.loss_bound import LossBound, Promise


class SelfScaledAdamState(NamedTuple):
    """What the rule remembers; all 0 at the start."""

    adam: AdamState
    """Running means of the gradient and of its square."""
    promise: Promise
    """Running means of what steps promise, and of the loss."""


@dataclass(frozen=True)
class SelfScaledAdam:
    """Adam's step, in units of the initialisation, slowed to the rate at which loss can fall.

    With Adam's corrected means M and V, and the unit w of each coordinate:

        v = -lr w M / (V^(1/2) + eps)        the ballistic velocity
        u = v, slowed by a `LossBound`

    Assumption: that of `landscape_gym.rules.LossBound`, and that parameters are
    initialised with a spread in proportion to w.

    Derivation (theory 4(a), 7(c)): how far weights travel is measured by how widely they were
    drawn, so the cost of moving is that of the metric ``G = w^-2``, ``w = 1 / (inputs of a
    unit)^(1/2)``. The ballistic rule ``(eta k G^-1 H)^(1/2) (theta - z)`` with Adam's estimates in
    it is then v. In the coordinates ``theta / w`` all is the same for wide and narrow layers. But v
    takes coordinates for independent, and together they move too far: the bound slows them. lr and
    stiffness are an experiment's: they were chosen once, on seeds of their own, for five networks
    together (docs/networks.md).

    Reference: Kingma and Ba, "Adam: a method for stochastic optimization", 2015; Vastola, Gershman,
    Rajan, "Gradient Descent as Loss Landscape Navigation", arXiv:2510.26997.

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

    def among(self, present: Sequence[bool]) -> SelfScaledAdam:
        """The rule for some parameters of those that it has a unit each for."""
        if len(present) != len(self.units):
            return self
        return replace(self, units=tuple(compress(self.units, present)))

    def init(self, gradient: Any, loss: Any) -> SelfScaledAdamState:
        """No gradient seen."""
        return SelfScaledAdamState(self._adam.init(gradient), self._bound.init(loss))

    def update(
        self,
        gradient: Any,
        state: SelfScaledAdamState,
        loss: Any,
        out: SelfScaledAdamState | None = None,
    ) -> tuple[Any, SelfScaledAdamState]:
        """The velocity, and the running means with this gradient and loss in them."""
        v, adam = self._adam.update(gradient, state.adam, out and out.adam)
        v = v * self._units(gradient)
        u, promise = self._bound.slowed(v, gradient, loss, state.promise)
        return u, SelfScaledAdamState(adam, promise)

    @property
    def _adam(self) -> Adam:
        return Adam(self.lr, self.b1, self.b2, self.eps)

    @property
    def _bound(self) -> LossBound:
        return LossBound(self.stiffness, self.lowest, self.b1, self.dt)

    def _units(self, gradient: Any) -> Any:
        """A number for each coordinate."""
        if not self.units:
            return 1.0
        counts, units = zip(*self.units, strict=True)
        xp = array_namespace(gradient)
        return xp.repeat(like(units, gradient), xp.asarray(counts, device=device(gradient)))
