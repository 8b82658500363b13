"""Parameters of a Core ML layer: floats of either width, or codes and their meaning.

Field numbers are those of WeightParams in NeuralNetwork.proto.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.protocols import StoredCodes
from harness.formats.malformed import Malformed
from harness.weights.readers import elements
from harness.weights.readers.affine import spread, whole_numbers

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray, IntArray
    from harness.formats.wire import Message

_SINGLE, _HALF, _CODES, _SIGNED, _HOW = 1, 2, 30, 31, 40
_N_BITS, _LINEAR, _TABLE = 1, 101, 102


@dataclass(frozen=True, slots=True)
class Params:
    """One WeightParams message.

    Attributes:
        dtype: As stored: "float32", "float16", "int8", "uint1" to "uint8".
        shape: What it is read as.
        block: Its bytes.
        axis: Along which scales by channel run.
        scale: Of its codes; empty for floats and tables.
        bias: What is added to code times scale; empty for 0.
        table: What each code means; empty for floats and scales.
    """

    dtype: str
    shape: tuple[int, ...]
    block: memoryview
    axis: int
    scale: FloatArray
    bias: FloatArray
    table: FloatArray

    @classmethod
    def of(cls, message: Message, shape: tuple[int, ...], axis: int) -> Params | None:
        """The parameters of a message; None where it has none.

        Raises:
            Malformed: They are more or fewer than the shape takes, or their codes have
                no meaning.
        """
        dtype, block = _stored(message)
        if not len(block):
            return None
        wanted = elements.n_bytes(dtype, shape)
        if len(block) != wanted:
            raise Malformed(
                f"it has {len(block):,} bytes; its shape {list(shape)} of {dtype} takes"
                f" {wanted:,}"
            )
        how = message.message(_HOW)
        scale, bias = (_floats(how.message(_LINEAR), field) for field in (1, 2))
        table = _floats(how.message(_TABLE), 1)
        found = cls(dtype, shape, block, axis, scale, bias, table)
        if "int" in dtype:
            found._check()
        return found

    @staticmethod
    def length(message: Message) -> int:
        """How many elements a message holds, for layers that do not tell."""
        dtype, block = _stored(message)
        return len(block) * 8 // elements.n_bits(dtype)

    def floats(self) -> FloatArray:
        """The floats that are stored or meant.

        Raises:
            Malformed: A code is beyond its table.
        """
        if "float" in self.dtype:
            return elements.floats(self.block, self.dtype, self.shape)
        codes = self.codes()
        if self.table.size:
            return self.table[codes]
        # As coremltools does: rounded once.
        values: FloatArray = codes.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            values *= spread(self.scale, self.shape, self.axis)
            if self.bias.size:
                values += spread(self.bias, self.shape, self.axis)
            return values.astype(np.float32)

    def codes(self) -> IntArray:
        """The integers."""
        if elements.n_bits(self.dtype) == 8:
            return elements.numbers(self.block, self.dtype, self.shape)
        data = np.frombuffer(self.block, np.uint8)
        n = math.prod(self.shape)
        codes = elements.unpacked(data, self.dtype, n, high_first=True)
        return codes.reshape(self.shape)

    def stored_codes(self) -> StoredCodes | None:
        """How codes mean floats; None for tables, and for zeros between two codes."""
        if not self.scale.size:
            return None
        zero = np.zeros_like(self.scale)
        # A channel of zeros alone has no scale.
        if self.bias.size:
            with np.errstate(all="ignore"):
                np.divide(-self.bias, self.scale, out=zero, where=self.scale != 0)
        whole = whole_numbers(zero)
        if whole is None:
            return None
        low, high = elements.code_range(self.dtype)
        axis = None if self.scale.size == 1 else self.axis
        return StoredCodes(self.scale, whole, axis, low, high, self.codes)

    def _check(self) -> None:
        n_channels = self.shape[self.axis] if self.shape else 1
        if self.table.size:
            if self.table.size < 1 << elements.n_bits(self.dtype):
                raise Malformed(f"its table has {self.table.size} entries")
        elif self.scale.size not in {1, n_channels}:
            raise Malformed(
                f"it has {self.scale.size} scales for {n_channels} channels"
            )
        elif self.bias.size not in {0, self.scale.size}:
            raise Malformed(
                f"it has {self.scale.size} scales and {self.bias.size} biases"
            )


def _stored(message: Message) -> tuple[str, memoryview]:
    if message.has(_SINGLE):
        return "float32", _joined(message, _SINGLE)
    if message.has(_HALF):
        return "float16", _joined(message, _HALF)
    if message.has(_SIGNED):
        return "int8", _joined(message, _SIGNED)
    n_bits = message.message(_HOW).integer(_N_BITS, 8)
    if n_bits not in range(1, 9) and message.has(_CODES):
        raise Malformed(f"its codes have {n_bits} bits")
    return f"uint{n_bits}", _joined(message, _CODES)


def _joined(message: Message, field: int) -> memoryview:
    """A field's bytes; floats that are not packed are four each."""
    blocks = message.blocks(field)
    return blocks[0] if len(blocks) == 1 else memoryview(b"".join(blocks))


def _floats(message: Message, field: int) -> FloatArray:
    block = _joined(message, field)
    return np.frombuffer(block[: len(block) // 4 * 4], "<f4")
