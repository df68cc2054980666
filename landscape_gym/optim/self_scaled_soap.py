"""Self-scaled Adam in the Kronecker eigenframe, as a named optimizer."""

from __future__ import annotations

import time
from typing import Any, Unpack

from torch import Tensor
from torch.optim.optimizer import ParamsT

from landscape_gym.configuration import count
from landscape_gym.optim import adam_steps, frame
from landscape_gym.optim.loss_reading import Common, LossReading, Moved, Proposal


class SelfScaledSOAP(LossReading):
    """Self-scaled Adam in the eigenframe of the gradients' second moment: no learning rate."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        scale: float = 0.4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        stiffness: float = 3.0,
        gain: float = 0.5,
        renewal: int = 10,
        max_dim: int = 256,
        **common: Unpack[Common],
    ) -> None:
        constants = {
            "scale": scale, "betas": betas, "eps": eps, "renewal": renewal, "max_dim": max_dim
        }  # fmt: skip
        super().__init__(params, lr, constants, stiffness, gain, **common)

    def _check_group(self, group: dict[str, Any]) -> None:
        super()._check_group(group)
        adam_steps.check(group)
        count("renewal", group["renewal"])
        count("max_dim", group["max_dim"])

    def _begun(self, parameter: Tensor, like: Tensor) -> dict[str, Any]:
        max_dim = next(
            g["max_dim"] for g in self.param_groups if any(p is parameter for p in g["params"])
        )
        return {**adam_steps.begun(like), **frame.begun(like, max_dim)}

    def _proposed(self, group: dict[str, Any], moved: list[Moved]) -> tuple[list[Proposal], float]:
        matrices = [m.gradient.reshape(frame.matrix_shape(m.parameter.shape)) for m in moved]
        rotated = [
            frame.into(m.state, G).contiguous() for m, G in zip(moved, matrices, strict=True)
        ]
        rooms = [self._room(m) for m in moved]
        proposals, promise = adam_steps.proposed(group, moved, rotated, rooms)
        own = [
            Proposal(p, frame.out_of(self.state[p], v.view(frame.matrix_shape(p.shape))), factor)
            for p, v, factor in proposals
        ]
        # After the velocities: a frame that this gradient had a part in would flatter it.
        for m, G in zip(moved, matrices, strict=True):
            frame.seen(m.state, G)
            if m.state["step"] % group["renewal"] == 0:
                self._renew(m.state)
        return own, promise

    def _renew(self, state: dict[str, Any]) -> None:
        start = time.perf_counter()
        frame.renew(state, (adam_steps.GRADIENT,), (adam_steps.SQUARE,))
        self._refresh_seconds += time.perf_counter() - start

    def _more_diagnostics(self) -> dict[str, float]:
        """Steps since the frames were renewed, the oldest, and the renewals' share of all time."""
        ages = [
            state["step"] % group["renewal"] if state["step"] >= group["renewal"] else state["step"]
            for group in self.param_groups
            for state in (self.state[p] for p in group["params"] if p in self.state)
            if frame.LEFT in state or frame.RIGHT in state
        ]
        share = self._refresh_seconds / self._seconds if self._seconds else 0.0
        return {"frame_age": float(max(ages, default=0)), "refresh_share": share}
