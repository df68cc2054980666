"""What `RuleOptimizer` takes for a rule: names, mappings, files and objects; or why it does not."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from landscape_gym import registration
from landscape_gym.artifact import load_rule, shipped_rules
from landscape_gym.channels import CHANNELS
from landscape_gym.configuration import alternative, number, unknown
from landscape_gym.learned import LearnedRule
from landscape_gym.optim.cohort import has_vectors
from landscape_gym.optim.coordinate_rule import CoordinateRule
from landscape_gym.optim.frame_rule import FrameRule
from landscape_gym.optim.suited import part
from landscape_gym.policy import Rule
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules import RULES

GIVEN = ("gradient", "parameters", "displacement", "loss")
"""Channels that a training loop has; the loss, if `step` is given a closure."""


def resolve_rule(
    given: object, problem: NavigationProblem | str | None, dt: float | None
) -> tuple[Rule, float]:
    """The rule for tensors, and the time that a step takes.

    Args:
        given: As of `RuleOptimizer`.
        problem: What a named rule is derived from, or the name of a regime.
        dt: The time; None takes the problem's, the rule's own, or 1.

    Raises:
        ValueError: for a name that is not known, a problem that the rule cannot be derived from,
            or a rule that needs what a training loop does not have.
        TypeError: for what is no rule.
    """
    if isinstance(problem, str):
        problem = registration.regime(problem).problem
    if problem is not None:
        rule: Any = _derived(given, problem)
    elif isinstance(given, Mapping) or (isinstance(given, str) and given in RULES):
        rule = alternative(RULES, given, "rule")
    elif isinstance(given, str | os.PathLike):
        rule = _loaded(given)
    else:
        rule = given
    own = getattr(problem or rule, "dt", 1.0)
    if isinstance(rule, LearnedRule):
        own = part(part(rule.about, "problem"), "dt") or 1.0
        rule = FrameRule(rule) if rule.framed else CoordinateRule(rule)
    _check(rule)
    return rule, number("dt", own if dt is None else dt, low=0.0, strict=True)


def check_size(rule: Rule, size: int) -> None:
    """Refuse a rule whose constants are for another number of coordinates.

    Raises:
        ValueError: if it cannot act on `size` coordinates.
    """
    if not has_vectors(rule):
        return
    seen = {name: torch.zeros(1 if name == "loss" else size) for name in rule.channels}
    first = seen.pop(rule.channels[0])
    try:
        update, _ = rule.update(first, rule.init(first, **seen), **seen)
        if update.shape != first.shape:  # a single one has been taken for many
            raise RuntimeError(f"an update of {len(update)}")
    except RuntimeError as error:
        raise ValueError(
            f"{type(rule).__name__} has constants for single coordinates, which do not fit a group "
            f"of {size}: give the same number for all of them ({error})."
        ) from error


def among(rule: Rule, group: Sequence[Tensor], chosen: Sequence[Tensor]) -> Rule:
    """A rule for some parameters of a group, with its constants for these alone.

    Raises:
        ValueError: if the constants cannot be told apart by parameters.
    """
    if len(chosen) == len(group) or not has_vectors(rule):
        return rule
    if hasattr(rule, "among"):
        there = set(map(id, chosen))
        rule = rule.among([id(p) in there for p in group])  # pyright: ignore[reportAttributeAccessIssue]
    check_size(rule, sum(p.numel() for p in chosen))
    return rule


def _derived(given: object, problem: NavigationProblem) -> Any:
    if not isinstance(given, str) or given not in RULES:
        hint = unknown("rule", given, RULES) if isinstance(given, str) else f"got {given!r}."
        raise ValueError(f"with `problem`, name the rule that is to be derived from it; {hint}")
    return RULES[given].derive(problem)  # type: ignore[attr-defined]


def _loaded(given: str | os.PathLike[str]) -> LearnedRule:
    name, names = os.fspath(given), shipped_rules()
    is_path = not isinstance(given, str) or any(sign in name for sign in "/\\.")
    if not is_path and name not in names:
        raise ValueError(unknown("rule", name, (*RULES, *names)))
    return load_rule(given)


def _check(rule: Any) -> None:
    parts = ("channels", "init", "update")
    if isinstance(rule, type) or not all(hasattr(rule, part) for part in parts):
        raise TypeError(
            f"got {rule!r} for a rule; give a name ({', '.join(map(repr, sorted(RULES)))}, or of a "
            "learned rule), a mapping with 'kind', a path, or an object with channels, init and "
            "update such as landscape_gym.rules.Adam()."
        )
    given = (*GIVEN, "stride", "tensors") if isinstance(rule, CoordinateRule) else GIVEN
    for name in rule.channels:
        if name not in given:
            says = f" ({CHANNELS[name].description})" if name in CHANNELS else ""
            raise ValueError(
                f"{type(rule).__name__} reads {name!r}{says}, which a training loop does not have; "
                f"it has {', '.join(GIVEN)}."
            )
