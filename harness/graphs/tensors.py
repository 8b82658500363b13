"""Arrays that know how far rounding may have moved them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray, IntArray
    from harness.graphs.model import Value

# A few units in the last place: what folding in another order may change.
_ROUNDING = {"float16": 2e-3, "bfloat16": 1.6e-2, "float64": 1e-12}
_FLOAT32_ROUNDING = 3e-6
_SMALLEST = {"float16": 6e-8}


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """An array with its uncertainty.

    Attributes:
        values: float64.
        slack: Largest rounding of an element; broadcastable to `values`.
    """

    values: FloatArray
    slack: FloatArray

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.values.size

    def times(self, other: Tensor) -> Tensor:
        """Elementwise product; first-order error."""
        slack = np.abs(self.values) * other.slack + self.slack * np.abs(other.values)
        return Tensor(self.values * other.values, slack)

    def plus(self, other: Tensor) -> Tensor:
        """Elementwise sum."""
        return Tensor(self.values + other.values, self.slack + other.slack)

    def reshaped(self, *shape: int) -> Tensor:
        """The same elements in another shape."""
        slack = np.broadcast_to(self.slack, self.values.shape)
        return Tensor(self.values.reshape(shape), slack.reshape(shape))

    def taken(self, order: IntArray, axis: int) -> Tensor:
        """Elements of one axis in another order."""
        slack = np.broadcast_to(self.slack, self.values.shape)
        return Tensor(self.values.take(order, axis), slack.take(order, axis))

    def matches(self, other: Tensor) -> bool:
        """Whether rounding alone explains the difference, everywhere."""
        return not self.differs(other).any()

    def differs(self, other: Tensor) -> FloatArray:
        """Elements, as bool, that rounding does not explain; NaN differs."""
        far = np.abs(self.values - other.values) <= self.slack + other.slack
        return np.asarray(~far)


def tensor_of(value: Value) -> Tensor:
    """A constant with the rounding of its type and of its quantization."""
    assert value.constant is not None
    values = np.asarray(value.constant, np.float64)
    dtype = str(value.constant.dtype)
    unit = _ROUNDING.get(dtype, _FLOAT32_ROUNDING)
    # float16 flushes below 6e-8; elsewhere that is far below anything that counts.
    slack = unit * np.abs(values) + _SMALLEST.get(dtype, 0.0)
    if value.half_step is not None:
        # 1 % on top: scales are themselves rounded, and ties go either way.
        slack = slack + 1.01 * np.asarray(value.half_step, np.float64)
    return Tensor(values, slack)


def exactly(values: FloatArray) -> Tensor:
    """An array without uncertainty."""
    return Tensor(np.asarray(values, np.float64), np.zeros(()))
