"""What optimizers without a learning rate share: loss, bound, averages of iterates, state."""

from __future__ import annotations

import math
import sys
import time
import warnings
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from operator import is_, itemgetter
from typing import Any, TypedDict

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from landscape_gym.configuration import number
from landscape_gym.gain_bound import GainBound, Gains
from landscape_gym.optim import moves, rounding
from landscape_gym.optim.blocks import Block, Packed, type_of_state
from landscape_gym.optim.finite import warn_once
from landscape_gym.optim.iterate_averages import AVERAGE, IterateAverages
from landscape_gym.optim.loading import check_shape, loading
from landscape_gym.optim.loss_told import LossTold
from landscape_gym.optim.moves import STRIDE, VELOCITY
from landscape_gym.optim.units import units

SHARED = "shared"
"""Key of the state that all parameters have in common."""
REMEMBERED = itemgetter(*Gains._fields)
"""The bound's part of it."""
LARGE = 2**15
"""Coordinates from which a parameter is alone: copies of it would take longer than calls."""


class Common(TypedDict, total=False):
    """Arguments of all of them."""

    weight_decay: float
    """Decoupled: by which fraction of themselves parameters shrink in a step, >= 0; with the step
    it is slowed by the bound. Default 0."""
    lowest: float | None
    """Lower bound of the loss; ``-math.inf`` if there is none. Default 0."""
    averaging: bool
    """Whether iterates are averaged for `averaged_parameters`: a number for each weight. Default
    True."""
    maximize: bool
    """Whether the loss is to rise; `lowest` is then that of its negative, by default none."""
    foreach: bool | None
    """As of `torch.optim.AdamW`, for the recurrence. Default None: its fastest kernel."""
    process_group: Any
    """Of `torch.distributed`, over which the loss is averaged. Default None: all processes."""


