"""Numbers as files store them, and the floats that they mean.

bfloat16 is the upper half of a float32; the 8-bit types are those of
https://arxiv.org/abs/2209.05433 and of the OCP Microscaling specification.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, FloatArray

# Exponent bits, mantissa bits, bias.
_NARROW = {
    "float8_e4m3fn": (4, 3, 7),
    "float8_e4m3fnuz": (4, 3, 8),
    "float8_e5m2": (5, 2, 15),
    "float8_e5m2fnuz": (5, 2, 16),
}
_SCALES = "float8_e8m0fnu"
_PLAIN = frozenset(
    {
        *("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64"),
        *("uint8", "uint16", "uint32", "uint64"),
    }
)


def stored_dtype(name: str) -> np.dtype[Any] | None:
    """The numpy type that a number of this name is stored in.

    Args:
        name: Such as "float32", "bfloat16" or "float8_e4m3fn".

    Returns:
        Unsigned integers for floats that numpy does not have; None for complex
        numbers and for names that are not known.
    """
    if name in _PLAIN:
        return np.dtype(name)
    if name == "bfloat16":
        return np.dtype(np.uint16)
    return np.dtype(np.uint8) if name in _NARROW or name == _SCALES else None


def is_float(name: str) -> bool:
    """Whether numbers of this name are floats of any width."""
    return "float" in name


def as_floats(stored: Array, name: str) -> FloatArray:
    """The floats that stored numbers mean; every number keeps its value.

    Args:
        stored: Of the type that `stored_dtype` gives, in any byte order.
        name: What they are.

    Returns:
        float64 for it and for integers of 32 bits and more (above 2**53 they are
        rounded), float32 for all else. Native floats are not copied.
    """
    if name == "bfloat16":
        return (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if name in _NARROW or name == _SCALES:
        return _meanings(name)[stored]
    wide = np.dtype(name) == np.float64 or name.lstrip("u") in {"int32", "int64"}
    # Widening a signalling NaN is "invalid".
    with np.errstate(invalid="ignore"):
        return stored.astype(np.float64 if wide else np.float32, copy=False)


@cache
def _meanings(name: str) -> NDArray[np.float32]:
    """What each of the 256 codes means."""
    codes = np.arange(256)
    if name == _SCALES:
        powers = np.ldexp(1.0, codes - 127)
        return np.where(codes == 255, np.nan, powers).astype(np.float32)
    e_bits, m_bits, bias = _NARROW[name]
    exponent, mantissa = (codes >> m_bits) % (1 << e_bits), codes % (1 << m_bits)
    significand = mantissa / (1 << m_bits) + (exponent > 0)
    values = np.ldexp(significand, np.maximum(exponent, 1) - bias)
    values = np.where(codes >= 128, -values, values)
    return _with_exceptions(name, codes, values).astype(np.float32)


def _with_exceptions(
    name: str, codes: NDArray[np.intp], values: FloatArray
) -> FloatArray:
    """NaN and infinity, which each type puts at other codes."""
    if name.endswith("fnuz"):
        return np.where(codes == 0x80, np.nan, values)
    magnitude = codes & 0x7F
    if name == "float8_e4m3fn":
        return np.where(magnitude == 0x7F, np.nan, values)
    infinite = np.where(codes >= 128, -np.inf, np.inf)
    values = np.where(magnitude == 0x7C, infinite, values)
    return np.where(magnitude > 0x7C, np.nan, values)
