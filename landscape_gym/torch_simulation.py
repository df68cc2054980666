"""The simulation on torch tensors: on any device, batched, and differentiable.

`landscape_gym.simulation.Simulation` is made for speed in NumPy and writes in place. Here every
step makes new tensors by the same functions (`landscape_gym.dynamics`), so that gradients go
through whole episodes: with respect to a rule's weights, to where it starts and to the problem's
constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape_gym import dynamics, registration
from landscape_gym.actions import Action, boxed
from landscape_gym.configuration import count, one_of
from landscape_gym.counter import CounterStreams
from landscape_gym.fused_step import (
    Act,
    FusedStep,
    acted,
    as_given,
    refuse_others,
    tensors_of,
)
from landscape_gym.learner import Learner
from landscape_gym.memory import Memory
from landscape_gym.observation import Layout
from landscape_gym.problem import NavigationProblem
from landscape_gym.recycling import LARGE, Recycling
from landscape_gym.refusal import Refusal
from landscape_gym.state import State
from landscape_gym.streams import Streams
from landscape_gym.tensor_checks import good_rows, largest_square, refuse_shape
from landscape_gym.tensor_state import changed, mapped, merged, remade, with_rows
from landscape_gym.tensor_step import TensorStep, TorchOutcome, value_of
from landscape_gym.varied import Varied

DRAWS = ("counter", "numpy")
"""Where random numbers come from."""


class TorchSimulation:
    """B rows of one problem as tensors; a step is a differentiable function of the actions.

    What it does is what `landscape_gym.simulation.Simulation` does, given the same random numbers
    to rounding. Where rows diverge, costs are those of theta's last good place, and no gradient
    flows from there.

    Args:
        num_rows: B.
        regime: Name of the regime in `landscape_gym.registration.REGIMES` to begin with.
        dtype: "float32" or "float64".
        device: Where tensors are; on "meta" they have shapes and no values, and no row diverges.
        draws: "counter": a row's seed and how many episodes it had decide an episode, on every
            device and in both dtypes (`landscape_gym.counter`). "numpy": numbers are those of
            `Simulation`, which come from the CPU one row after another.
        copy: Whether observations are new tensors, and actions read once. False: on a CPU an
            observation may share the state's memory, so read it and do not write to it; and actions
            may be read where they lie, so leave them until the step is done, and do not rely on
            what a state says of the last control.
        compiled: Whether random numbers, and steps in which nothing has gradients, are fused
            (`landscape_gym.fusing`). That takes a C++ compiler, Python's headers and, at the first
            step, some seconds; results differ in last bits. It pays for many rows, and for one
            network on minibatches, most with a rule that is a part of the step (`follow`). A
            landscape that computes by NumPy is refused.
        constants: Tensors in place of some of the problem's numbers (`varied.CONSTANTS`), for
            gradients.
        **changes: What to change of the regime, as of `Regime.configured`.

    Raises:
        ValueError: for a name that is not known.
        Refusal: for default dynamics that are a function; for `compiled` where tasks switch, with
            constants, or on "meta".

    Example:
        >>> simulation = TorchSimulation(4, "long-horizon", dtype="float64")
        >>> state = simulation.begin(seeds=range(4))
        >>> lr = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
        >>> cost = simulation.advance(-lr * simulation.observe()).cost.sum()
        >>> cost.backward()
        >>> bool(lr.grad != 0)
        True
    """

    state: State

    def __init__(
        self,
        num_rows: int,
        regime: str = "landscape-nav",
        dtype: str = "float32",
        *,
        device: str | torch.device = "cpu",
        draws: str = "counter",
        copy: bool = True,
        compiled: bool = False,
        constants: Mapping[str, Tensor] | None = None,
        **changes: Any,
    ) -> None:
        setup = registration.regime(regime).configured(**changes)
        self.problem: NavigationProblem = setup.problem
        self.action: Action = setup.action
        self.num_rows = count("num_rows", num_rows)
        self.dtype = getattr(torch, one_of("dtype", dtype, ("float32", "float64")))
        self.device = torch.device(device)
        self.copy = copy or self.device.type != "cpu"  # elsewhere one would wait to know more
        self._borrows = not self.copy and self.action.borrowed(setup.observation.channels)
        f = self.problem.default_dynamics
        if callable(f) and self.problem.dynamics_matrix is None:
            raise Refusal("default dynamics that are a function are NumPy's: give a matrix.")
        self.constants = dict(constants or {})
        self._varied: Any = Varied(self.problem, self.constants) if constants else self.problem
        if compiled:
            refuse_others(self.problem, self.device, constants)
        self.layout = Layout(setup.observation, self.problem)
        self.memory = Memory(setup.observation, self.action.memory)
        self.action_size = self.action.size(self.problem)
        self._numbers = (
            dynamics.normals_per_step(self.problem),
            dynamics.uniforms_per_step(self.problem),
        )
        self._streams: Any
        if one_of("draws", draws, DRAWS) == "numpy":
            name = np.dtype(dtype)
            self._streams = Streams(self.num_rows, *self._numbers, self.problem.steps + 1, name)
        else:
            self._streams = CounterStreams(
                self.num_rows, *self._numbers, self.dtype, self.device, compiled=compiled
            )
        B = self.problem.control_matrix
        self._step = TensorStep(
            self._varied,
            self.action,
            self.memory,
            self._tensor(np.array(B)) if isinstance(B, tuple) else None,
        )
        self._fused = FusedStep(self._step, keep=not self._borrows) if compiled else None
        self._tensors = self.problem.landscape.tensors()
        self._bound = self.problem.norm_bound
        self._known: tuple[Tensor, float] | None = None  # the last gradient, its squares' sum
        width = max(self.problem.dim, self.layout.size, self.action_size)
        large = self.num_rows * width * self.dtype.itemsize >= LARGE  # others lie anywhere
        self._recycling = Recycling() if large else nullcontext()

    # ---- Episodes

    def begin(self, seeds: Any = None, rows: Any = None) -> State:
        """Begin new episodes.

        Args:
            seeds: Integers >= 0, one for each of these rows; None goes on with what they have.
            rows: Numbers of those that begin; None: all.
        """
        everywhere = rows is None
        rows = np.arange(self.num_rows) if everywhere else np.asarray(rows)
        if seeds is not None:
            self._streams.seed(rows, np.asarray(seeds).tolist())
        problem, draw = self.problem, self._streams.draws(rows)
        instances, theta = dynamics.initial(problem, draw)
        minimum = self._tensor(dynamics.minimum_loss(problem, instances, theta))
        self._streams.begin(rows)
        where = torch.as_tensor(rows, device=self.device)
        fresh = self.at(
            self._on_device(instances),
            self._tensor(theta),
            normal=self._normal[where],
            uniform=self._uniform[where],
            minimum_loss=minimum,
        )
        self.state = fresh if everywhere else merged(self.state, where, fresh)
        return fresh

    def at(
        self,
        instances: Any,
        theta: Tensor,
        *,
        normal: Tensor,
        uniform: Tensor,
        minimum_loss: Tensor,
    ) -> State:
        """The state of rows that begin at `theta` (B, d), on given instances.

        Gradients with respect to theta and the instances go through it.
        """
        problem, rows = self._varied, len(theta)
        loss, grad = dynamics.loss_and_grad(problem, instances, theta, uniform)
        gradient = dynamics.observed_gradient(problem, instances, theta, grad, normal, uniform)
        learner = Learner(
            gradient=gradient,
            elapsed=torch.zeros(rows, dtype=torch.int64, device=self.device),
            theta=theta,
            start=theta,
            loss=loss,
            previous_update=theta.new_zeros(rows, problem.control_dim),
            tensors=self._tensors,
            **self.memory.begin(gradient, theta),
        )
        return State(
            learner,
            instances=instances,
            shift=torch.zeros_like(theta) if problem.drift else None,
            minimum_loss=minimum_loss,
            grad=grad,
            largest_cost=theta.new_zeros(rows),
            switched=torch.zeros(rows, dtype=torch.bool, device=self.device),
        )

    def observe(self) -> Tensor:
        """What the learner sees now, (B, size)."""
        with self._memory:
            return self.layout.observe(self.state, self.copy, self._known)

    def advance(self, actions: Tensor) -> TorchOutcome:
        """Move every row by its action, then let the landscapes change.

        Args:
            actions: (B, size); what lies outside [-1, 1] is clipped.

        Raises:
            ValueError: if actions have another shape, or are NaN.
        """
        refuse_shape(actions, (self.num_rows, self.action_size))
        if self._fused is None or self._gradients_flow(actions):
            return self._advance_one_by_one(actions)
        return self._advance_fused(self._fused, None, as_given, actions.to(self.dtype))

    def follow(self, rule: Callable[..., Tensor], *given: Tensor) -> TorchOutcome:
        """Move every row as a rule does: ``advance(rule(observe(), *given))``.

        Where steps are compiled and torch's gradients are off, the rule is a part of them. It is
        compiled when it is first seen, for some seconds, and so should be the same function every
        time. Tensors that it works with are read at every step; all else, numbers that it takes out
        of tensors included, is what it was when it was compiled.

        Args:
            rule: Actions (B, size) of an observation (B, size) and other tensors. Compiled, it
                changes no tensor, draws no random numbers and works with nothing of the simulation
                beside.
            *given: What else it takes.

        Raises:
            Refusal: if it cannot be compiled; then call `advance` with what it does.
            TypeError: if what it is given is no tensor.
            ValueError: if actions have another shape, or are NaN.

        Example:
            >>> simulation = TorchSimulation(4, "long-horizon")  # or with compiled=True
            >>> state = simulation.begin(seeds=range(4))
            >>> descent = lambda gradient, lr: -lr * gradient
            >>> with torch.no_grad():
            ...     outcome = simulation.follow(descent, torch.tensor(0.2))
            >>> outcome.cost.shape
            torch.Size([4])
        """
        for each in given:
            if not isinstance(each, Tensor):
                raise TypeError(f"what a rule is given are tensors; got {each!r}.")
        if self._fused is None or torch.is_grad_enabled():
            return self.advance(rule(self.observe(), *given))
        # Methods are made anew whenever they are looked up; all else is known by where it is.
        who = rule if isinstance(rule, MethodType) else id(rule)
        act = partial(acted, rule, self.layout, (self.num_rows, self.action_size), self.dtype)
        return self._advance_fused(self._fused, who, act, *given)

    def _gradients_flow(self, actions: Tensor) -> bool:
        """Whether gradients go through a step."""
        return torch.is_grad_enabled() and any(
            tensor.requires_grad for tensor in (actions, *tensors_of(self.state))
        )

    @torch.no_grad()
    def _advance_fused(self, step: FusedStep, who: Any, act: Act, *given: Tensor) -> TorchOutcome:
        """`advance` by functions that are fused, where nothing out of the ordinary happens.

        Args:
            step: The functions.
            who: The learner, as of `FusedStep.move`.
            act: What it does.
            *given: By what, beside the state.
        """
        state = self.state
        with self._recycling:
            move, reached = step.move(who, act, state, *given)
            if not reached.item() <= self._bound**2:  # NaN is not
                return self._advance_one_by_one(act(state, *given))
            self._streams.advance()
            after, outcome, extent = step.arrive(state, move, self._normal, self._uniform)
            square, costs = extent.tolist()
            if not math.isfinite(square + costs):
                return self._advance_one_by_one(act(state, *given), drawn=True)
        self.state = after
        # With a drift the gradient is another by now.
        self._known = (after.grad, square) if after.shift is None else None
        return outcome

    def _advance_one_by_one(self, actions: Tensor, *, drawn: bool = False) -> TorchOutcome:
        """`advance` by a function of torch's after the other, whose large results are recycled.

        Args:
            actions: (B, size).
            drawn: Whether this step's random numbers are there already.
        """
        with self._memory:
            state, step = self.state, self._step
            borrow = self._borrows and not actions.requires_grad
            action, squared = boxed(actions.to(self.dtype), borrow)
            move = step.move(state, action, squared)
            reached = largest_square(value_of(move.theta), action)
            if not drawn:
                self._streams.advance()
            normal, uniform = self._normal, self._uniform
            price = step.price(state, move, uniform)
            values = value_of(move.theta), value_of(price.grad), value_of(price.cost)
            good, square = good_rows(*values, self._bound, reached)
            if good is not None:
                move, price = step.held(state, move, price, good)
            outcome = step.outcome(state, move, price, good)
            here, loss, grad = step.drifted(state, move.theta, price, normal, uniform)
            if self.problem.hazard:
                here, loss, grad = self._switched(here, move.theta, loss, grad, uniform)
            self.state = step.perceived(here, move, price, loss, grad, normal, uniform)
            self._known = None if square is None else (price.grad, square)
            return outcome

    def _switched(
        self, state: State, theta: Tensor, loss: Tensor, grad: Tensor, uniform: Tensor
    ) -> tuple[State, Tensor, Tensor]:
        """The state after some tasks have switched, and loss and gradient at theta from then on."""
        elapsed = state.learner.elapsed + 1
        switched = dynamics.switches(self.problem, elapsed, uniform[:, -1])
        state = changed(state, switched=switched)
        if self.device.type == "meta" or not switched.any():
            return state, loss, grad
        state = self._redrawn(state, switched.nonzero()[:, 0])
        return state, *dynamics.loss_and_grad(
            self._varied, state.instances, state.point(theta), uniform
        )

    def _redrawn(self, state: State, rows: Tensor) -> State:
        """The state in which some rows have a new task."""
        numbers = rows.cpu().numpy()
        fresh = self.problem.landscape.sample(self._streams.draws(numbers))
        like_theta = np.zeros((len(numbers), self.problem.dim))
        minimum = self._tensor(dynamics.minimum_loss(self.problem, fresh, like_theta))
        return changed(
            state,
            instances=with_rows(state.instances, rows, self._on_device(fresh)),
            shift=None if state.shift is None else state.shift.index_fill(0, rows, 0.0),
            minimum_loss=state.minimum_loss.index_copy(0, rows, minimum),
        )

    def detach(self) -> None:
        """Forget what the state was made of: gradients end here."""
        self.state = mapped(self.state, lambda tensor: tensor.detach())

    # ---- Tensors

    @property
    def _memory(self) -> AbstractContextManager[None]:
        """Where results lie: gradients go through none that is written where something lay."""
        return nullcontext() if torch.is_grad_enabled() else self._recycling

    @property
    def _normal(self) -> Tensor:
        return self._drawn(self._streams.normal)

    @property
    def _uniform(self) -> Tensor:
        return self._drawn(self._streams.uniform)

    def _drawn(self, numbers: Any) -> Tensor:
        if isinstance(numbers, Tensor):
            return numbers
        return torch.tensor(numbers, device=self.device)  # a copy: NumPy's are written over

    def _tensor(self, values: Any) -> Tensor:
        return torch.as_tensor(values, dtype=self.dtype, device=self.device)

    def _on_device(self, instances: Any) -> Any:
        """Instances with tensors for their arrays; whole numbers and flags stay what they are."""

        def tensor(array: Any) -> Any:
            if array is None:
                return None
            kept = torch.as_tensor(array, device=self.device)
            return kept.to(self.dtype) if kept.is_floating_point() else kept

        return remade(instances, map(tensor, instances))
