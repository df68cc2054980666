"""A step of the simulation on tensors, in parts: functions of a state, an action and chance.

Shapes: B rows, d parameters, m controls. Nothing is written in place, so gradients flow, and what
is made of the same tensors can be fused (`landscape_gym.fused_step`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from landscape_gym import dynamics
from landscape_gym.actions import Action
from landscape_gym.arrays import moved
from landscape_gym.memory import Memory
from landscape_gym.simulation import LARGEST_COST
from landscape_gym.state import State
from landscape_gym.tensor_state import changed


class TorchOutcome(NamedTuple):
    """What a step did, one entry per row, (B,): as `landscape_gym.simulation.Outcome`."""

    loss: Tensor
    excess: Tensor
    charge: Tensor
    cost: Tensor
    terminated: Tensor
    truncated: Tensor


class Move(NamedTuple):
    """Where actions lead."""

    control: Tensor
    """u, (B, m)."""
    theta: Tensor
    """Parameters after it, (B, d)."""
    charge: Tensor
    """What the control costs, (B,)."""


class Price(NamedTuple):
    """What it costs to be there."""

    loss: Tensor
    """(B,), exact or a minibatch's."""
    grad: Tensor
    """Its gradient, (B, d)."""
    excess: Tensor
    """Loss above the minimum, (B,)."""
    cost: Tensor
    """Of the whole step, control included, (B,)."""


class TensorStep:
    """The parts of a step.

    Args:
        problem: The problem, some of whose constants may be tensors.
        action: What actions make of a control.
        memory: What the learner remembers.
        control_matrix: B as a tensor, (d, m), where the problem has one.
    """

    def __init__(
        self, problem: Any, action: Action, memory: Memory, control_matrix: Tensor | None
    ) -> None:
        self.problem, self.action, self.memory = problem, action, memory
        self._control_matrix = control_matrix

    def move(self, state: State, action: Tensor, squared: Tensor | None = None) -> Move:
        """Where actions (B, size) within their box lead; `squared` are their squares' sums (B,)."""
        problem, learner = self.problem, state.learner
        control = self.action.control(action, learner, self._control_matrix)
        theta = dynamics.transition(problem, learner.theta, control, learner.gradient)
        charge = dynamics.control_cost(
            problem,
            state.instances,
            state.point(learner.theta),
            control,
            squared if control is action else None,
        )
        return Move(control, theta, charge)

    def price(self, state: State, move: Move, uniform: Tensor) -> Price:
        """What it costs to go there."""
        problem = self.problem
        point = state.point(move.theta)
        loss, grad = dynamics.loss_and_grad(problem, state.instances, point, uniform)
        excess = loss - state.minimum_loss
        return Price(loss, grad, excess, moved(move.charge, problem.dt * problem.k, excess))

    def held(self, state: State, move: Move, price: Price, good: Tensor) -> tuple[Move, Price]:
        """The same where rows are `good` (B,); others stay where they are, and pay for it."""

        def where(new: Tensor, old: Tensor) -> Tensor:
            return torch.where(good.view(-1, *[1] * (new.ndim - 1)), new, old.detach())

        learner = state.learner
        loss, grad = where(price.loss, learner.loss), where(price.grad, state.grad)
        excess = loss - state.minimum_loss
        rest = dynamics.divergence_cost(
            self.problem, state.largest_cost, excess.detach(), learner.elapsed
        ).to(loss.dtype)
        charge = torch.where(good, move.charge, move.charge.detach().nan_to_num(LARGEST_COST))
        charge = charge.clip(max=LARGEST_COST)
        cost = torch.where(good, price.cost, (charge.detach() + rest).clip(max=LARGEST_COST))
        control = where(move.control, torch.zeros_like(move.control))
        return (
            Move(control, where(move.theta, learner.theta), charge),
            Price(loss, grad, excess, cost),
        )

    def outcome(
        self, state: State, move: Move, price: Price, good: Tensor | None = None
    ) -> TorchOutcome:
        """What the step did; rows that are not `good` (B,) end."""
        over = state.learner.elapsed + 1 >= self.problem.steps
        terminated, truncated = torch.zeros_like(over), over
        if self.problem.horizon is not None:
            terminated, truncated = truncated, terminated
        if good is not None:
            terminated, truncated = terminated | ~good, truncated & good
        return TorchOutcome(
            price.loss, price.excess, move.charge, price.cost, terminated, truncated
        )

    def drifted(
        self, state: State, theta: Tensor, price: Price, normal: Tensor, uniform: Tensor
    ) -> tuple[State, Tensor, Tensor]:
        """The state after landscapes have drifted, and loss and gradient at theta from then on."""
        if state.shift is None:
            return state, price.loss, price.grad
        problem = self.problem
        std = (problem.drift * problem.dt) ** 0.5
        state = changed(state, shift=state.shift + std * normal[:, -problem.dim :])
        return state, *dynamics.loss_and_grad(problem, state.instances, state.point(theta), uniform)

    def perceived(
        self,
        state: State,
        move: Move,
        price: Price,
        loss: Tensor,
        grad: Tensor,
        normal: Tensor,
        uniform: Tensor,
    ) -> State:
        """The state in which the learner knows where it is now, and what loss and gradient are."""
        theta, learner = move.theta, state.learner
        gradient = dynamics.observed_gradient(
            self.problem, state.instances, state.point(theta), grad, normal, uniform
        )
        learner = changed(
            learner,
            **self.memory.after(learner, gradient, theta),
            theta=theta,
            loss=loss,
            gradient=gradient,
            previous_update=move.control,
            elapsed=learner.elapsed + 1,
        )
        largest = torch.maximum(state.largest_cost, value_of(price.cost))
        return changed(state, learner=learner, grad=grad, largest_cost=largest)

    def arrival(
        self, state: State, move: Move, normal: Tensor, uniform: Tensor
    ) -> tuple[State, TorchOutcome, Price]:
        """All that comes after a move, where no row diverges and no task switches.

        Returns:
            The state after it, what the step did, and its price.
        """
        price = self.price(state, move, uniform)
        outcome = self.outcome(state, move, price)
        here, loss, grad = self.drifted(state, move.theta, price, normal, uniform)
        after = self.perceived(here, move, price, loss, grad, normal, uniform)
        return after, outcome, price


def value_of(tensor: Tensor) -> Tensor:
    """The tensor without its history."""
    return tensor.detach() if tensor.requires_grad else tensor
