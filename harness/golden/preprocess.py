"""Declared preprocessing: the same few steps for every variant, and their digest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.codec import to_json
from harness.core.errors import SuiteError
from harness.core.provenance import digest_of

if TYPE_CHECKING:
    from harness.core.protocols import Array
    from harness.core.specs import Preprocess


def prepare(array: Array, preprocess: Preprocess) -> Array:
    """Transpose, flatten, scale, offset and cast golden samples, in this order.

    Arithmetic runs in the array's own float type; integers and booleans become
    float32 first, so that float64 is there only where data or dtype say so. A cast
    to integers rounds half to even and saturates.

    Args:
        array: Samples, axis 0 counts them.
        preprocess: What is declared.

    Returns:
        The prepared samples; `array` itself where nothing is declared.

    Raises:
        SuiteError: The axes do not fit the array, or the dtype is unknown.
    """
    if preprocess.transpose is not None:
        array = np.ascontiguousarray(_transposed(array, preprocess.transpose))
    if preprocess.flatten:
        array = array.reshape(len(array), math.prod(array.shape[1:]))
    if preprocess.scale is not None or preprocess.offset is not None:
        array = _affine(array, preprocess)
    if preprocess.dtype is None:
        return array
    return _cast(array, _dtype(preprocess.dtype))


def prepared_rank(rank: int, preprocess: Preprocess) -> int:
    """Axes of a prepared array, from those of the golden one."""
    return 2 if preprocess.flatten else rank


def preprocess_digest(preprocess: Preprocess) -> str:
    """Hex sha256 over what is declared."""
    declared = to_json(preprocess)
    if not preprocess.flatten:
        # Recordings from before there was this step are of the same preprocessing.
        del declared["flatten"]
    return digest_of(declared)


def _transposed(array: Array, axes: tuple[int, ...]) -> Array:
    if axes[:1] != (0,) or sorted(axes) != list(range(array.ndim)):
        raise SuiteError(
            f"preprocess: transpose = {list(axes)} does not fit golden samples of"
            f" shape {array.shape}",
            hint="name each axis once, axis 0 (samples) first:"
            f" {list(range(array.ndim))} changes nothing",
        )
    return array.transpose(axes)


def _affine(array: Array, preprocess: Preprocess) -> Array:
    if array.dtype.kind == "U":
        raise SuiteError(
            "preprocess: scale and offset are declared for golden text",
            hint="declare preprocess = {} for the variant that takes text",
        )
    asked = preprocess.dtype
    wide = asked == "float64" or array.dtype == np.float64
    real = array.dtype if array.dtype.kind in "fc" else np.dtype(np.float32)
    kind = np.dtype(np.float64) if wide else real
    # Python scalars take the array's type; the one copy is ours to change.
    result = array.astype(kind)
    if preprocess.scale is not None:
        result *= kind.type(preprocess.scale)
    if preprocess.offset is not None:
        result += kind.type(preprocess.offset)
    return result


def _cast(array: Array, dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "iu" and array.dtype.kind == "f":
        limits = np.iinfo(dtype)
        array = np.clip(np.rint(array), limits.min, limits.max)
    return array.astype(dtype, copy=False)


def _dtype(name: str) -> np.dtype[Any]:
    try:
        return np.dtype(name)
    except TypeError as error:
        raise SuiteError(
            f"preprocess: there is no dtype {name!r}",
            hint="name a numpy dtype, such as float32, float16, uint8 or int8",
        ) from error
