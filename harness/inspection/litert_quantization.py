"""How a LiteRT model is quantized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from harness.core.model_facts import Quantization

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from harness.core.model_facts import Granularity, QuantizationScheme
    from harness.core.protocols import TensorSpec
    from harness.formats.flat import Table

# Range of a type's numbers.
_RANGES = {
    "int4": (-8, 7),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
}


@dataclass(frozen=True, slots=True)
class Scales:
    """QuantizationParameters: a real number is scale x (stored - zero point).

    Attributes:
        scales: One, or one a channel; none where the tensor is not quantized.
        zero_points: As many.
    """

    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()

    @classmethod
    def of(cls, table: Table | None) -> Self:
        """Those of a table, none where there is no table."""
        if table is None:
            return cls()
        return cls(tuple(table.numbers(2, "f")), tuple(table.integers(3, "q")))

    def hint(self, spec: TensorSpec) -> str:
        """Which real numbers a quantized input or output can hold; or nothing."""
        ends = self.ends(spec)
        if ends is None:
            return ""
        scale, zero = self.scales[0], self._zero
        held = f"{ends[0]:.4g} to {ends[1]:.4g}"
        return f"{spec.name}: {held}, scale {scale:.6g}, zero point {zero}"

    def ends(self, spec: TensorSpec) -> tuple[float, float] | None:
        """The least and the largest of these; None where it is not quantized."""
        if len(self.scales) != 1 or spec.dtype not in _RANGES:
            return None
        low, high = (self.scales[0] * (end - self._zero) for end in _RANGES[spec.dtype])
        return low, high

    @property
    def _zero(self) -> int:
        return (*self.zero_points, 0)[0]


def quantization_of(
    constants: Iterable[tuple[TensorSpec, Scales]],
    ends: Iterable[str],
    operators: Container[str],
) -> Quantization:
    """Scheme and granularity.

    Args:
        constants: Tensors whose values the file holds.
        ends: dtypes of inputs and outputs.
        operators: Names of all that are used.
    """
    tensors = [(spec.dtype, len(scales.scales)) for spec, scales in constants]
    # Biases (int32) have scales too, which are products of others: not counted.
    counts = [n for dtype, n in tensors if n and dtype in _RANGES]
    scheme: QuantizationScheme = "dynamic"
    if not counts:
        half = any(dtype == "float16" for dtype, _ in tensors)
        scheme = "float16 weights" if half else "none"
    elif _is_whole(tensors) or set(ends) <= set(_RANGES) or "QUANTIZE" in operators:
        scheme = "full integer"
    elif "DEQUANTIZE" in operators:
        scheme = "weights only"
    return Quantization(scheme, _granularity(counts), len(counts))


def _is_whole(tensors: Iterable[tuple[str, int]]) -> bool:
    """Whether biases are quantized, as they are where activations are."""
    return any(n and dtype in {"int32", "int64"} for dtype, n in tensors)


def _granularity(n_scales: Sequence[int]) -> Granularity | None:
    if not n_scales:
        return None
    if min(n_scales) == 1 and max(n_scales) > 1:
        return "mixed"
    return "per channel" if max(n_scales) > 1 else "per tensor"
