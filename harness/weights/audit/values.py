"""What a quantized model says of its values: the same records for every form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.core.protocols import FloatArray, WeightTensor


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedValue:
    """A value whose codes mean ``(code - zero_point) scale``.

    Attributes:
        key: The file's name of the tensor that holds the codes.
        name: Name of the float value that they stand for.
        node: Operator that gives or rounds it; None when unknown.
        dtype: Of the codes.
        scale: Shape (1,), or one a channel, float64; None where it is computed when
            the model runs.
        zero_point: Of the shape of `scale`.
        low: Smallest code.
        high: Largest code.
        made_by: Operator that computes its numbers, seen through those that only move
            them; None for inputs of the model and constants.
        is_constant: Whether its codes lie in the file.
        weight: The same as a weight, with its codes; None where it is none.
    """

    key: str
    name: str
    node: str | None
    dtype: str
    scale: FloatArray | None
    zero_point: FloatArray
    low: int
    high: int
    made_by: str | None = None
    is_constant: bool = False
    weight: WeightTensor | None = None

    @property
    def is_signed(self) -> bool:
        """Whether codes below zero exist."""
        return self.low < 0

    @property
    def is_sound(self) -> bool:
        """Whether its scales are known, finite and not below 0."""
        scale = self.scale
        return scale is not None and bool(np.all(np.isfinite(scale) & (scale >= 0)))

    @property
    def bottom(self) -> float:
        """Smallest number that its codes mean; of the widest channel."""
        return float(np.min((self.low - self.zero_point) * self._scale))

    @property
    def top(self) -> float:
        """Largest number that its codes mean; of the widest channel."""
        return float(np.max((self.high - self.zero_point) * self._scale))

    @property
    def _scale(self) -> FloatArray:
        assert self.scale is not None  # callers ask of static values alone
        return self.scale


@dataclass(frozen=True, slots=True)
class QuantizedOperator:
    """An operator and the quantized values around it, by their keys.

    Attributes:
        node: The file's name of it.
        op_type: Its operator, in its form's own word.
        inputs: Keys of what it reads; None where that is not quantized.
        outputs: Likewise of what it gives.
        on_codes: Whether it computes with codes itself, not with the floats that
            they mean.
        kernel: Which input is a product's weight; None where there is none.
        bias: Which input is added in the product's own scale.
    """

    node: str
    op_type: str
    inputs: tuple[str | None, ...]
    outputs: tuple[str | None, ...]
    on_codes: bool
    kernel: int | None = None
    bias: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """Codes that are written with one scale and read with another.

    Attributes:
        key: The tensor.
        nodes: Both operators.
        scales: What both say, of the channel that differs most.
        zero_points: Likewise.
    """

    key: str
    nodes: tuple[str, str]
    scales: tuple[float, float]
    zero_points: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedModel:
    """All quantized values of a model.

    Attributes:
        form: As detection names it.
        values: Key -> value, in the file's order.
        operators: Those around which a value is quantized, in the file's order.
        disagreements: Values that operators understand in two ways.
    """

    form: str
    values: Mapping[str, QuantizedValue]
    operators: tuple[QuantizedOperator, ...]
    disagreements: tuple[Disagreement, ...] = field(default=())

    def value(self, key: str | None) -> QuantizedValue | None:
        """The value of a key; None where there is none."""
        return None if key is None else self.values.get(key)

    @property
    def activations(self) -> Iterator[QuantizedValue]:
        """Values that are computed, with a sound scale that the file states."""
        for value in self.values.values():
            if not value.is_constant and value.is_sound:
                yield value

    @property
    def weights(self) -> Iterator[QuantizedValue]:
        """Constants whose codes can be read."""
        for value in self.values.values():
            if value.weight is not None and value.weight.codes is not None:
                yield value


def value_of_weight(tensor: WeightTensor, key: str | None = None) -> QuantizedValue:
    """A quantized constant; `tensor.codes` must be there."""
    codes = tensor.codes
    assert codes is not None
    return QuantizedValue(
        key=key or tensor.name,
        name=tensor.name,
        node=tensor.node,
        dtype=tensor.dtype,
        scale=np.asarray(codes.scale, np.float64).reshape(-1),
        zero_point=np.asarray(codes.zero_point, np.float64).reshape(-1),
        low=codes.low,
        high=codes.high,
        is_constant=True,
        weight=tensor,
    )
