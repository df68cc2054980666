"""What holds for every test: one torch thread, the same draws every time, slow files first."""

import random
from collections import Counter

import hypothesis
import numpy as np
import pytest
import torch

torch.set_num_threads(1)

hypothesis.settings.register_profile("deterministic", derandomize=True, deadline=None)
hypothesis.settings.load_profile("deterministic")


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Seed the generators that are everybody's, so that a test that passes, passes again."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 -- what libraries draw from
    torch.manual_seed(0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files in the order of how many slow tests they have, so that those end first."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])
