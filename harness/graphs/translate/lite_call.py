"""One operator of a LiteRT model while it is translated: its operands and options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import UnsupportedFormatError
from harness.graphs.translate.words import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.protocols import Array
    from harness.graphs.translate.emitter import Emitter
    from harness.graphs.translate.lite_model import LiteOperator, LiteTensor

_FUSED = {
    0: "linear",
    1: "relu",
    2: "relu_n1_to_1",
    3: "relu6",
    4: "tanh",
}
# Integers that ONNX quantizes to at the opset that is written.
_CODES = frozenset({"int8", "uint8"})
_KEPT = _CODES | {"int32"}


class Values:
    """Values of a graph by the indices of their tensors, as stored and as floats.

    Args:
        e: Where nodes go.
        tensors: Of the graph.
    """

    def __init__(self, e: Emitter, tensors: Sequence[LiteTensor]) -> None:
        self.e = e
        self.tensors = tensors
        self._stored: dict[int, str] = {}
        self._floats: dict[int, str] = {}

    def put(self, index: int, stored: str) -> None:
        """A value as the file would store it."""
        self._stored[index] = stored

    def put_floats(self, index: int, floats: str) -> None:
        """A value as its operator computes it: quantized where the tensor is."""
        tensor = self.tensors[index]
        if tensor.scales is None or tensor.dtype not in _CODES:
            self._stored[index] = floats
            return
        self._stored[index] = self.e.emit(
            "QuantizeLinear", floats, *self._rule(tensor), **_along(tensor, None)
        )

    def stored(self, index: int) -> str:
        """Name of a value as the file stores it."""
        if index not in self._stored:
            tensor = self.tensors[index]
            if tensor.content is None:
                # A variable before anything was written to it.
                content: Array = np.zeros(tensor.shape, tensor.dtype)
            else:
                content = tensor.content
            self._stored[index] = self.e.constant(content, tensor.name)
        return self._stored[index]

    def floats(self, index: int) -> str:
        """Name of a value as the floats that it means; what is no code as it is."""
        tensor = self.tensors[index]
        if not is_coded(tensor):
            return self.stored(index)
        if index not in self._floats:
            self._floats[index] = self._dequantized(tensor, self.stored(index), None)
        return self._floats[index]

    def weights(self, index: int, perm: Sequence[int]) -> str:
        """A tensor with its axes in another order, as floats."""
        tensor = self.tensors[index]
        if tensor.content is None:
            return self.e.emit("Transpose", self.floats(index), perm=list(perm))
        moved = self.e.constant(tensor.content.transpose(perm), tensor.name)
        return self._dequantized(tensor, moved, perm) if is_coded(tensor) else moved

    def _dequantized(
        self, tensor: LiteTensor, codes: str, perm: Sequence[int] | None
    ) -> str:
        rule = self._rule(tensor)
        return self.e.emit("DequantizeLinear", codes, *rule, **_along(tensor, perm))

    def _rule(self, tensor: LiteTensor) -> tuple[str, ...]:
        scales = tensor.scales
        assert scales is not None  # the caller looked
        scale: Array = scales.scale
        point: Array = scales.zero_point.astype(tensor.dtype)
        if scale.size == 1:
            scale, point = scale.reshape(()), point.reshape(())
        known = self.e.constant(scale, "scale")
        # ONNX has no zero point for int32.
        more = () if tensor.dtype == "int32" else (self.e.constant(point, "zero"),)
        return (known, *more)


def is_coded(tensor: LiteTensor) -> bool:
    """Whether its integers stand for floats."""
    return tensor.scales is not None and tensor.dtype in _KEPT


def _along(tensor: LiteTensor, perm: Sequence[int] | None) -> dict[str, int]:
    scales = tensor.scales
    if scales is None or scales.scale.size == 1:
        return {}
    return {"axis": list(perm).index(scales.axis) if perm else scales.axis}


@dataclass(frozen=True, slots=True)
class Call:
    """An operator, and the values of its graph.

    Attributes:
        operator: It.
        values: What was computed before.
    """

    operator: LiteOperator
    values: Values

    @property
    def e(self) -> Emitter:
        """Where nodes go."""
        return self.values.e

    @property
    def n_inputs(self) -> int:
        """Inputs, those that are left out too."""
        return len(self.operator.inputs)

    def has(self, at: int) -> bool:
        """Whether there is an input at this place."""
        return at < self.n_inputs and self.operator.inputs[at] >= 0

    def tensor(self, at: int) -> LiteTensor:
        """What the file says of an input."""
        return self.values.tensors[self.operator.inputs[at]]

    def output(self, at: int = 0) -> LiteTensor:
        """What the file says of an output."""
        return self.values.tensors[self.operator.outputs[at]]

    def rank(self, at: int = 0) -> int:
        """Axes of an input."""
        return len(self.tensor(at).shape)

    def floats(self, at: int = 0) -> str:
        """An input as the floats that it means; nothing where it is left out."""
        return self.values.floats(self.operator.inputs[at]) if self.has(at) else ""

    def stored(self, at: int = 0) -> str:
        """An input as the file stores it."""
        return self.values.stored(self.operator.inputs[at])

    def weights(self, at: int, perm: Sequence[int]) -> str:
        """An input with its axes in another order, as floats."""
        return self.values.weights(self.operator.inputs[at], perm)

    def content(self, at: int) -> Array:
        """An input that must be fixed in the file.

        Raises:
            UnsupportedFormatError: It is computed.
        """
        content = self.tensor(at).content
        if content is None:
            raise self.refused(f"input {at} is computed")
        return content

    def numbers(self, at: int) -> tuple[int, ...]:
        """Whole numbers that must be fixed in the file, as one list."""
        return tuple(int(n) for n in self.content(at).reshape(-1))

    def integer(self, slot: int, code: str = "b", default: int = 0) -> int:
        """A whole number of the options."""
        options = self.operator.options
        return options.integer(slot, code, default) if options else default

    def number(self, slot: int, default: float = 0.0) -> float:
        """A float of the options."""
        options = self.operator.options
        return float(options.number(slot, "f", default)) if options else default

    def integers(self, slot: int) -> tuple[int, ...]:
        """Whole numbers of the options."""
        options = self.operator.options
        return tuple(options.integers(slot, "i")) if options else ()

    def activated(self, x: str, slot: int) -> str:
        """`x` behind the activation that the options fuse."""
        number = self.integer(slot)
        if number not in _FUSED:
            raise self.refused(f"it fuses the activation {number}")
        return ACTIVATIONS[_FUSED[number]](self.e, x)

    def longs(self, at: int) -> str:
        """Whole numbers as int64, which ONNX has its shapes in."""
        tensor = self.tensor(at)
        if tensor.content is not None:
            return self.e.constant(tensor.content.astype(np.int64), tensor.name)
        return self.e.emit("Cast", self.stored(at), to=7)

    def refused(self, why: str) -> UnsupportedFormatError:
        """What is raised where this one cannot be translated."""
        return UnsupportedFormatError(
            f"{self.operator.kind} {self.output().name!r} is not translated: {why}",
            hint="its graph is left out of the diagnosis; its answers are compared",
        )
