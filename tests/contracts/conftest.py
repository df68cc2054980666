"""What tests of stored rules share."""

import pytest

from tests.contracts.artifact_files import good_files


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of one rule of each kind."""
    return good_files(tmp_path_factory.mktemp("good"))
