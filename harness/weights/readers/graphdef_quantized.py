"""8-bit constants of a GraphDef and the ranges that they stand for.

Formulas: https://www.tensorflow.org/api_docs/python/tf/raw_ops/Dequantize and
tensorflow/core/kernels/quantization_utils.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.protocols import StoredCodes
from harness.formats.malformed import Malformed
from harness.weights.readers.affine import spread
from harness.weights.readers.elements import code_range
from harness.weights.readers.tensorflow_flow import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array, FloatArray
    from harness.formats.tensorflow_protos import TensorValue
    from harness.weights.readers.tensorflow_flow import Flow, Reader

# Operator and input -> inputs of the smallest and the largest value.
_RANGES = {
    ("Dequantize", 0): (1, 2),
    ("QuantizedBiasAdd", 1): (4, 5),
    ("QuantizedConv2D", 1): (4, 5),
    ("QuantizedDepthwiseConv2D", 1): (4, 5),
    ("QuantizedMatMul", 1): (4, 5),
}
_PASSING = frozenset({"Enter", "Identity", "Reshape"})
_CODES = frozenset({"int8", "uint8", "int16", "uint16", "int32"})
_NEAR = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Quantization:
    """How codes stand for floats: scale x code + offset.

    Attributes:
        scale: Shape (1,), or one an index of `axis`; float32.
        offset: Likewise: what the code 0 stands for.
        axis: None for one scale.
        ends: The constants that give the range.
        low: Smallest code.
        high: Largest.
    """

    scale: FloatArray
    offset: FloatArray
    axis: int | None
    ends: tuple[Value, Value]
    low: int
    high: int

    def codes(self, stored: Callable[[], Array]) -> StoredCodes | None:
        """The same with a zero point; None where no code stands for exactly 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            zero = -self.offset / self.scale
        whole = np.round(zero)
        if not np.all(np.abs(zero - whole) < _NEAR):
            return None
        points = whole.astype(np.int64)
        return StoredCodes(
            self.scale, points, self.axis, self.low, self.high, codes=stored
        )

    def floats(self, stored: Callable[[], Array]) -> FloatArray:
        """What the codes stand for, float32.

        Raises:
            Malformed: Range and codes do not fit each other.
        """
        values = stored().astype(np.float64)
        values *= spread(self.scale.astype(np.float64), values.shape, self.axis)
        values += spread(self.offset.astype(np.float64), values.shape, self.axis)
        return values.astype(np.float32)


def quantization_of(
    value: Value, tensor: TensorValue, flow: Flow
) -> Quantization | None:
    """How a constant of integers stands for floats; None where nothing says so.

    Raises:
        Malformed: Its range is damaged.
    """
    if tensor.dtype not in _CODES or not tensor.shape:
        return None
    for reader in _readers(value, flow):
        ends = _RANGES.get((reader.node.op, reader.index))
        if ends is None:
            continue
        low, high = (_constant(reader, at, flow) for at in ends)
        if low is not None and high is not None:
            return _made(reader, tensor.dtype, low, high)
    return None


def _readers(value: Value, flow: Flow) -> list[Reader]:
    waiting, found, seen = [value], [], {value}
    for at in waiting:
        for reader in flow.next_readers(*at):
            onward = Value(reader.body, reader.node.name)
            if reader.node.op not in _PASSING:
                found.append(reader)
            elif onward not in seen:
                seen.add(onward)
                waiting.append(onward)
    return found


def _constant(
    reader: Reader, index: int, flow: Flow
) -> tuple[Value, FloatArray] | None:
    node = flow.input_of(reader, index)
    if node is None or node.op != "Const":
        return None
    tensor = node.attributes.tensor("value")
    if tensor.dtype != "float32":
        return None
    ends = np.atleast_1d(tensor.numbers()).astype(np.float64)
    return Value(reader.body, node.name), ends


def _made(
    reader: Reader,
    dtype: str,
    low: tuple[Value, FloatArray],
    high: tuple[Value, FloatArray],
) -> Quantization:
    attributes = reader.node.attributes
    mode = "MIN_FIRST"
    axis = None
    if reader.node.op == "Dequantize":
        mode = attributes.text("mode") or "MIN_COMBINED"
        # Without the attribute, there is one range.
        axis = attributes.integer("axis") if low[1].size > 1 else None
    first, last = code_range(dtype)
    narrow = bool(attributes.integer("narrow_range"))
    if low[1].shape != high[1].shape:
        raise Malformed(f"the range of {reader.node.name!r} has ends of two shapes")
    scale, offset = _affine(mode, (first, last), low[1], high[1], narrow=narrow)
    ends = (low[0], high[0])
    kind = np.float32
    return Quantization(
        scale.astype(kind), offset.astype(kind), axis, ends, first, last
    )


def _affine(
    mode: str,
    codes: tuple[int, int],
    low: FloatArray,
    high: FloatArray,
    *,
    narrow: bool,
) -> tuple[FloatArray, FloatArray]:
    """Scale and offset of one of the three modes."""
    first, last = codes
    steps = last - first
    if mode == "SCALED":
        smallest = first + 1 if narrow and first else first
        scale = high / last
        if smallest:
            scale = np.maximum(low / smallest, scale)
        return scale, np.zeros_like(scale)
    scale = (high - low) / steps
    if mode == "MIN_COMBINED":
        # Signed codes are moved so that their middle is half of the range.
        shift = (steps + 1) / 2 if first else 0
        return scale, low + shift * scale
    rounded = np.where(scale > 0, np.round(low / np.where(scale > 0, scale, 1)), 0)
    offset = np.where(scale > 0, rounded * scale, low)
    return scale, offset - first * scale
