"""Texts of runtimes that keep them as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import Array


def decoded(array: Any) -> Array:
    """An array as the harness knows it: byte strings become text.

    Bytes that are no UTF-8 are escaped, so that different ones stay different.

    Args:
        array: What a runtime gives: an array, or a byte string for a text scalar.
    """
    found: Array = np.asarray(array)
    if found.dtype.kind not in "OS":
        return found
    texts = [item.decode(errors="backslashreplace") for item in found.ravel().tolist()]
    return np.array(texts, dtype=object).reshape(found.shape)
