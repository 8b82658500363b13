"""Headers of numpy's array files; the arrays themselves are never unpickled."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from tokenize import TokenError
from typing import IO, TYPE_CHECKING, Any

from numpy.lib import format as npy

from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    import numpy as np

# The header is a Python literal: whatever can be wrong with one.
_DAMAGE = (MemoryError, RecursionError, SyntaxError, TokenError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Header:
    """What an array file says of its array.

    Attributes:
        shape: Its shape.
        dtype: In the file's byte order; object for what only a pickle can carry.
        fortran: Whether its first axis runs fastest.
        length: Bytes of the header; the numbers begin after it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    length: int


def read_header(stream: IO[bytes], name: str) -> Header:
    """The header at the start of a stream.

    Args:
        stream: It is left where the numbers begin.
        name: Of the array, for the message.

    Raises:
        Malformed: It is cut short or damaged.
    """
    start = stream.tell()
    try:
        with warnings.catch_warnings():
            # Numpy tells of headers that Python 2 wrote; they are as good.
            warnings.simplefilter("ignore")
            shape, fortran, dtype = _read(stream)
    except _DAMAGE as error:
        raise Malformed(f"the header of {name!r} cannot be read: {error}") from error
    return Header(shape, dtype, fortran, stream.tell() - start)


def _read(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    if npy.read_magic(stream) == (1, 0):
        return npy.read_array_header_1_0(stream)
    return npy.read_array_header_2_0(stream)
