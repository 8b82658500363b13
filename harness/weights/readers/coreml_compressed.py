"""Constants of a Core ML program, and operations that decompress them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.protocols import StoredCodes
from harness.formats.malformed import Malformed
from harness.formats.numbers import as_floats
from harness.weights.readers import elements
from harness.weights.readers.affine import dequantized, whole_numbers
from harness.weights.readers.coreml_values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.core.protocols import Array, FloatArray, IntArray
    from harness.weights.readers.coreml_graph import Graph, Operation


@dataclass(frozen=True, slots=True)
class Compressed:
    """The floats of a ``const`` or ``constexpr_`` operation."""

    operation: Operation
    graph: Graph

    @property
    def dtype(self) -> str:
        """Of the numbers that are stored."""
        parts = ("quantized_data", "data", "nonzero_data", "source_val")
        for name in parts:
            if value := self._value(name):
                return value.dtype
        table = self._value("lut")
        if table is None:
            return self.operation.dtype
        # Once, the codes of tables were packed into bytes of no type of their own.
        if len(table.shape) == 1:
            return f"uint{(table.shape[0] - 1).bit_length() or 1}"
        return self._part("indices").dtype

    def check(self) -> None:
        """See that all its parts are where they should be.

        Raises:
            Malformed: One is not, or the operation is not known.
        """
        kind = self.operation.type
        if kind not in self._readers:
            raise Malformed(f"what {kind} decompresses is not read")
        for name, value in self.operation.values.items():
            if name != "name" and value.dtype not in {"unknown", "str"}:
                value.check()
        for name in ("data", "indices", "lut", "scale", "offset"):
            if part := self._value(name):
                part.check()

    def floats(self) -> FloatArray:
        """In the shape of what the operation makes.

        Raises:
            Malformed: Parts are damaged or do not fit each other.
            OSError: A blob file cannot be read.
        """
        values = self._readers[self.operation.type]()
        if values.shape != self.operation.shape:
            raise Malformed(
                f"it has shape {list(values.shape)}, and makes one of shape"
                f" {list(self.operation.shape)}"
            )
        return values

    def stored_codes(self) -> StoredCodes | None:
        """How codes mean floats; None for floats, tables, and scales by group."""
        if self.operation.type == "constexpr_affine_dequantize":
            return self._affine()
        if self.operation.type == "constexpr_blockwise_shift_scale":
            return self._by_channel()
        return None

    @property
    def _readers(self) -> Mapping[str, Callable[[], FloatArray]]:
        return {
            "const": self._of_constant,
            "constexpr_affine_dequantize": self._of_affine,
            "constexpr_blockwise_shift_scale": self._of_blocks,
            "constexpr_cast": self._of_cast,
            "constexpr_lut_to_dense": self._of_table,
            "constexpr_sparse_to_dense": self._of_sparse,
        }

    def _value(self, name: str) -> Value | None:
        found = self.graph.parameter(self.operation, name)
        return (
            found
            if found is None or isinstance(found, Value)
            else found.values.get("val")
        )

    def _part(self, name: str) -> Value:
        value = self._value(name)
        if value is None:
            raise Malformed(f"its {name} is no constant")
        return value

    def _floats(self, name: str) -> FloatArray:
        value = self._part(name)
        stored = value.numbers()
        known = "float" in value.dtype
        # Floats that protobuf keeps are wider than their type.
        kind = value.dtype if known and stored.dtype.kind != "f" else stored.dtype.name
        return as_floats(stored, kind)

    def _affine(self) -> StoredCodes | None:
        data = self._part("quantized_data")
        axis = self.graph.integer(self.operation, "axis", 0)
        axis += len(data.shape) if axis < 0 else 0
        return self._codes(data, self._floats("scale"), self._zero("zero_point"), axis)

    def _by_channel(self) -> StoredCodes | None:
        data, scale = self._part("data"), self._floats("scale")
        long = [axis for axis, n in enumerate(scale.shape) if n > 1]
        if len(long) > 1 or scale.ndim != len(data.shape):
            return None
        axis = long[0] if long else 0
        if long and scale.shape[axis] != data.shape[axis]:
            return None
        return self._codes(data, scale, self._zero("offset"), axis)

    def _zero(self, name: str) -> FloatArray:
        return self._floats(name) if self._value(name) else np.zeros(1, np.float32)

    def _codes(
        self, data: Value, scale: FloatArray, zero: FloatArray, axis: int
    ) -> StoredCodes | None:
        scale, zero = scale.reshape(-1), zero.reshape(-1)
        n = max(scale.size, zero.size)
        if not 0 <= axis < len(data.shape) or n not in {1, data.shape[axis]}:
            raise Malformed(f"its {n} scales do not fit its shape {list(data.shape)}")
        if {scale.size, zero.size} - {1, n}:
            raise Malformed(f"it has {scale.size} scales and {zero.size} zero points")
        whole = whole_numbers(zero)
        if whole is None:
            return None
        low, high = elements.code_range(data.dtype)
        return StoredCodes(
            scale=np.broadcast_to(scale, (n,)),
            zero_point=np.broadcast_to(whole, (n,)),
            axis=axis if n > 1 else None,
            low=low,
            high=high,
            codes=data.numbers,
        )

    def _of_affine(self) -> FloatArray:
        stored = self._affine()
        if stored is None:
            raise Malformed("its zero points are no integers")
        return dequantized(stored)

    def _of_blocks(self) -> FloatArray:
        data = self._part("data")
        values = as_floats(data.numbers(), "float32")
        for name, apply in (("offset", np.subtract), ("scale", np.multiply)):
            if self._value(name):
                factor = _stretched(self._floats(name), data.shape)
                with np.errstate(over="ignore", invalid="ignore"):
                    apply(values, factor, out=values)
        return values

    def _of_table(self) -> FloatArray:
        table, indices = self._floats("lut"), self._part("indices")
        if table.ndim == 1:
            return self._of_packed_table(table, indices)
        if table.ndim != len(indices.shape) + 2 or table.shape[-1] != 1:
            raise Malformed("tables of vectors are not read")
        groups, n = table.shape[:-2], table.shape[-2]
        codes = _below(indices.numbers(), n)
        place = np.arange(math.prod(groups)).reshape(groups) * n
        values: FloatArray = table.reshape(-1)[_stretched(place, codes.shape) + codes]
        return values

    def _of_packed_table(self, table: FloatArray, indices: Value) -> FloatArray:
        shape = tuple(int(n) for n in self._part("shape").numbers().reshape(-1))
        count = math.prod(shape)
        data = indices.numbers().astype(np.uint8, copy=False).reshape(-1)
        if data.size != elements.n_bytes(self.dtype, shape):
            raise Malformed(
                f"it has {data.size:,} bytes of codes for {count:,} numbers"
            )
        codes: IntArray = data
        if elements.n_bits(self.dtype) < 8:
            codes = elements.unpacked(data, self.dtype, count)
        values: FloatArray = table[_below(codes, table.size)]
        return values.reshape(shape)

    def _of_cast(self) -> FloatArray:
        return self._floats("source_val")

    def _of_constant(self) -> FloatArray:
        return self._floats("val")

    def _of_sparse(self) -> FloatArray:
        values, mask = self._floats("nonzero_data"), self._part("mask")
        n = math.prod(self.operation.shape)
        bits = mask.numbers().reshape(-1)
        if mask.dtype == "uint8":
            bits = np.unpackbits(bits, bitorder="little")[:n]
        if bits.size != n or np.count_nonzero(bits) != values.size:
            raise Malformed(f"its mask does not fit its {values.size:,} numbers")
        whole = np.zeros(n, values.dtype)
        whole[bits != 0] = values.reshape(-1)
        return whole.reshape(self.operation.shape)


def _below(codes: Array, n: int) -> Array:
    if codes.size and int(codes.max()) >= n:
        raise Malformed(f"code {int(codes.max())} is beyond its table of {n}")
    return codes


def _stretched(parameter: Array, shape: tuple[int, ...]) -> Array:
    """One a group of elements, repeated along each axis; for blocks of equal length."""
    if parameter.ndim == 0:
        return parameter
    if parameter.ndim != len(shape):
        raise Malformed(f"{parameter.ndim} axes of scales for {len(shape)}")
    for axis, (n, length) in enumerate(zip(parameter.shape, shape, strict=True)):
        if not n or length % n:
            raise Malformed(f"{n} scales do not divide an axis of {length}")
        # What is alike along an axis numpy stretches by itself.
        if n > 1:
            parameter = np.repeat(parameter, length // n, axis)
    return parameter
