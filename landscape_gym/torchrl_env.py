"""`LandscapeNavTorchRL`: the environment for TorchRL, native and batched, on any device."""

# pyright: reportMissingImports=false
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from landscape_gym.extras import needed_by
from landscape_gym.face import check_seed
from landscape_gym.streams import fresh_seeds
from landscape_gym.torch_simulation import TorchSimulation

with needed_by(__name__):
    from tensordict import TensorDict, TensorDictBase
    from torchrl.data import Bounded, Composite, Unbounded
    from torchrl.envs import EnvBase


class LandscapeNavTorchRL(EnvBase):
    """Many loss landscapes navigated at once; see `LandscapeNavEnv` for what an episode is.

    A tensordict has ``observation`` (B, size), ``loss`` and ``excess_loss`` (B, 1), and after a
    step ``reward`` and ``control_cost`` (B, 1), too. All of it stays on the device, and where
    actions have gradients so do rewards, over as many steps as are taken between resets of all
    rows. Rows that end are TorchRL's to reset; until then they go on.

    Args:
        num_envs: Number of rows B, the batch size.
        regime: Name of the regime in `landscape_gym.registration.REGIMES` to begin with.
        device: Where the simulation and its tensors are.
        dtype: "float32" or "float64", of all of it.
        **changes: As of `TorchSimulation`: ``problem``, ``observation``, ``action``, ``draws``,
            ``compiled``, or fields of the problem, such as ``gamma=1.0``.

    Seeding: after ``set_seed(s)`` row i has the episodes that seed s + i decides, for every B.

    Raises:
        ModuleNotFoundError: without TorchRL, with what to install.
        ValueError: for ``copy=False``: tensordicts are kept, and written to in place.

    Example:
        >>> envs = LandscapeNavTorchRL(3, "long-horizon")  # doctest: +SKIP
        >>> envs.rollout(5)["next", "reward"].shape  # doctest: +SKIP
        torch.Size([3, 5, 1])
    """

    def __init__(
        self,
        num_envs: int = 1,
        regime: str = "landscape-nav",
        *,
        device: str | torch.device = "cpu",
        dtype: str = "float32",
        **changes: Any,
    ) -> None:
        if not changes.get("copy", True):
            raise ValueError("tensordicts are kept, and written to: leave copy=False out.")
        self.simulation = TorchSimulation(num_envs, regime, dtype, device=device, **changes)
        super().__init__(device=self.simulation.device, batch_size=[num_envs])
        self._pending: list[int] | None = None
        """Seeds that rows begin with when all of them are reset next."""
        self._set_seed(None)
        self._make_specs()

    @property
    def discount(self) -> float:
        """The discount factor per step for agents to use, beta = exp(-gamma dt)."""
        return self.simulation.problem.discount

    def _make_specs(self) -> None:
        simulation, batch = self.simulation, self.batch_size
        kind: dict[str, Any] = {"device": self.device, "dtype": simulation.dtype}
        low, high = (
            torch.as_tensor(bound).to(**kind).expand(*batch, -1)
            for bound in (simulation.layout.low, simulation.layout.high)
        )
        number = Unbounded(shape=(*batch, 1), **kind)
        self.observation_spec = Composite(
            observation=Bounded(low, high, **kind),
            loss=number.clone(),
            excess_loss=number.clone(),
            control_cost=number.clone(),
            shape=batch,
        )
        self.action_spec = Bounded(-1.0, 1.0, shape=(*batch, simulation.action_size), **kind)
        self.reward_spec = number
        flag: dict[str, Any] = {"shape": (*batch, 1), "device": self.device, "dtype": torch.bool}
        self.done_spec = Composite(
            {name: Unbounded(**flag) for name in ("done", "terminated", "truncated")}, shape=batch
        )

    def _set_seed(self, seed: int | None) -> None:
        """Let row i begin its next episode with seed + i; None draws a seed."""
        first = fresh_seeds(1)[0] if seed is None else check_seed(seed)
        self._pending = [first + row for row in range(self.simulation.num_rows)]

    def _reset(self, tensordict: TensorDictBase | None, **kwargs: Any) -> TensorDictBase:
        """Begin new episodes in the rows of ``_reset``, or in all."""
        mask = None if tensordict is None else tensordict.get("_reset", None)
        if mask is None or mask.all():
            self.simulation.begin(seeds=self._pending)
            self._pending = None
        elif mask.any():
            self.simulation.begin(rows=mask.flatten().nonzero()[:, 0].cpu().numpy())
        state = self.simulation.state
        excess = state.loss - state.minimum_loss
        return self._shown(loss=state.loss, excess_loss=excess, control_cost=0 * excess)

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Move every row by its action."""
        done = self.simulation.advance(tensordict["action"])
        return self._shown(
            loss=done.loss,
            excess_loss=done.excess,
            control_cost=done.charge,
            reward=-done.cost,
            done=done.terminated | done.truncated,
            terminated=done.terminated,
            truncated=done.truncated,
        )

    def _shown(self, **numbers: Tensor) -> TensorDict:
        """What rows see, and a number (B,) of each for every name."""
        columns = {name: values[:, None] for name, values in numbers.items()}
        seen = {"observation": self.simulation.observe(), **columns}
        return TensorDict(seen, batch_size=self.batch_size, device=self.device)
