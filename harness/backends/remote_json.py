"""Tensors as JSON values, without anything that numpy would quietly make fit."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends.remote import EndpointError

if TYPE_CHECKING:
    from harness.core.protocols import Array

# Kinds of numpy arrays that JSON values of a type may first become.
_KINDS = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}
_HINT = "check that the URL is that of the model, and its description on the server"


def to_json(array: Array) -> Any:
    """Nested lists of numbers, booleans or text; bytes go as ``{"b64": ...}``.

    float32 is written with the digits of a double, which give it back exactly.
    """
    if array.dtype.kind not in "OSU":
        return array.tolist()
    flat = np.empty(array.shape, dtype=object)
    for index, item in np.ndenumerate(array):
        flat[index] = _written(item)
    return flat.tolist()


def from_json(value: object, dtype: str, name: str) -> Array:
    """The array that a JSON value describes.

    Args:
        value: Nested lists, or one value.
        dtype: As specs name it.
        name: Of the output, for messages.

    Raises:
        EndpointError: The lists are ragged, or hold what is not of that type: no
            string becomes a number, nor 1.5 a whole one.
    """
    try:
        return _texts(value) if dtype == "str" else _numbers(value, np.dtype(dtype))
    except (ValueError, TypeError, OverflowError) as error:
        raise EndpointError(
            f"output {name!r} cannot be read as {dtype}: {error}", _HINT
        ) from error


def _numbers(value: object, dtype: np.dtype[Any]) -> Array:
    found = np.asarray(value)
    if dtype.kind in "iu" and found.dtype.kind == "f":
        # Whole numbers past 63 bits beside smaller ones: numpy makes floats of them.
        found = np.array(value, dtype=object)
        if any(type(item) is not int for item in found.flat):
            raise TypeError("it holds fractions")
    elif found.dtype.kind not in _KINDS[dtype.kind] and found.size:
        raise TypeError(f"it holds {found.dtype.name} values")
    # A float32 that overflows is infinite, and the gate looks at that.
    with np.errstate(over="ignore"):
        made = found.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(made, found):
        raise OverflowError("it holds numbers out of range")
    return made


def _texts(value: object) -> Array:
    found = np.array(value, dtype=object)
    for index, item in np.ndenumerate(found):
        found[index] = _read(item)
    return found


def _written(item: object) -> object:
    if isinstance(item, bytes):
        return {"b64": base64.b64encode(item).decode()}
    return str(item)


def _read(item: object) -> str | bytes:
    if isinstance(item, str):
        return item
    if isinstance(item, dict) and isinstance(item.get("b64"), str):
        return base64.b64decode(item["b64"], validate=True)
    raise TypeError(f"it holds {type(item).__name__} values")
