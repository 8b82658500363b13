"""Labels of golden samples -> class indices."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from harness.core.errors import GoldenError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import Array, IntArray


LABEL_KEYS = ("label", "labels", "y")
"""Names under which an array of golden data holds labels, the likeliest first."""


class Labels:
    """Turns stored labels into class indices.

    Args:
        where: What messages call the data.
        class_names: In the order of the indices; None where nobody names them.
    """

    def __init__(self, where: str, class_names: tuple[str, ...] | None) -> None:
        self._where = where
        self._names = class_names
        self._index = {name: i for i, name in enumerate(class_names or ())}

    def indices(self, labels: Array, start: int) -> IntArray:
        """Class index of each label, int64, shape (n,).

        Args:
            labels: Integers or text, shape (n,) or (n, 1).
            start: Golden index of the first one, for messages.

        Raises:
            GoldenError: A label is out of range or no class; names the first one.
        """
        labels = labels.reshape(len(labels))
        if labels.dtype.kind == "U":
            return self._named(labels, start)
        limit = len(self._names) if self._names is not None else np.inf
        wrong = np.flatnonzero((labels < 0) | (labels >= limit))
        if wrong.size:
            self._refuse(labels[wrong[0]].item(), start + int(wrong[0]))
        return labels.astype(np.int64)

    def _named(self, labels: Array, start: int) -> IntArray:
        values, first, inverse = np.unique(
            labels, return_index=True, return_inverse=True
        )
        pairs = zip(values, first, strict=True)
        unknown = [int(i) for value, i in pairs if value not in self._index]
        if unknown:
            self._refuse(str(labels[min(unknown)]), start + min(unknown))
        indices = np.array([self._index[str(v)] for v in values], np.int64)
        return indices[inverse]

    def _refuse(self, value: object, sample: int) -> NoReturn:
        problem, hint = self._problem(value)
        raise GoldenError(
            f"{self._where}: sample {sample} has label {value!r}, {problem}", hint=hint
        )

    def _problem(self, value: object) -> tuple[str, str]:
        if self._names is not None:
            count = len(self._names)
            problem = f"but there are {count} classes, 0 to {count - 1}"
            return problem, "correct the label, or the list of classes"
        if isinstance(value, str):
            return "but no class names to look it up in", "name them: golden.classes"
        return "but class indices begin at 0", "correct the label"


def check_labels(where: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Whether an array can be labels: one integer or text a sample.

    Raises:
        GoldenError: It cannot.
    """
    if dtype.kind not in "biuU" or shape not in ((), (1,)):
        raise GoldenError(
            f"{where}: labels are {dtype}, {shape or 'one value'} a sample",
            hint="give one class index or class name a sample",
        )


def read_classes(file: Path) -> tuple[str, ...]:
    """Class names of a text file, one a line; blank lines at its end do not count.

    Raises:
        GoldenError: The file cannot be read, or names no class or one twice.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise GoldenError(
            f"cannot read class names {file}: {error}", hint="check golden.classes"
        ) from error
    names = [line.strip() for line in text.rstrip().splitlines()]
    return checked_classes(str(file), names)


def checked_classes(where: str, names: list[str]) -> tuple[str, ...]:
    """The names, once it is sure that they are names of classes.

    Raises:
        GoldenError: There is none, or one stands twice.
    """
    if not names:
        raise GoldenError(f"{where} names no classes", hint="write one name a line")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise GoldenError(
            f"{where} names the class {name!r} {times} times",
            hint="give every class its own name",
        )
    return tuple(names)
