"""What an import brings along, and what it leaves out: each in an interpreter of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE = "print(gym.make('LandscapeNav-v0').spec.id)"


def said(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "imports",
    [
        "import gymnasium as gym, landscape_gym",
        "import landscape_gym, gymnasium as gym",
        "import landscape_gym.optim, gymnasium as gym",
        "from landscape_gym import REGIMES; import gymnasium as gym",
        "from landscape_gym.env import LandscapeNavEnv; import gymnasium as gym",
    ],
)
def test_the_ids_are_there_in_whatever_order_of_imports(imports: str):
    assert said(f"{imports}; {MADE}") == "LandscapeNav-v0"


def test_optimizers_need_neither_gymnasium_nor_scipy():
    names = "FilterBank, SelfScaledAdam, SelfScaledSOAP"
    heavy = "{'gymnasium', 'scipy', 'stable_baselines3', 'matplotlib'}"
    code = f"import sys; from landscape_gym.optim import {names}; print({heavy} & {{*sys.modules}})"
    assert said(code) == "set()"
