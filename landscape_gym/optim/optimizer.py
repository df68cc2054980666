"""`RuleOptimizer`: a learning rule as a ``torch.optim.Optimizer``."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from landscape_gym.configuration import number
from landscape_gym.learned import LearnedRule
from landscape_gym.optim.cohort import Cohort
from landscape_gym.optim.finite import all_finite, warn_once
from landscape_gym.optim.loading import loading
from landscape_gym.optim.resolve import among, check_size, resolve_rule
from landscape_gym.optim.suited import warn_where_unsuited
from landscape_gym.policy import Rule
from landscape_gym.problem import NavigationProblem

COHORT = "cohort"
"""Key of a parameter's state: which parameters it has always been moved together with."""


class RuleOptimizer(torch.optim.Optimizer):
    """Trains any PyTorch module by a learning rule: classical, derived, or learned by an agent.

        theta+ = theta + dt lr u

    u is the rule's update, as in the environment, and ``lr`` a factor of the time per step, 1 by
    default, for schedules and parameter groups to act on (``OneCycleLR`` with
    ``cycle_momentum=False``). So ``RuleOptimizer(p, Adam(lr=1e-3))`` makes the steps of
    ``torch.optim.Adam(p, lr=1e-3)``.

    All parameters of a group that have one type and device are one vector to the rule; what it
    shares between coordinates, such as the running root mean square by which learned rules scale,
    is shared within them, and layers are counted among them. A parameter without gradient stays,
    and so does its state; it is a vector of its own, with those that are left out with it, from
    then on.

    It works with gradients that `torch.amp.GradScaler` unscales, on modules under `torch.compile`
    (`step` itself is not for compiling), and on any device. State of float16 and bfloat16
    parameters is kept in float32. ``state_dict`` holds state and groups, not the rule: load it into
    an optimizer with the same rule, and it goes on bit for bit.

    A gradient that is not finite, or has a square that is not, or such a loss where the rule reads
    it, moves nothing and changes no state.

    Args:
        params: Parameters, or groups of them; a group may have an ``lr`` of its own.
        rule: The name of a rule in `landscape_gym.rules.RULES` or of a shipped learned rule; a
            mapping of a name as ``kind`` and constants; the path of a learned rule's file; a
            `LearnedRule` that acts per coordinate or, on at most 1000 of them, in a frame; or any
            `landscape_gym.policy.Rule`.
        lr: Factor of every step, >= 0.
        dt: Time per step, > 0. None is that of `problem`, or that which the rule is for; 1 if
            there is neither.
        problem: A problem, or the name of a regime, from which a rule given by name is derived.

    Raises:
        ValueError: for an unknown name; for a rule that needs what a training loop does not have,
            cannot be derived from `problem`, or is for another number of parameters; for complex
            parameters.
        TypeError: for what is no rule.

    Warns:
        UserWarning: for a rule that was learned on, or is derived from, quadratic landscapes of far
            fewer parameters; it names rules that serve networks.
        RuntimeWarning: once, by `step`, where something that it reads is not finite.

    Example:
        >>> model = torch.nn.Linear(3, 1)
        >>> optimizer = RuleOptimizer(model.parameters(), "hidden-curvature")
        >>> for _ in range(100):
        ...     optimizer.zero_grad()
        ...     loss = (model(torch.eye(3)) - 1).square().mean()
        ...     loss.backward()
        ...     optimizer.step()
        >>> loss.item() < 0.01
        True
    """

    def __init__(
        self,
        params: ParamsT,
        rule: str | os.PathLike[str] | Mapping[str, Any] | Rule | LearnedRule,
        *,
        lr: float = 1.0,
        dt: float | None = None,
        problem: NavigationProblem | str | None = None,
    ) -> None:
        self.rule, dt = resolve_rule(rule, problem, dt)
        self._cohorts: dict[int, Cohort] = {}
        self._warned = False
        super().__init__(params, {"lr": lr, "dt": dt})
        sizes = (p.numel() for group in self.param_groups for p in group["params"])
        warn_where_unsuited(self.rule, problem, sum(sizes))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, with an ``lr`` of their own if it is given.

        Raises:
            ValueError: for complex parameters, an lr below 0, or a rule with constants for another
                number of parameters.
        """
        super().add_param_group(param_group)
        try:
            self._check_group(self.param_groups[-1])
        except (TypeError, ValueError):
            self.param_groups.pop()
            raise

    def _check_group(self, group: dict[str, Any]) -> None:
        number("lr", group["lr"], low=0.0)
        number("dt", group["dt"], low=0.0, strict=True)
        for p in group["params"]:
            if not p.is_floating_point():
                raise ValueError(
                    f"rules move real numbers, got a parameter of type {p.dtype}: give "
                    "torch.view_as_real of it."
                )
        check_size(self.rule, sum(p.numel() for p in group["params"]))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Move all parameters that have gradients; returns the closure's loss, or None.

        Args:
            closure: Computes loss and gradients anew. Rules that read the loss need it.

        Raises:
            ValueError: for sparse gradients, a rule that reads the loss without `closure`, or one
                whose constants are of parameters that have no gradient; then nothing has moved.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if "loss" in self.rule.channels and loss is None:
            raise ValueError(
                f"{type(self.rule).__name__} reads the loss: call step(closure), where closure "
                "computes the gradients and returns the loss."
            )
        seen_loss = None if loss is None else torch.as_tensor(loss)
        told = float(seen_loss) if seen_loss is not None and "loss" in self.rule.channels else 0.0
        present = self._present()
        read = [cohort for _, cohort in present if "gradient" in self.rule.channels]
        if not (math.isfinite(told) and all_finite([g for each in read for g in each.gradients()])):
            warn_once(self, told)
            return loss
        for group, cohort in present:
            stride = group["dt"] * group["lr"]
            if cohort.remembered is None:
                self._begin(cohort, seen_loss, stride)
            cohort.move(seen_loss, stride)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the state of an optimizer with the same rule and the same groups.

        Raises:
            ValueError: for constants out of their range, or state that is of another rule or of
                other shapes; then all is as it was.
        """
        with loading(self, self._check_group) as follow:
            super().load_state_dict(state_dict)
            follow(state_dict)
            for cohort in self._remembered():
                self._restore(cohort)

    def _remembered(self) -> list[Cohort]:
        """Cohorts of the parameters that have state."""
        found: dict[int, tuple[dict[str, Any], list[Tensor]]] = {}
        for group in self.param_groups:
            for p in (p for p in group["params"] if self.state.get(p)):
                number = self.state[p].get(COHORT)
                if not isinstance(number, int):
                    raise ValueError(
                        f"the state has no {COHORT!r}: load one of {type(self).__name__}."
                    )
                found.setdefault(number, (group, []))[1].append(p)
        return [self._cohort(number, *of) for number, of in found.items()]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "rule": self.rule}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._cohorts = {}
        self._warned = False

    def _present(self) -> list[tuple[dict[str, Any], Cohort]]:
        """Cohorts of the parameters that have gradients; those of None remembered are new.

        Raises:
            ValueError: for a sparse gradient.
        """
        present = []
        taken = 1 + max((state[COHORT] for state in self.state.values() if state), default=-1)
        for group in self.param_groups:
            with_gradient: dict[tuple[Any, ...], list[Tensor]] = {}
            left_out = set()
            for p in group["params"]:
                cohort = self.state[p].get(COHORT) if p in self.state else None
                if p.grad is None or p.numel() == 0:
                    left_out.add(cohort)
                    continue
                if p.grad.layout != torch.strided:
                    raise ValueError(
                        f"a gradient of layout {p.grad.layout} cannot be read as a vector: use a "
                        "dense one, such as of torch.nn.Embedding(sparse=False)."
                    )
                with_gradient.setdefault((cohort, p.dtype, p.device), []).append(p)
            for (cohort, *_), parameters in with_gradient.items():
                if cohort is None or cohort in left_out:
                    cohort, taken = taken, taken + 1
                present.append((group, self._cohort(cohort, group, parameters)))
        return present

    def _cohort(self, number: int, group: dict[str, Any], parameters: list[Tensor]) -> Cohort:
        """The cohort of that number with these parameters of a group, from the last step or new."""
        last = self._cohorts.get(number)
        if last is None or list(map(id, last.parameters)) != list(map(id, parameters)):
            rule = among(self.rule, group["params"], parameters)
            self._cohorts[number] = last = Cohort(rule, parameters, number)
        return last

    def _begin(self, cohort: Cohort, loss: Tensor | None, stride: float) -> None:
        """Give a new cohort the state that its parameters have had in another, or a fresh one."""
        if self.state[cohort.parameters[0]]:
            self._restore(cohort)
        else:
            cohort.begin(loss, stride)
            self._keep(cohort)

    def _restore(self, cohort: Cohort) -> None:
        cohort.restore([self.state[p] for p in cohort.parameters])
        self._keep(cohort)

    def _keep(self, cohort: Cohort) -> None:
        """Let the parameters' states be parts of the cohort's."""
        for p, views in zip(cohort.parameters, cohort.views(), strict=True):
            self.state[p] = {COHORT: cohort.number, **views}
