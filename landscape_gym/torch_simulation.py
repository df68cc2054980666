"""The simulation on torch tensors: on any device, batched, and differentiable.

`landscape_gym.simulation.Simulation` is made for speed in NumPy and writes in place. Here every
step makes new tensors by the same functions (`landscape_gym.dynamics`), so that gradients go
through whole episodes: with respect to a rule's weights, to where it starts and to the problem's
constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape_gym import dynamics, registration
from landscape_gym.actions import Action, boxed
from landscape_gym.arrays import moved
from landscape_gym.configuration import count, one_of, unknown
from landscape_gym.counter import CounterStreams
from landscape_gym.learner import Learner
from landscape_gym.memory import Memory
from landscape_gym.observation import Layout
from landscape_gym.problem import NavigationProblem
from landscape_gym.recycling import LARGE, Recycling
from landscape_gym.refusal import Refusal
from landscape_gym.simulation import LARGEST_COST
from landscape_gym.state import State
from landscape_gym.streams import Streams
from landscape_gym.tensor_checks import good_rows, largest_square
from landscape_gym.tensor_state import changed, mapped, merged, with_rows

CONSTANTS = ("eta", "k", "dt", "gamma", "drift")
"""Constants of a problem that may be tensors."""
DRAWS = ("counter", "numpy")
"""Where random numbers come from."""


class TorchOutcome(NamedTuple):
    """What a step did, one entry per row, (B,): as `landscape_gym.simulation.Outcome`."""

    loss: Tensor
    excess: Tensor
    charge: Tensor
    cost: Tensor
    terminated: Tensor
    truncated: Tensor


class _Varied:
    """A problem some of whose constants are tensors."""

    def __init__(self, problem: NavigationProblem, constants: Mapping[str, Tensor]) -> None:
        self._problem, self._constants = problem, constants

    def __getattr__(self, name: str) -> Any:
        constants = self.__dict__["_constants"]
        return constants[name] if name in constants else getattr(self.__dict__["_problem"], name)

    @property
    def discount(self) -> Tensor:
        """``exp(-gamma dt)``."""
        return torch.exp(-torch.as_tensor(self.gamma * self.dt))


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
            may be read where they lie, so leave them until the step is done.
        constants: Tensors in place of some of the problem's numbers (`CONSTANTS`), for gradients.
        **changes: What to change of the regime, as of `Regime.configured`.

    Raises:
        ValueError: for a name that is not known.
        Refusal: for default dynamics that are a function.

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
        for name in constants or {}:
            if name not in CONSTANTS:
                raise ValueError(unknown("constant", name, CONSTANTS))
        f = self.problem.default_dynamics
        if callable(f) and self.problem.dynamics_matrix is None:
            raise Refusal("default dynamics that are a function are NumPy's: give a matrix.")
        self.constants = dict(constants or {})
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
            self._streams = CounterStreams(self.num_rows, *self._numbers, self.dtype, self.device)
        B = self.problem.control_matrix
        self._control_matrix = self._tensor(np.array(B)) if isinstance(B, tuple) else None
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
        if actions.shape != (shape := (self.num_rows, self.action_size)):
            raise ValueError(f"actions have shape {shape}; got {tuple(actions.shape)}.")
        with self._memory:
            return self._advance(actions)

    def _advance(self, actions: Tensor) -> TorchOutcome:
        """`advance`, whose large results lie in memory that was used before."""
        state, learner, problem = self.state, self.state.learner, self._varied
        before, borrow = learner.theta, self._borrows and not actions.requires_grad
        action, squared = boxed(actions.to(self.dtype), borrow)
        control = self.action.control(action, learner, self._control_matrix)
        theta = dynamics.transition(problem, before, control, learner.gradient)
        known = squared if control is action else None
        charge = dynamics.control_cost(
            problem, state.instances, state.point(before), control, known
        )
        reached = largest_square(_value(theta), action)
        self._streams.advance()
        loss, grad = dynamics.loss_and_grad(
            problem, state.instances, state.point(theta), self._uniform
        )
        excess = loss - state.minimum_loss
        cost = moved(charge, problem.dt * problem.k, excess)
        values = _value(theta), _value(grad), _value(cost)
        good, square = good_rows(*values, self._bound, reached)
        if good is not None:
            control, theta, loss, grad = (
                torch.where(good.view(-1, *[1] * (new.ndim - 1)), new, old.detach())
                for new, old in (
                    (control, torch.zeros_like(control)),
                    (theta, before),
                    (loss, learner.loss),
                    (grad, state.grad),
                )
            )
            excess = loss - state.minimum_loss
            rest = dynamics.divergence_cost(
                problem, state.largest_cost, excess.detach(), learner.elapsed
            ).to(self.dtype)
            charge = torch.where(good, charge, charge.detach().nan_to_num(LARGEST_COST))
            charge = charge.clip(max=LARGEST_COST)
            cost = torch.where(good, cost, (charge.detach() + rest).clip(max=LARGEST_COST))
        elapsed = learner.elapsed + 1
        over = elapsed >= self.problem.steps
        terminated, truncated = torch.zeros_like(over), over
        if self.problem.horizon is not None:
            terminated, truncated = truncated, terminated
        if good is not None:
            terminated, truncated = terminated | ~good, truncated & good
        largest = torch.maximum(state.largest_cost, _value(cost))
        seen, now = loss, grad
        if state.shift is not None or self.problem.hazard:
            seen, now = self._change_landscapes(theta, loss, grad, elapsed)
        self._perceive(theta, seen, now, control, elapsed, largest)
        self._known = None if square is None else (grad, square)
        return TorchOutcome(loss, excess, charge, cost, terminated, truncated)

    def _change_landscapes(
        self, theta: Tensor, loss: Tensor, grad: Tensor, elapsed: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Drift and task switches; loss and gradient at theta from now on."""
        problem = self._varied
        if self.state.shift is not None:
            std = (problem.drift * problem.dt) ** 0.5
            shift = self.state.shift + std * self._normal[:, -self.problem.dim :]
            self.state = changed(self.state, shift=shift)
            point = self.state.point(theta)
            loss, grad = dynamics.loss_and_grad(problem, self.state.instances, point, self._uniform)
        if self.problem.hazard:
            switched = dynamics.switches(self.problem, elapsed, self._uniform[:, -1])
            self.state = changed(self.state, switched=switched)
            if self.device.type != "meta" and switched.any():
                self._redraw(switched.nonzero()[:, 0])
                point = self.state.point(theta)
                loss, grad = dynamics.loss_and_grad(
                    problem, self.state.instances, point, self._uniform
                )
        return loss, grad

    def _redraw(self, rows: Tensor) -> None:
        """Give some rows a new task."""
        state, numbers = self.state, rows.cpu().numpy()
        fresh = self.problem.landscape.sample(self._streams.draws(numbers))
        like_theta = np.zeros((len(numbers), self.problem.dim))
        minimum = self._tensor(dynamics.minimum_loss(self.problem, fresh, like_theta))
        self.state = changed(
            state,
            instances=with_rows(state.instances, rows, self._on_device(fresh)),
            shift=None if state.shift is None else state.shift.index_fill(0, rows, 0.0),
            minimum_loss=state.minimum_loss.index_copy(0, rows, minimum),
        )

    def _perceive(
        self,
        theta: Tensor,
        loss: Tensor,
        grad: Tensor,
        control: Tensor,
        elapsed: Tensor,
        largest_cost: Tensor,
    ) -> None:
        """Let the learner know where it is now, and observe and remember the gradient there."""
        state, learner = self.state, self.state.learner
        gradient = dynamics.observed_gradient(
            self._varied,
            state.instances,
            state.point(theta),
            grad,
            self._normal,
            self._uniform,
        )
        learner = changed(
            learner,
            **self.memory.after(learner, gradient, theta),
            theta=theta,
            loss=loss,
            gradient=gradient,
            previous_update=control,
            elapsed=elapsed,
        )
        self.state = changed(state, learner=learner, grad=grad, largest_cost=largest_cost)

    def detach(self) -> None:
        """Forget what the state was made of: gradients end here."""
        self.state = mapped(self.state, lambda tensor: tensor.detach())

    # ---- Tensors

    @property
    def _memory(self) -> AbstractContextManager[None]:
        """Where results lie: gradients go through none that is written where something lay."""
        return nullcontext() if torch.is_grad_enabled() else self._recycling

    @property
    def _varied(self) -> Any:
        return _Varied(self.problem, self.constants) if self.constants else self.problem

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

        return type(instances)(*map(tensor, instances))


def _value(tensor: Tensor) -> Tensor:
    """The tensor without its history."""
    return tensor.detach() if tensor.requires_grad else tensor
