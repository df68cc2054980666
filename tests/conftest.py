"""What holds for every test: one torch thread, the same Hypothesis examples, slow files first."""

from collections import Counter

import hypothesis
import pytest
import torch

torch.set_num_threads(1)

hypothesis.settings.register_profile("deterministic", derandomize=True, deadline=None)
hypothesis.settings.load_profile("deterministic")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files in the order of how many slow tests they have, so that those end first."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])
