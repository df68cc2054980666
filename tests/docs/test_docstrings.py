"""Every example in a docstring runs and prints what it says; modules that are named exist."""

import ast
import doctest
import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import agents
import baselines
import benchmarks
import landscape_gym
from landscape_gym.extras import Missing

MODULES = [
    module.name
    for package in (landscape_gym, baselines, agents, benchmarks)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    try:
        module = importlib.import_module(name)
    except Missing as error:
        pytest.skip(str(error))
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(module, extraglobs={"np": np}, optionflags=options)
    assert result.failed == 0


ROOT = Path(__file__).parents[2]
PACKAGES = ("landscape_gym", "baselines", "agents", "benchmarks", "docs")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
FILES = [
    f"/{path.relative_to(ROOT).as_posix()}"
    for path in (*SOURCES, *(ROOT / "tests").rglob("*.py"), ROOT / "train_agent.py")
]
FILE = re.compile(r"(?<![\w/.])(?:\w+/)*\w+\.py\b")
FOLDER = re.compile(r"(?<![\w/.])(?:landscape_gym|baselines|control|derivation|rules)/(?:\w+/)*")
DOTTED = re.compile(r"\b(?:landscape_gym|baselines|agents)(?:\.(?!md\b)\w+)+")


def strings(path: Path) -> list[str]:
    """Docstrings, of attributes too, and messages: all texts of a file but what examples print."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return [
        node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is str
    ]


@cache
def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def named(text: str, near: Path) -> dict[str, bool]:
    """What a text names, and whether it is there; a file may be named by the end of its path."""
    found = {name: exists(name) for name in DOTTED.findall(text)}
    for name in FILE.findall(text):
        found[name] = (near.parent / name).exists() or any(
            file.endswith(f"/{name}") for file in FILES
        )
    for name in FOLDER.findall(text):
        found[name] = any(f"/{name}" in file for file in FILES)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_named_in_docstrings_exist(path: Path):
    gone = [
        name for text in strings(path) for name, there in named(text, path).items() if not there
    ]
    assert not gone


def test_a_module_that_is_gone_is_seen():
    text = "see `switching.py`, control/linear_quadratic/modell.py and landscape_gym.control.gone"
    gone = [name for name, there in named(text, Path(__file__)).items() if not there]
    assert gone == ["landscape_gym.control.gone", "control/linear_quadratic/modell.py"]
