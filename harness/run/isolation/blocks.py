"""Arrays in memory that two processes share.

The memory has no name. Each side holds a file descriptor of it, and the system frees it
with the last of them, however its holders end.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import tempfile
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.core.protocols import Array

_ALIGNED = 64  # a cache line, and the widest vector
_PLAIN = "biufcSU"
_TEXT = "text"


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an array lies in a block.

    Attributes:
        name: The array's.
        dtype: numpy's text of it; ``text`` for JSON text of an array of strings.
        shape: The array's.
        offset: Of its first byte.
        size: Bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


class Block:
    """Shared memory that grows.

    Args:
        fd: File descriptor, ours to close.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map: mmap.mmap | None = None

    @classmethod
    def create(cls) -> Block:
        """A new, empty block."""
        return cls(_unnamed_file())

    def grow(self, size: int) -> mmap.mmap:
        """The memory, of at least `size` bytes."""
        if os.fstat(self.fd).st_size < size:
            # Pages cost nothing until they are written to, growing again does.
            os.ftruncate(self.fd, 1 << (size - 1).bit_length())
        return self.reach(size)

    def reach(self, size: int) -> mmap.mmap:
        """The memory, as far as it goes.

        Raises:
            ValueError: That is less than `size` bytes.
        """
        if self._map is None or len(self._map) < size:
            if os.fstat(self.fd).st_size < size:
                raise ValueError(f"the shared memory ends before byte {size}")
            # A map that arrays still look at lives on until they are gone.
            self._map = mmap.mmap(self.fd, 0)
        return self._map

    def close(self) -> None:
        """Let go of the memory; a second call does nothing."""
        self._map = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def write_arrays(block: Block, arrays: Mapping[str, Any], what: str) -> list[Slot]:
    """Copy arrays into a block, over what was there.

    Args:
        block: Grown as needed.
        arrays: Name -> array.
        what: "input" or "output", for messages.

    Raises:
        InferenceError: One is no array, or of a dtype that another process cannot
            be handed.
    """
    plain = {name: _plain(name, value, what) for name, value in arrays.items()}
    slots, end = [], 0
    for name, (dtype, shape, array) in plain.items():
        slots.append(Slot(name, dtype, shape, end, array.nbytes))
        end += -(-array.nbytes // _ALIGNED) * _ALIGNED
    memory = block.grow(max(end, _ALIGNED))
    for slot, (_, _, array) in zip(slots, plain.values(), strict=True):
        np.ndarray(array.shape, array.dtype, memory, slot.offset)[...] = array
    return slots


def read_arrays(
    block: Block, slots: Iterable[Slot], *, owned: bool
) -> dict[str, Array]:
    """Arrays by name.

    Args:
        block: Where they lie.
        slots: As `write_arrays` told.
        owned: Whether they are copies; others change with the next write.

    Raises:
        ValueError: A slot is not what `write_arrays` tells.
    """
    return {slot.name: _read(block, slot, owned=owned) for slot in slots}


def _read(block: Block, slot: Slot, *, owned: bool) -> Array:
    if min(slot.offset, slot.size, *slot.shape, 0) < 0:
        raise ValueError(f"slot {slot.name!r} has a negative size")
    memory = block.reach(slot.offset + slot.size)
    if slot.dtype == _TEXT:
        text = bytes(memory[slot.offset : slot.offset + slot.size])
        return np.array(json.loads(text), object).reshape(slot.shape)
    dtype = np.dtype(slot.dtype)
    if dtype.hasobject or prod(slot.shape) * dtype.itemsize != slot.size:
        raise ValueError(f"slot {slot.name!r} is no array of {slot.dtype}")
    view: Array = np.ndarray(slot.shape, dtype, memory, slot.offset)
    return view.copy() if owned else view


def _plain(name: str, value: Any, what: str) -> tuple[str, tuple[int, ...], Array]:
    """Dtype and shape that are told of an array, and the array that is copied."""
    if not (hasattr(value, "dtype") and hasattr(value, "shape")):
        raise InferenceError(
            f"{what} {name!r} takes an array, got {type(value).__name__}",
            hint="feed numpy arrays, one a model input",
        )
    array = np.asarray(value)
    if array.dtype.kind == "O" and all(isinstance(item, str) for item in array.flat):
        text = json.dumps(array.ravel().tolist()).encode()
        return _TEXT, array.shape, np.frombuffer(text, np.uint8)
    if array.dtype.kind not in _PLAIN:
        raise InferenceError(
            f"{what} {name!r} is of dtype {array.dtype}, which cannot be handed from"
            " one process to another",
            hint='run this variant with isolation = "none"',
        )
    return array.dtype.str, array.shape, array


def _unnamed_file() -> int:
    if not sys.platform.startswith("linux"):
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    import fcntl

    fd = os.memfd_create("harness", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    # Memory that the other side cuts short would be our own bus error.
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return fd
