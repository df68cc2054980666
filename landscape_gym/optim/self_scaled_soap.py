"""Self-scaled Adam in the Kronecker eigenframe, as a named optimizer."""

from __future__ import annotations

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
        self._seconds = {"refresh": 0.0, "step": 0.0}
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
        matrices = [m.gradient.reshape(frame.matrix_shape(m.gradient.shape)) for m in moved]
        rotated = [
            frame.into(m.state, G).contiguous() for m, G in zip(moved, matrices, strict=True)
        ]
        proposals, promise = adam_steps.proposed(
            group, moved, rotated, [self._room(m) for m in moved]
        )
        back = []
        states = {m.parameter: m.state for m in moved}
        for p, v, factor in proposals:
            v = v.view(frame.matrix_shape(p.shape))
            back.append(Proposal(p, frame.out_of(states[p], v), factor))
        for m, G in zip(moved, matrices, strict=True):
            frame.seen(m.state, G)
            if m.state["step"] % group["renewal"] == 0:
                frame.renew(m.state, (adam_steps.GRADIENT,), (adam_steps.SQUARE,))
        return back, promise