class LossReading(LossTold, IterateAverages):
    """Base of optimizers whose steps are told by the initialisation and by the loss.

    A subclass proposes velocities v for independent coordinates; this class multiplies all of them
    by one factor s, the bound's, and moves

        theta+ = theta + lr ( trust s v - min(1, s) weight_decay theta )

    with trust 1, but where gradients are hardly more than errors of rounding
    (`landscape_gym.optim.rounding`).

    `step` needs the loss of the minibatch that the gradients are of: ``step(closure)``,
    ``step(loss=loss)``, or ``observe(loss)``, once or for each part of an accumulated gradient,
    before ``step()``. Where `torch.distributed` is initialised it is averaged over the processes of
    `process_group`, so that replicas stay the same. With `torch.amp.GradScaler` give
    ``scaler.step(optimizer, loss=loss)`` the loss *before* it was scaled.

    A loss or gradient that is not finite, or has a square that is not, moves nothing and changes no
    state.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        constants: Mapping[str, Any],
        stiffness: float,
        gain: float,
        *,
        weight_decay: float = 0.0,
        lowest: float | None = None,
        averaging: bool = True,
        maximize: bool = False,
        foreach: bool | None = None,
        process_group: Any = None,
    ) -> None:
        if lowest is None:
            lowest = -math.inf if maximize else 0.0
        self.bound = GainBound(stiffness, gain, lowest)
        self.averaging = averaging
        self.process_group = process_group
        self._forget_caches()
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            **constants,
        }
        super().__init__(params, defaults)

    # ---- What a subclass adds

    @abstractmethod
    def _begun(self, group: dict[str, Any], parameter: Tensor, like: Tensor) -> dict[str, Any]:
        """The recurrence's state before the first step; `like` has its type, and 0 everywhere."""

    @abstractmethod
    def _propose(self, blocks: list[Block]) -> list[float]:
        """Write velocities after these gradients, shaped like parameters, into the states.

        Returns:
            For each block, the factor with which they would be added to the parameters.
        """

    def _faded(self, block: Block) -> float:
        """By what its velocities have faded with their age, and may be lengthened again, >= 1."""
        return 1.0

    def _more_diagnostics(self) -> dict[str, float]:
        return {}

    # ---- Parameters and groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, with constants of their own if they are given.

        Raises:
            ValueError: for keys that no constant has, constants out of their range, or parameters
                that are complex or integers.
            NotImplementedError: for DTensors, as of FSDP2 and of tensor parallelism.
        """
        unknown = sorted(set(param_group) - {"params", "param_names"} - set(self.defaults))
        if unknown:
            raise ValueError(
                f"a parameter group has {', '.join(map(repr, unknown))}, which "
                f"{type(self).__name__} does not know; it knows "
                f"{', '.join(map(repr, sorted(self.defaults)))}."
            )
        super().add_param_group(param_group)
        try:
            self._check_group(self.param_groups[-1])
        except (TypeError, ValueError, NotImplementedError):
            self.param_groups.pop()
            raise
        self._forget_caches()

    def _check_group(self, group: dict[str, Any]) -> None:
        number("lr", float(group["lr"]), low=0.0)
        number("weight_decay", group["weight_decay"], low=0.0)
        for p in group["params"]:
            if not p.is_floating_point():
                raise ValueError(
                    f"{type(self).__name__} moves real numbers, got a parameter of type {p.dtype}: "
                    "give torch.view_as_real of it."
                )
            if _is_distributed_tensor(p):
                raise NotImplementedError(
                    f"{type(self).__name__} needs whole parameters, got a DTensor, a part of one: "
                    "use torch.nn.parallel.DistributedDataParallel in place of FSDP2 "
                    "(fully_shard) and of tensor parallelism."
                )

    # ---- The step

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:  # type: ignore[override]
        """Move all parameters that have gradients.

        Args:
            closure: Computes gradients anew, and returns the loss.
            loss: That of the minibatch, where the gradients are there already.

        Returns:
            What the closure returned, or `loss`.

        Raises:
            ValueError: without a loss, with one that is told in two ways, or for sparse gradients;
                then nothing has moved.
        """
        loss, seen = self._told(closure, loss)
        start = time.perf_counter()
        if self.defaults["maximize"]:
            seen = -seen
        blocks = self._present()
        slope, norm, finite = moves.slope(blocks)
        if not (finite and math.isfinite(slope) and math.isfinite(seen)):
            warn_once(self, seen)
            for block in blocks:
                block.release()
                if block.age == 0:  # begun by what it was given now
                    for p in block.parameters:
                        del self.state[p]
            return loss
        for block in blocks:
            for state in block.states:
                state["step"] += 1
        factors = self._propose(blocks)
        trust = self._trust(norm, blocks)
        slowdown = self._slowdown(moves.promise(blocks, factors), seen, slope, trust)
        for block, factor in zip(blocks, factors, strict=True):
            lr = float(block.group["lr"])
            kept = 1 - lr * min(slowdown, 1.0) * block.group["weight_decay"]
            stride = lr * (trust * min(slowdown, self._faded(block))) * factor
            moves.move(block, kept, stride, self._newness(block.age))
            block.release()
        self._seconds += time.perf_counter() - start
        return loss

    def _present(self) -> list[Block]:
        """Parameters that have gradients; those that are new get a state."""
        present = [
            p
            for group in self.param_groups
            for p in group["params"]
            if p.grad is not None and p.numel()
        ]
        for p in present:
            if p.grad.layout is not torch.strided:
                raise ValueError(
                    f"a gradient has the layout {p.grad.layout}, which {type(self).__name__} does "
                    "not read: use dense ones, torch.nn.Embedding(sparse=False)."
                )
        before, states = self._last
        if not _same(present, before) or not _same(self.state.values(), states):
            left = set(present)
            self._blocks = [
                block
                for group in self.param_groups
                for block in self._arranged(group, [p for p in group["params"] if p in left])
            ]
            self._last = present, list(self.state.values())
        for block in self._blocks:
            block.read()
        return self._blocks

    def _arranged(self, group: dict[str, Any], present: list[Tensor]) -> list[Block]:
        """Blocks of small parameters of one type, device and age, and of large ones alone."""
        if self._units is None:
            self._units = units(self.param_groups)
        alike: dict[Any, list[Tensor]] = {}
        for p in present:
            state = self._state(group, p)
            alone = p if p.numel() > LARGE else None
            # What they were moved by last is one number of a block, too.
            kind = alone, p.dtype, p.device, state["step"], state[STRIDE]
            alike.setdefault(kind, []).append(p)
        return [
            Block(
                group,
                those,
                [self.state[p] for p in those],
                [self._units[p] for p in those],
                self._packed,
            )
            for those in alike.values()
        ]

    def _state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        state = self.state[p]
        if not state:
            zeros = torch.zeros_like(
                p, dtype=type_of_state(p), memory_format=torch.contiguous_format
            )
            state.update({"step": 0, VELOCITY: zeros.clone(), STRIDE: 0.0})
            state.update(self._begun(group, p, zeros))
            if self.averaging:
                state[AVERAGE] = torch.empty_like(zeros).copy_(p)
        return state

    def _trust(self, norm: float, blocks: list[Block]) -> float:
        """How far gradients of that norm are to be trusted; the largest is remembered."""
        shared = self._shared
        precision = max((torch.finfo(block.dtype).eps for block in blocks), default=0.0)
        trust, shared["largest"] = rounding.trust(norm, shared.get("largest", 0.0), precision)
        return trust

    def _slowdown(self, promise: float, loss: float, slope: float, trust: float) -> float:
        """The factor of all velocities; what the bound remembers of them is kept as numbers."""
        shared = self._shared
        if loss < shared.get("lowest", self.bound.lowest):
            warnings.warn(
                f"a loss of {loss:.6g} is below the lowest that there is, {self.bound.lowest:.6g}: "
                "from here on steps are bounded by what was gained lately alone. Give lowest=, "
                "-math.inf for a loss without a known lower bound.",
                RuntimeWarning,
                stacklevel=4,
            )
            shared["lowest"] = -math.inf
        bound = self._bound
        gains = Gains._make(REMEMBERED(shared)) if "step" in shared else bound.init(loss)
        factor, gains = bound.factor(promise, loss, gains, slope, trust)
        shared.update(zip(Gains._fields, gains, strict=True), slowdown=factor, trust=trust)
        return factor

    @property
    def _shared(self) -> dict[str, float]:
        """What is remembered beside the parameters' states; plain numbers."""
        return self.state[SHARED]  # pyright: ignore[reportArgumentType, reportReturnType]

    @property
    def _bound(self) -> GainBound:
        """The bound, without a floor once a loss was below it."""
        lowest = self._shared.get("lowest")
        return self.bound if lowest is None else replace(self.bound, lowest=lowest)

    # ---- What can be asked

    def diagnostics(self) -> dict[str, float]:
        """What the last step did, for a logger; empty before the first.

        ``slowdown``: the bound's factor; above 1 where velocities had faded too far. ``reach``: its
        limit by slopes at steps' ends. ``trust``: a factor beside, in [0, 1], below 1 where
        gradients are hardly more than errors of rounding.
        ``effective_rate``: of the first group, the factor of a step that is left. ``promise``,
        ``left``: the running mean of what steps promise to take off the loss, and what the bound
        takes to be left. ``loss``: its mean over the last ten steps or so.
        """
        if SHARED not in self.state:
            return {}
        shared = self._shared
        gains, trust = Gains._make(REMEMBERED(shared)), shared.get("trust", 1.0)
        weight = 1 - self.bound.decay**gains.step
        return {
            "slowdown": shared["slowdown"],
            "trust": trust,
            "reach": gains.reach,
            "effective_rate": trust * shared["slowdown"] * float(self.param_groups[0]["lr"]),
            "promise": gains.promise / weight,
            "left": self._bound.left(gains) / weight,
            "loss": gains.loss / weight,
            **self._more_diagnostics(),
        }

    # ---- Saving and loading

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the state of an optimizer of the same class and groups, bit for bit.

        Raises:
            ValueError: for constants out of their range, or state that is of another class or of
                other shapes; then all is as it was.
        """
        with loading(self, self._check_group) as follow:
            super().load_state_dict(state_dict)
            follow(state_dict)
            self._check_state()
        if SHARED in state_dict["state"]:
            self.state[SHARED] = dict(state_dict["state"][SHARED])  # pyright: ignore[reportArgumentType]

    def _check_state(self) -> None:
        """Refuse state that is not what the first step would begin with."""
        for group in self.param_groups:
            for p in (p for p in group["params"] if self.state.get(p)):
                held, zeros = self.state[p], torch.zeros_like(p, dtype=type_of_state(p))
                begun = self._begun(group, p, zeros) | ({AVERAGE: zeros} if AVERAGE in held else {})
                for name, value in begun.items():
                    if isinstance(value, Tensor):
                        check_shape(name, held.get(name), tuple(value.shape))
                check_shape(VELOCITY, held.get(VELOCITY), tuple(p.shape))

    def __getstate__(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("bound", "averaging", "process_group")}
        return {**super().__getstate__(), **own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget_caches()

    def _forget_caches(self) -> None:
        self._units: dict[Tensor, float] | None = None
        self._packed = Packed()
        self._blocks: list[Block] = []
        self._last: tuple[list[Tensor], list[dict[str, Any]]] = [], []
        self._observed: list[float] = []
        self._warned = False
        self._seconds, self._refresh_seconds = 0.0, 0.0


def _same(these: Collection[Any], those: list[Any]) -> bool:
    """Whether they are the same objects in the same order."""
    return len(these) == len(those) and all(map(is_, these, those))


def _is_distributed_tensor(p: Tensor) -> bool:
    """Whether it is a DTensor, without loading what defines them."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(p, module.DTensor)
