"""Packages that the library does without, and the extra of pip's that installs each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

EXTRAS = {
    "filelock": "agents",
    "joblib": "agents",
    "rich": "agents",
    "sb3_contrib": "agents",
    "stable_baselines3": "agents",
    "tensorboard": "agents",
    "threadpoolctl": "agents",
    "tqdm": "agents",
    "tyro": "agents",
    "matplotlib": "plots",
    "PIL": "plots",
    "moviepy": "video",
    "pygame": "video",
    "mlxtend": "data",
    "mnist1d": "data",
    "sklearn": "data",
    "pandas": "parquet",
    "pyarrow": "parquet",
    "minari": "minari",
    "h5py": "minari",
    "ray": "ray",
}
"""Extras by the name that is imported."""


def lacking(error: ModuleNotFoundError) -> str | None:
    """What to install, if an extra brings what is missing.

    Example:
        >>> lacking(ModuleNotFoundError(name="sklearn.datasets"))
        "the package 'sklearn' is missing: pip install 'landscape-gym[data]'."
    """
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return None
    return f"the package {package!r} is missing: pip install 'landscape-gym[{EXTRAS[package]}]'."


@contextmanager
def needed_by(module: str) -> Iterator[None]:
    """Say what to install, where imports fail for want of an extra.

    A command is ended by that one line; others are told by the exception.

    Args:
        module: The ``__name__`` of the module that imports.

    Raises:
        ModuleNotFoundError: for the package that is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        said = lacking(error)
        if said is None:
            raise
        # sys.argv[0] is "-m" while Python imports the packages around a command's module.
        if module == "__main__" or sys.argv[:1] == ["-m"]:
            print(said, file=sys.stderr)
            sys.exit(2)
        raise ModuleNotFoundError(said, name=error.name) from error
