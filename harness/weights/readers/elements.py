"""Bytes of stored tensors as numbers, for element types of every width."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.formats.malformed import Malformed
from harness.formats.numbers import as_floats, stored_dtype
from harness.weights.readers.byte_order import check_byte_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from harness.core.protocols import Array, FloatArray, IntArray

_NARROW = {f"{sign}int{bits}": bits for sign in ("", "u") for bits in range(1, 8)}


def n_bits(dtype: str) -> int:
    """Width of an element.

    Raises:
        Malformed: No reader knows the type.
    """
    if dtype in _NARROW:
        return _NARROW[dtype]
    stored = stored_dtype(dtype)
    if stored is None:
        raise Malformed(f"elements of type {dtype} are not read")
    return 8 * stored.itemsize


def n_bytes(dtype: str, shape: Sequence[int]) -> int:
    """Bytes that a tensor takes; narrow elements are packed without gaps.

    Raises:
        Malformed: No reader knows the type, or a length is negative.
    """
    if any(n < 0 for n in shape):
        raise Malformed(f"its shape is {list(shape)}")
    return -(-math.prod(shape) * n_bits(dtype) // 8)


def code_range(dtype: str) -> tuple[int, int]:
    """Smallest and largest value of an integer type."""
    bits = n_bits(dtype)
    if dtype.startswith("u"):
        return 0, (1 << bits) - 1
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def numbers(block: memoryview, dtype: str, shape: Sequence[int]) -> Array:
    """A tensor's numbers as stored: a view, and a copy of integers below a byte.

    Args:
        block: All bytes of the tensor, little-endian; of narrow elements the first is
            in the lowest bits.
        dtype: Name of the stored type.
        shape: Of the tensor.

    Returns:
        Of the type that `formats.numbers.stored_dtype` gives; int8 or uint8 for
        integers of less than a byte.

    Raises:
        Malformed: There are more or fewer bytes than the shape needs, the type is not
            known, or the numbers make sense in the other byte order only.
    """
    wanted = n_bytes(dtype, shape)
    if len(block) != wanted:
        raise Malformed(
            f"it has {len(block):,} bytes; its shape {list(shape)} of {dtype} takes"
            f" {wanted:,}"
        )
    if dtype in _NARROW:
        data = np.frombuffer(block, np.uint8)
        return _shaped(unpacked(data, dtype, math.prod(shape)), shape)
    stored = stored_dtype(dtype)
    assert stored is not None  # or its width would not be known
    # Protobuf aligns nothing; compiled code may need it.
    little = np.frombuffer(block, stored.newbyteorder("<"))
    values = np.require(little, requirements="A")
    check_byte_order(values)
    return _shaped(values, shape)


def floats(block: memoryview, dtype: str, shape: Sequence[int]) -> FloatArray:
    """A tensor's numbers as the floats that they mean; arguments as for `numbers`.

    Raises:
        Malformed: As for `numbers`.
    """
    stored = numbers(block, dtype, shape)
    return as_floats(stored, stored.dtype.name if dtype in _NARROW else dtype)


def _shaped(values: Array, shape: Sequence[int]) -> Array:
    try:
        return values.reshape(tuple(shape))
    except (ValueError, OverflowError) as error:
        raise Malformed(f"its shape is {list(shape)[:70]}: {error}") from error


def unpacked(
    data: NDArray[np.uint8], dtype: str, n: int, *, high_first: bool = False
) -> IntArray:
    """Integers of less than a byte, as int8 or uint8; shape (n,).

    Args:
        data: The bytes, at least as many as n elements take.
        dtype: "uint1" to "uint7", "int1" to "int7".
        n: Elements.
        high_first: Whether the first element is in a byte's highest bits.
    """
    bits = n_bits(dtype)
    if bits == 4:
        halves = (data >> 4, data & 15) if high_first else (data & 15, data >> 4)
        codes = np.stack(halves, axis=1).reshape(-1)[:n]
    else:
        order: Literal["big", "little"] = "big" if high_first else "little"
        digits = np.unpackbits(data, count=n * bits, bitorder=order).reshape(n, bits)
        places = np.arange(bits)[::-1] if high_first else np.arange(bits)
        codes = digits @ (1 << places).astype(np.uint8)
    if dtype.startswith("u"):
        return codes
    sign = np.uint8(1 << (bits - 1))
    return (codes ^ sign).view(np.int8) - np.int8(sign)
