"""The examples of docs/contributing.md: complete, short, and of effect when they run."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from baselines.pages import ROOT
from landscape_gym import LandscapeNavEnv, LandscapeNavVectorEnv, NavigationProblem
from landscape_gym.actions import ACTIONS
from landscape_gym.channels import CHANNELS
from landscape_gym.landscapes import LANDSCAPES
from landscape_gym.noise import NOISES
from landscape_gym.optim import RuleOptimizer
from landscape_gym.policy import RulePolicy
from landscape_gym.rules import RULES

PAGE = (ROOT / "docs" / "contributing.md").read_text()
SECTION = re.compile(r"^## Add an? (\w+)\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = {
    name: blocks[0] for name, text in SECTION.findall(PAGE) if (blocks := BLOCK.findall(text))
}
STILL = {"kind": "quadratic", "dim": 3, "optimum_std": 1.0}
REGISTRIES: list[dict[str, Any]] = [ACTIONS, CHANNELS, LANDSCAPES, NOISES, RULES]


@pytest.fixture(autouse=True)
def _registries_stay_as_they_are() -> Iterator[None]:
    before = [dict(registry) for registry in REGISTRIES]
    yield
    for registry, kept in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(kept)


def made(**setup: Any) -> LandscapeNavVectorEnv:
    setup = {"noise": None, "observation": ["gradient", "parameters"], **setup}
    envs = LandscapeNavVectorEnv(4, problem={"landscape": STILL}, dtype="float64", **setup)
    envs.reset(seed=0)
    return envs


def step(envs: LandscapeNavVectorEnv, size: float = 0.5) -> np.ndarray:
    return envs.step(np.full(envs.action_space.shape, size))[0]


def noise(defined: dict[str, Any]) -> None:
    for given in ("dropped", {"kind": "dropped", "probability": 0.4}, defined["DroppedNoise"]()):
        envs = made(noise=given)
        seen, true = step(envs)[:, :3], envs.simulation.state.grad
        assert ((seen == true) | (seen == 0)).all()
        assert 0 < (seen == 0).sum() < seen.size
    problem = envs.problem
    assert NavigationProblem.from_json(problem.to_json()) == problem
    del NOISES["dropped"]
    envs = made(noise=defined["DroppedNoise"](0.0))
    assert (step(envs)[:, :3] == 0).all()


def channel(defined: dict[str, Any]) -> None:
    envs = made(observation=["gradient", "sign"])
    seen = step(envs)
    np.testing.assert_array_equal(seen[:, 3:], np.sign(seen[:, :3]))


def action(defined: dict[str, Any]) -> None:
    for given in ("along", defined["Along"](1.0)):
        envs = made(action=given)
        before = envs.simulation.state.loss.copy()
        assert envs.action_space.shape == (4, 1)
        step(envs)
        assert (envs.simulation.state.loss < before).all()
    del ACTIONS["along"]
    made(action=defined["Along"](2.0))


def landscape(defined: dict[str, Any]) -> None:
    for given in ("quartic", defined["Quartic"](5)):
        envs = made(landscape=given)
        seen, state = step(envs), envs.simulation.state
        d = envs.problem.dim
        error = seen[:, d:] - state.instances[0]
        np.testing.assert_allclose(seen[:, :d], (error**2).sum(1)[:, None] * error, rtol=1e-12)
    del LANDSCAPES["quartic"]
    made(landscape=defined["Quartic"](3))


def rule(defined: dict[str, Any]) -> None:
    envs, policy = made(observation="gradient"), RulePolicy(defined["Normalized"](2.0))
    act = policy.predict(np.array([[3.0, 4.0, 0.0]]))[0] * policy.action.scale
    np.testing.assert_allclose(act, [[-1.2, -1.6, 0.0]])
    step(envs)
    p = torch.nn.Parameter(torch.zeros(2))
    p.grad = torch.tensor([3.0, 4.0])
    RuleOptimizer([p], "normalized", dt=1.0).step()
    np.testing.assert_allclose(p.detach(), [-0.6, -0.8], rtol=1e-6)


TRIED: dict[str, Callable[[dict[str, Any]], None]] = {
    "noise": noise,
    "channel": channel,
    "action": action,
    "landscape": landscape,
    "rule": rule,
}


@pytest.mark.parametrize("name", TRIED)
def test_an_example_is_short_and_does_what_it_says(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = EXAMPLES[name]
    assert sum(bool(line.strip()) for line in code.splitlines()) < 20
    module = ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)  # dataclasses look there for their types
    exec(compile(code, f"docs/contributing.md, {name}", "exec"), vars(module))
    TRIED[name](vars(module))


def test_the_environments_page_lists_every_channel_and_action() -> None:
    page = LandscapeNavEnv.__doc__ or ""
    for name in (*CHANNELS, *ACTIONS):
        assert f"| `{name}` | " in page
    assert "{" not in page.replace("{'kind'", "")
