"""What is not finite, parameters without gradients, and states that do not fit."""

import copy
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from landscape_gym import optim
from landscape_gym.artifact import load_rule, save_rule, shipped_rules
from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import RULES, Coupled, Muon, SelfScaledAdam
from tests.fuzzing import search
from tests.optim.fuzz import EXPECTED, Trial

X = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
Y = X.sum(1, keepdim=True)
NAMED = (optim.SelfScaledAdam, optim.SelfScaledSOAP, optim.FilterBank)
pytestmark = pytest.mark.filterwarnings("ignore:this rule was learned")
Make = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def train(net: nn.Module, optimizer: Any, steps: int, spoil: Callable[[Any], Any] | None = None):
    """Some steps; `spoil` does something to the loss of each."""

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (net(X) - Y).square().mean()
        loss.backward()
        return loss if spoil is None else spoil(loss)

    for _ in range(steps):
        optimizer.step(closure)


def everything(net: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
    return copy.deepcopy((list(net.parameters()), optimizer.state_dict()))


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


REFUSED = {
    "newton": "reads 'hessian'",
    "hard_reset": "reads 'switched'",
    "self_tuning": "needs curvature, aim, pull, noise, cost, dt, for which there is no default",
}
SERVED = ("networks", "networks-ppo", "hidden-curvature", "hidden-curvature-frame", "landscape-nav")
SERVED += ("landscape-nav-parameters", "drifting-target")


@pytest.mark.parametrize("name", [*RULES, *shipped_rules()])
@pytest.mark.filterwarnings("ignore:RuleOptimizer was given:RuntimeWarning")
def test_a_rule_by_name_takes_a_hundred_finite_steps_or_is_refused(name):
    net = model()
    if name in REFUSED or (name in shipped_rules() and name not in SERVED):
        with pytest.raises(ValueError, match=REFUSED.get(name, "acts on all parameters")):
            RuleOptimizer(net.parameters(), name)
        return
    optimizer = RuleOptimizer(net.parameters(), name)
    before = copy.deepcopy(list(net.parameters()))
    train(net, optimizer, 100)
    assert all(p.isfinite().all() for p in net.parameters())
    assert not same(list(net.parameters()), before)


def nan_loss(loss: torch.Tensor) -> torch.Tensor:
    return loss * math.nan


READ_THE_LOSS: Mapping[str, Make] = {
    "self-scaled Adam": lambda p: RuleOptimizer(p, SelfScaledAdam.for_parameters(p)),
    "filter bank": lambda p: RuleOptimizer(p, Coupled.filter_bank()),
    "evolution strategy": lambda p: RuleOptimizer(p, "evolution_strategy"),
    **{cls.__name__: cls for cls in NAMED},
}
READ_GRADIENTS: Mapping[str, Make] = {
    name: make for name, make in READ_THE_LOSS.items() if name != "evolution strategy"
} | {
    name: lambda p, name=name: RuleOptimizer(p, name)
    for name in ("adam", "muon", "networks", "hidden-curvature", "landscape-nav")
}


def infinite_gradient(net: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    def spoil(loss: torch.Tensor) -> torch.Tensor:
        next(net.parameters()).grad[0, 0] = math.inf
        return loss

    return spoil


@pytest.mark.parametrize(
    ("make", "what"),
    [(make, "loss of nan") for make in READ_THE_LOSS.values()]
    + [(make, "gradient that is not finite") for make in READ_GRADIENTS.values()],
    ids=[*READ_THE_LOSS, *READ_GRADIENTS],
)
def test_what_is_not_finite_changes_nothing_and_is_said_once(make: Make, what: str):
    net, twin = model(), model()
    optimizer, other = make(list(net.parameters())), make(list(twin.parameters()))
    train(net, optimizer, 5)
    train(twin, other, 5)
    before = everything(net, optimizer)
    spoil = nan_loss if "loss" in what else infinite_gradient(net)
    with pytest.warns(RuntimeWarning, match=f"was given a {what}: nothing moves") as said:
        train(net, optimizer, 1, spoil)
    assert said[0].filename.endswith("test_bad_luck.py"), "it points at who called step"
    with warnings.catch_warnings(action="error"):
        train(net, optimizer, 3, spoil)
    assert same(everything(net, optimizer), before)
    train(net, optimizer, 5)
    train(twin, other, 5)
    assert same(everything(net, optimizer), everything(twin, other))


def test_gradients_whose_squares_sum_to_infinity_move_parameters():
    p = nn.Parameter(torch.zeros(2))
    p.grad = torch.full((2,), 1.5e19)
    RuleOptimizer([p], "sign_descent").step()
    assert (p < 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gradients_of_half_precision_are_not_taken_for_infinite(dtype):
    p = nn.Parameter(torch.zeros(2, dtype=dtype))
    p.grad = torch.full((2,), 1e4, dtype=dtype)
    RuleOptimizer([p], "sign_descent").step()
    assert (p < 0).all()


@pytest.mark.parametrize("make", READ_GRADIENTS.values(), ids=READ_GRADIENTS)
@pytest.mark.parametrize("bad", [math.nan, 1e25])
@pytest.mark.filterwarnings("ignore:.* was given:RuntimeWarning")
def test_a_first_gradient_that_is_not_finite_or_huge_leaves_nothing_behind(make: Make, bad: float):
    net, twin = model(), model()
    optimizer, other = make(list(net.parameters())), make(list(twin.parameters()))

    def spoil(loss: torch.Tensor) -> torch.Tensor:
        next(net.parameters()).grad[0, 0] = bad
        return loss

    train(net, optimizer, 1, spoil)
    assert not optimizer.state
    train(net, optimizer, 5)
    train(twin, other, 5)
    assert same(everything(net, optimizer), everything(twin, other))


@pytest.mark.parametrize("rule", [SelfScaledAdam, Muon])
def test_layers_may_be_frozen_midway_or_have_no_gradient(rule):
    net = model()
    parameters = list(net.parameters())
    optimizer = RuleOptimizer(parameters, rule.for_parameters(parameters))
    train(net, optimizer, 3)
    parameters[1].requires_grad_(False).grad = None
    kept, others = parameters[1].clone(), copy.deepcopy(parameters[2:])
    train(net, optimizer, 3)
    assert torch.equal(parameters[1], kept)
    assert not any(map(torch.equal, parameters[2:], others))
    parameters[1].requires_grad_(True)
    train(net, optimizer, 3)
    assert not torch.equal(parameters[1], kept)


def test_a_rule_made_for_the_whole_has_for_a_part_what_one_made_for_the_part_has():
    def moved(make):
        a, b = (nn.Parameter(torch.ones(n, 5)) for n in (2, 3))
        optimizer = RuleOptimizer(*make(a, b))
        b.grad = torch.ones_like(b)
        optimizer.step(lambda: torch.tensor(1.0))
        return b.detach()

    whole = moved(lambda a, b: ([a, b], SelfScaledAdam(units=((10, 3.0), (15, 0.5)))))
    assert torch.equal(whole, moved(lambda a, b: ([b], SelfScaledAdam(units=((15, 0.5),)))))


def test_constants_that_cannot_be_told_apart_are_refused_before_anything_moves():
    a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1))
    optimizer = RuleOptimizer([a, b], {"kind": "ballistic", "rates": (1.0, 2.0, 3.0)})
    b.grad = torch.ones(1)
    with pytest.raises(ValueError, match=r"constants for single coordinates.*group of 1"):
        optimizer.step()
    assert torch.equal(b, torch.ones(1))


@pytest.mark.parametrize("about", [{"problem": "a sentence"}, {"problem": None}, {}])
def test_a_file_may_say_anything_of_its_problem(about, tmp_path):
    rule = replace(load_rule("hidden-curvature"), about=about)
    save_rule(rule, tmp_path / "rule.safetensors")
    optimizer = RuleOptimizer(model().parameters(), tmp_path / "rule.safetensors")
    assert optimizer.param_groups[0]["dt"] == 1.0


def test_a_file_whose_time_per_step_is_none_is_refused(tmp_path):
    rule = replace(load_rule("hidden-curvature"), about={"problem": {"dt": "long"}})
    with pytest.raises(TypeError, match="dt must be a number"):
        RuleOptimizer(model().parameters(), rule)


LOADED: Mapping[str, Make] = {
    name: lambda p, name=name: RuleOptimizer(p, name)
    for name in ("adam", "hidden-curvature", "networks", "hidden-curvature-frame")
} | {cls.__name__: cls for cls in NAMED}


def spoiled(saved: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """States that are not to be taken, and what is said of them."""
    found = []
    for value, said in ((math.nan, "lr must be a finite number"), (-1.0, "lr must be a finite")):
        found.append((said, copy.deepcopy(saved)))
        found[-1][1]["param_groups"][0]["lr"] = value
    found.append(("lacks 'lr'", copy.deepcopy(saved)))
    del found[-1][1]["param_groups"][0]["lr"]
    tensors = [name for name, value in saved["state"][0].items() if torch.is_tensor(value)]
    for name in tensors:
        for other in (torch.zeros(7), torch.zeros(()), torch.zeros(0), "a word"):
            found.append((f"'{name}' of the state is a tensor of shape", copy.deepcopy(saved)))
            found[-1][1]["state"][0][name] = other
    return found


@pytest.mark.parametrize("make", LOADED.values(), ids=LOADED)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(make: Make):
    net = model()
    optimizer = make(list(net.parameters()))
    train(net, optimizer, 12)  # by then there are frames
    before = everything(net, optimizer)
    for said, state in spoiled(optimizer.state_dict()):
        with pytest.raises((ValueError, TypeError), match=said):
            optimizer.load_state_dict(state)
        assert same(everything(net, optimizer), before)
    twin = model()
    other = make(list(twin.parameters()))
    twin.load_state_dict(net.state_dict())
    other.load_state_dict(copy.deepcopy(before[1]))
    train(net, optimizer, 3)
    train(twin, other, 3)
    assert same(everything(net, optimizer), everything(twin, other))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_single_number_that_was_left_alone_is_loaded_as_it_was_saved(shape):
    alone, others = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.ones(2))
    optimizer = RuleOptimizer([alone, others], Coupled.filter_bank())
    for first, second in ((True, True), (False, True), (True, False), (True, True)):
        alone.grad = torch.ones(shape) if first else None
        others.grad = torch.ones(2) if second else None
        optimizer.step(lambda: torch.tensor(1.0))
        before = copy.deepcopy(optimizer.state_dict())
        optimizer.load_state_dict(before)
        after = optimizer.state_dict()["state"]
        assert same(after, before["state"])
        for i, held in before["state"].items():
            for name, value in held.items():
                if torch.is_tensor(value):
                    assert after[i][name].shape == value.shape


def test_a_state_of_another_optimizer_is_refused():
    net = model()
    theirs = torch.optim.Adam(net.parameters())
    train(net, theirs, 1)
    optimizer = RuleOptimizer(net.parameters(), "adam")
    with pytest.raises(ValueError, match="lacks 'dt': it is not of RuleOptimizer"):
        optimizer.load_state_dict(theirs.state_dict())
    train(net, optimizer, 1)


def test_whatever_befalls_an_optimizer_it_is_finite_or_refused_in_a_sentence():
    """`python -m tests.optim.fuzz` goes on from here."""
    seen, wrong = search(Trial, steps=300, seed=1, expected=EXPECTED)
    assert not wrong
    assert seen["refusals"] > 5
