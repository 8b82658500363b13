"""Inputs and outputs of a LiteRT graph, and the numbers that their integers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends.texts import decoded
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.protocols import Array, FloatArray, IntArray

_INTEGERS = (np.int8, np.uint8, np.int16)


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """One input or output.

    Attributes:
        name: Of the signature's argument, else the tensor's own.
        index: In its graph.
        dtype: As the graph takes or gives it.
        shape: None where a dimension is free.
        scales: Of a quantized tensor, one or one a channel; else empty.
        zero_points: Likewise.
        axis: Of the channels.
    """

    name: str
    index: int
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]
    scales: FloatArray
    zero_points: IntArray
    axis: int

    @property
    def quantized(self) -> bool:
        """Whether its integers stand for other numbers."""
        return bool(len(self.scales)) and self.dtype in _INTEGERS

    @property
    def spec(self) -> TensorSpec:
        """As a session tells it: a quantized tensor as float32."""
        text = self.dtype.kind in "SO"
        dtype = "float32" if self.quantized else "str" if text else self.dtype.name
        return TensorSpec(self.name, dtype, self.shape)

    @property
    def rule(self) -> str:
        """What its integers mean, for the record."""
        if len(self.scales) > 1:
            ends = f"{self.scales.min():g} to {self.scales.max():g}"
            return f"{self.dtype.name}, a scale a channel of axis {self.axis}, {ends}"
        scale, zero_point = self.scales[0], self.zero_points[0]
        return f"{self.dtype.name}, scale {scale:g}, zero point {zero_point}"

    def to_graph(self, array: Array) -> Array:
        """Quantize floats, q = round(x / scale) + zero_point; let all else pass."""
        if array.dtype == self.dtype or not self.quantized:
            return array
        scaled = array / self._along_axis(self.scales, array.ndim)
        # Half away from zero, the runtime's rounding; numpy's is half to even.
        rounded = np.trunc(scaled)
        rounded += np.copysign(np.abs(scaled - rounded) >= 0.5, scaled)
        moved = rounded + self._along_axis(self.zero_points, array.ndim)
        limits = np.iinfo(self.dtype)
        clipped: Array = np.clip(moved, limits.min, limits.max)
        return clipped.astype(self.dtype)

    def from_graph(self, array: Array) -> Array:
        """Dequantize, (q - zero_point) * scale; texts as texts."""
        if not self.quantized:
            return decoded(array)
        moved = array.astype(np.int32) - self._along_axis(self.zero_points, array.ndim)
        return moved.astype(np.float32) * self._along_axis(self.scales, array.ndim)

    def _along_axis(self, values: Array, rank: int) -> Array:
        if len(values) == 1:
            # No axis at all, so that a scalar tensor stays a scalar.
            return values.reshape(())
        shape = [1] * rank
        shape[self.axis] = len(values)
        return values.reshape(shape)


def tensor_of(detail: Mapping[str, Any], name: str) -> Tensor:
    """A tensor from the interpreter's details of it.

    Args:
        detail: Of ``get_input_details`` or ``get_output_details``.
        name: That a session calls it by.
    """
    declared = detail["shape_signature"]
    shape = declared if len(declared) else detail["shape"]
    rule = detail["quantization_parameters"]
    return Tensor(
        name=name,
        index=detail["index"],
        dtype=np.dtype(detail["dtype"]),
        shape=tuple(None if size < 0 else int(size) for size in shape),
        scales=np.asarray(rule["scales"], np.float32),
        zero_points=np.asarray(rule["zero_points"], np.int32),
        axis=int(rule["quantized_dimension"]),
    )
