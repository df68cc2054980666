"""Self-scaled Adam in the Kronecker eigenframe, as a named optimizer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Unpack

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from landscape_gym.configuration import count
from landscape_gym.optim import adam_steps, agreement, fading, frame
from landscape_gym.optim.blocks import Block, State
from landscape_gym.optim.loading import check_shape
from landscape_gym.optim.loss_reading import Common, LossReading
from landscape_gym.optim.moves import VELOCITY
from landscape_gym.optim.rates import RATE

HOPE = 3.0
"""Part of the loss, over the age, that the bound hopes for where nothing was gained; chosen on
tuning networks with noisy labels (baselines/networks)."""
MARGIN = 0.8
"""By how much gradients have to agree for rates of coordinates to grow; likewise."""


class SelfScaledSOAP(LossReading):
    """Self-scaled Adam in the eigenframe of the gradients' second moment: no learning rate.

    With G the gradient of a weight matrix, convolutions unfolded, and w its unit:

        L <- L + a (G G' - L),   R <- R + a (G' G - R),   a = 1 / max(20, t/10)
        M, V <- Adam's corrected means of Q_L' G Q_R and of its square
        l <- l + 0.08 (x - 0.8 min(e^l, 1) x^2),
            x = M Q_L' G Q_R / V, M from before, within [-1, 1]
        f = (w V^(1/2) / its mean)^(1/2),   the mean over all coordinates of the network
        r = e^l / (1 + f t/200),   within [e^-8, e^1.5] at age t; r/e^l every five steps
        c = 1 where M Q_L' G Q_R > 0, else 0;   over max(1/2, its mean over the network)
        v = -scale w Q_L [ c r M / (V^(1/2) + eps) ] Q_R'
        u = v times the factor of a `landscape_gym.gain_bound.GainBound`

    Q_L and Q_R are the eigenvectors of L and R, which are of the last twenty gradients or so, and
    from the 200th on of the last tenth of all; of a side that is much longer than the other, parts
    stand for all of it, in turn. They are renewed every five steps, and later every t/20, twice
    within the memory of these means; after the step, and never before the fifth: a frame of few
    gradients, or of the one that is turned by it, holds their noise. The first ones are computed,
    later ones follow by a step of the power iteration and QR. M is moved with the frame, and what
    each coordinate has of its own, V, l and r/e^l, kept by coordinates. Vectors, and sides longer
    than `max_dim`, have no frame; a matrix with one such side has the other one's. Sides up to four
    times as long have one, too, in matrices of up to max_dim^2 / 2 weights, renewed more seldom.

    Why: rules for independent coordinates pay for every rotation between these and the landscape's
    own. Gradients' second moments, noise and signal alike, share the Hessian's eigenvectors where
    the noise is the Fisher information's. For a matrix that second moment is taken to be a
    Kronecker product, of which L and R are the factors.

    In the frame coordinates are nearly independent, so each can find its own rate r: it grows where
    the next gradient still points the way of the last step, and falls where it points back. At the
    rate that is best for the next loss both are as likely. But that one stirs noise which has to
    settle later; so gradients have to agree by a margin, and where they are noise e^l falls, the
    slower the smaller it is. In directions that are slower than the noise, gradients are as likely
    either way for hundreds of steps, whatever the rate. There r falls as the gain of a Kalman
    filter does for a target at rest, whose prior is worth 200 observations, and fewer of steep
    coordinates: `landscape_gym.optim.fading` derives f. Squares are forgotten faster than by
    `SelfScaledAdam`, as gradients shrink by decades where a network comes to fit its data; with
    0.99 steps stay behind. Coordinates whose mean of gradients points against the present one wait
    (`landscape_gym.optim.agreement`), so means of gradients may be longer. As steps fade by
    themselves, more is hoped for where nothing was gained; and where the loss goes on falling at
    steps' ends, the bound takes the fading back.

    What it remembers is what `SelfScaledAdam` does, l, r/e^l, and 2 (rows^2 + columns^2) numbers
    for a matrix.

    Args:
        params: As of `SelfScaledAdam`.
        lr: Likewise, and so are scale, betas, eps, stiffness, gain.
        scale: Likewise.
        betas: Likewise.
        eps: Likewise.
        adaptation: How fast coordinates find rates of their own, and the bound one for all of them,
            by slopes at steps' ends, in logarithms a step, in [0, 1]; 0: there are none.
        stiffness: Likewise.
        gain: Likewise.
        renewal: Steps between two renewals of the frames at first, >= 1; t//100 times as many from
            the 200th step on.
        max_dim: Longest side that has a frame in large matrices, >= 1. For each weight a step costs
            up to 3 (rows + columns) multiply-adds, of those sides that have one.
        **common: As of `Common`.

    Reference: Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam", arXiv:2409.11321;
    Gupta, Koren, Singer, "Shampoo", arXiv:1802.09568; Sutton, "Adapting bias by gradient descent:
    an incremental version of delta-bar-delta", 1992, for rates of coordinates; Liang et al.,
    "Cautious optimizers", arXiv:2411.16085, for those that wait.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(3, 2)
        >>> optimizer = SelfScaledSOAP(model.parameters())
        >>> for _ in range(100):
        ...     optimizer.zero_grad()
        ...     loss = (model(torch.eye(3)) - 1).square().mean()
        ...     loss.backward()
        ...     _ = optimizer.step(loss=loss)
        >>> loss.item() < 0.01
        True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        scale: float = 0.4,
        betas: tuple[float, float] = (0.93, 0.95),
        eps: float = 1e-8,
        adaptation: float = 0.08,
        stiffness: float = 4.5,
        gain: float = 6.0,
        renewal: int = 5,
        max_dim: int = 256,
        **common: Unpack[Common],
    ) -> None:
        constants = {
            "scale": scale, "betas": betas, "eps": eps, "adaptation": adaptation, "interval": 1,
            "renewal": renewal, "max_dim": max_dim,
        }  # fmt: skip
        super().__init__(params, lr, constants, stiffness, gain, **common)
        self.bound = replace(self.bound, adaptation=adaptation, hope=HOPE, fading=fading.PRIOR)

    def _check_group(self, group: dict[str, Any]) -> None:
        super()._check_group(group)
        adam_steps.check(group)
        count("renewal", group["renewal"])
        count("max_dim", group["max_dim"])

    def _begun(self, group: dict[str, Any], parameter: Tensor, like: Tensor) -> dict[str, Any]:
        begun = adam_steps.begun(like, group["adaptation"])
        if RATE in begun:
            begun[fading.FADED] = torch.ones_like(like)
        return {**begun, **frame.begun(like, group["max_dim"])}

    def _check_state(self) -> None:
        super()._check_state()
        for p in (p for group in self.param_groups for p in group["params"] if self.state.get(p)):
            for side, name in frame.FRAMES.items():
                if name in (held := self.state[p]):
                    n = len(held[side]) if side in held else 0
                    check_shape(name, held[name], (n, n))

    def _propose(self, blocks: list[Block]) -> list[float]:
        rated, counts = [], []
        for block in blocks:
            velocity, gradient = block.vector(VELOCITY), _into_frames(block)
            rate = adam_steps.follow(block, gradient, velocity, fading.PRIOR, MARGIN)
            if rate is not None:
                rated.append(block)
            counts.append(agreement.stop_uphill(velocity, gradient))
        further = agreement.further(counts)
        fading.fade(rated, VELOCITY)
        return [further * self._turned_back(block) for block in blocks]

    def _faded(self, block: Block) -> float:
        return 1 + block.age / self.bound.fading if RATE in block.states[0] else 1.0

    def _turned_back(self, block: Block) -> float:
        """Velocities in the parameters' own coordinates, up to a factor; and frames are renewed."""
        velocity = block.vector(VELOCITY)
        factor = block.group["scale"] * block.in_units(velocity)
        _turn(block.matrices(velocity), frame.out_of)
        # After the velocities: a frame that this gradient had a part in would flatter it.
        renewal, max_dim = block.group["renewal"], block.group["max_dim"]
        for state, G in block.matrices(block.gradient):
            frame.seen(state, G)
            self._renew(state, frame.renewed(state, renewal, max_dim))
        return factor

    def _renew(self, state: dict[str, Any], sides: list[str]) -> None:
        if not sides:
            return
        start = time.perf_counter()
        kept = tuple({adam_steps.SQUARE, RATE, fading.FADED} & state.keys())
        frame.renew(state, sides, (adam_steps.GRADIENT,), kept)
        self._refresh_seconds += time.perf_counter() - start

    def _more_diagnostics(self) -> dict[str, float]:
        """Steps since the frames were renewed, the oldest, and the renewals' share of all time."""
        ages = [
            frame.age(state["step"], group["renewal"])
            for group in self.param_groups
            for state in (self.state[p] for p in group["params"] if p in self.state)
            if frame.LEFT in state or frame.RIGHT in state
        ]
        share = self._refresh_seconds / self._seconds if self._seconds else 0.0
        return {"frame_age": float(max(ages, default=0)), "refresh_share": share}


def _turn(matrices: list[tuple[State, Tensor]], by: Callable[[State, Tensor], Tensor]) -> None:
    """Turn those that have a frame, in place."""
    for state, A in matrices:
        if frame.framed(state):
            A.copy_(by(state, A))


def _into_frames(block: Block) -> Tensor:
    """The gradient in the frames' coordinates."""
    if not any(map(frame.framed, block.states)):
        return block.gradient
    if len(block.states) == 1:
        ((state, G),) = block.matrices(block.gradient)
        return frame.into(state, G).view(-1)
    turned = block.gradient.clone()
    _turn(block.matrices(turned), frame.into)
    return turned
