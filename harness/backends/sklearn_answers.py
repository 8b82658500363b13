"""What a fitted estimator is fed and what it answers, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from harness.core.errors import ModelLoadError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

INPUT = "X"
# Further dtypes that estimators take: they convert columns themselves.
COLUMNS = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64"),
    *("int64", "float16", "float32", "str"),
)
_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Estimator:
    """An estimator called on arrays by name.

    Args:
        model: The fitted estimator.
        path: Its file, for messages.

    Attributes:
        inputs: One, "X".
        outputs: As zeros show them; empty where it takes none, as one for text does.

    Raises:
        ModelLoadError: It can neither predict nor transform.
    """

    def __init__(self, model: Any, path: Path) -> None:
        self._methods = _methods(model)
        if not self._methods:
            raise ModelLoadError(
                f"{path}: a {type(model).__name__} can neither predict nor transform"
                " new samples, or is not fitted",
                hint="save an estimator that was fitted, with a predict method",
            )
        columns = getattr(model, "feature_names_in_", None)
        self._columns = None if columns is None else [str(name) for name in columns]
        width = getattr(model, "n_features_in_", None)
        self.inputs = (
            TensorSpec(INPUT, "float64", None if width is None else (None, int(width))),
        )
        self.outputs = self._probed(width)

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        """Answer one batch, with arrays of the caller's own."""
        table = self._table(feeds[INPUT])
        answers: dict[str, Array] = {}
        for name, method in self._methods.items():
            answers |= _arrays(name, method(table))
        return answers

    def _table(self, array: Array) -> Any:
        """Columns by name where the estimator was fitted on such."""
        if self._columns is None:
            return array
        import pandas as pd

        return pd.DataFrame(array, columns=self._columns)

    def _probed(self, width: int | None) -> tuple[TensorSpec, ...]:
        if width is None:
            return ()
        try:
            answers = self({INPUT: np.zeros((2, int(width)))})
        except _ERRORS:
            # Columns of categories may know no zero: the first batch will tell.
            return ()
        return tuple(
            TensorSpec(name, _dtype(answer), (None, *answer.shape[1:]))
            for name, answer in answers.items()
        )


def _methods(model: Any) -> dict[str, Any]:
    """Output name -> method that answers it."""
    names = dict(_named(model))
    return {name: getattr(model, method) for name, method in names.items()}


def _named(model: Any) -> Iterator[tuple[str, str]]:
    if is_classifier(model):
        for name, method in (
            ("probabilities", "predict_proba"),
            ("scores", "decision_function"),
        ):
            if hasattr(model, method):
                yield name, method
                break
    if hasattr(model, "predict"):
        yield "prediction" if is_regressor(model) else "label", "predict"
    elif hasattr(model, "transform"):
        yield "transformed", "transform"


def _arrays(name: str, answer: Any) -> dict[str, Array]:
    # Classifiers of several outputs answer with a list, one array an output.
    if isinstance(answer, list):
        return {f"{name}_{i}": _array(part) for i, part in enumerate(answer)}
    return {name: _array(answer)}


def _array(answer: Any) -> Array:
    # Transformers may answer with a sparse matrix, or with a table.
    dense = answer.toarray() if hasattr(answer, "toarray") else answer
    array: Array = np.array(dense, order="C")
    if array.dtype.kind == "f":
        return array.astype(np.float64, copy=False)
    return array.astype(np.str_) if array.dtype.kind == "O" else array


def _dtype(array: Array) -> str:
    return "str" if array.dtype.kind == "U" else array.dtype.name
