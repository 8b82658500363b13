"""One layer of an OpenVINO model while it is translated: operands and attributes.

OpenVINO's CPU kernels compute floats of every width in float32 (the precision that a
session asks for), so half and double precision are float32 in the translation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from harness.core.errors import UnsupportedFormatError
from harness.formats.openvino_xml import dtype_name
from harness.graphs.translate.openvino_codes import dequantized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.protocols import Array
    from harness.formats.openvino_xml import Layer
    from harness.graphs.translate.emitter import Emitter
    from harness.graphs.translate.openvino_codes import Codes

_WIDENED = frozenset({"bfloat16", "float16", "float64"})
_KNOWN = frozenset(
    {
        *("bool", "float32", "int8", "int16", "int32", "int64"),
        *("uint8", "uint16", "uint32", "uint64"),
    }
)
_HINT = "its graph is left out of the diagnosis; its answers are compared"


@dataclass(slots=True, eq=False)
class IrValue:
    """A value: fixed in the file, or computed.

    Attributes:
        lengths: Its shape, None where it is free.
        dtype: numpy's name of what is computed with.
        known: Its name in ONNX; empty where it is fixed and was not written yet.
        content: What the file fixes it to.
        label: What the file calls it.
        codes: The integers that `content` was made of.
        half: Whether the file stores it in 16 bits.
    """

    lengths: tuple[int | None, ...]
    dtype: str
    known: str = ""
    content: Array | None = None
    label: str = ""
    codes: Codes | None = None
    half: bool = False

    def name(self, e: Emitter) -> str:
        """Its name in ONNX; a fixed value is written when somebody reads it."""
        if not self.known and self.content is not None:
            coded = dequantized(e, self.codes, self.label)
            self.known = coded or self._written(e, self.content)
        return self.known

    def _written(self, e: Emitter, content: Array) -> str:
        label = self.label or "constant"
        if self.half and content.dtype == np.float32:
            return e.emit("Cast", e.constant(content.astype(np.float16), label), to=1)
        return e.constant(content, label)


def computed_in(precision: str) -> str:
    """The numpy name of the type that stands for an element type."""
    name = dtype_name(precision)
    return "float32" if name in _WIDENED else name


@dataclass(frozen=True, slots=True, eq=False)
class IrCall:
    """A layer, and what it reads.

    Attributes:
        e: Where nodes go.
        layer: It.
        operands: What it reads, in order; None where an input is left out.
    """

    e: Emitter
    layer: Layer
    operands: Sequence[IrValue | None]

    @property
    def x(self) -> str:
        """Name of the first operand."""
        return self.name(0)

    @property
    def names(self) -> list[str]:
        """Names of all operands."""
        return [self.name(at) for at in range(len(self.operands))]

    @property
    def version(self) -> int:
        """Number of the operator set."""
        digits = self.layer.version.removeprefix("opset")
        return int(digits) if digits.isdecimal() else 1

    def has(self, at: int) -> bool:
        """Whether an input is given."""
        return at < len(self.operands) and self.operands[at] is not None

    def operand(self, at: int = 0) -> IrValue:
        """An input.

        Raises:
            UnsupportedFormatError: It is left out.
        """
        found = self.operands[at] if at < len(self.operands) else None
        if found is None:
            raise self.refused(f"it has no input {at}")
        return found

    def name(self, at: int = 0) -> str:
        """Name of an input."""
        return self.operand(at).name(self.e)

    def lengths(self, at: int = 0) -> tuple[int | None, ...]:
        """Shape of an input, None where a length is free."""
        return self.operand(at).lengths

    def rank(self, at: int = 0) -> int:
        """Number of axes of an input."""
        return len(self.lengths(at))

    def fixed(self, at: int, axes: slice) -> tuple[int, ...]:
        """Lengths of some axes, which must be fixed in the file.

        Raises:
            UnsupportedFormatError: One is free.
        """
        known = [n for n in self.lengths(at)[axes] if n is not None]
        if len(known) < len(self.lengths(at)[axes]):
            raise self.refused(f"lengths of its input {at} are free")
        return tuple(known)

    def content(self, at: int) -> Array:
        """An input that must be fixed in the file.

        Raises:
            UnsupportedFormatError: It is computed.
        """
        content = self.operand(at).content
        if content is None:
            raise self.refused(f"input {at} is computed")
        return content

    def numbers(self, at: int) -> tuple[int, ...]:
        """Whole numbers that must be fixed in the file, as one list."""
        return tuple(int(n) for n in self.content(at).reshape(-1))

    def axes(self, at: int) -> tuple[int, ...]:
        """Axes of the first input that are fixed in the file, from 0 on, in order."""
        rank = self.rank()
        return tuple(sorted({n + rank if n < 0 else n for n in self.numbers(at)}))

    def longs(self, at: int) -> str:
        """Whole numbers as a list of int64, which ONNX has its shapes in."""
        operand = self.operand(at)
        if operand.content is not None:
            return self.e.ints(self.numbers(at))
        whole = operand.name(self.e)
        if operand.dtype != "int64":
            whole = self.e.emit("Cast", whole, to=7)
        if operand.lengths:
            return whole
        return self.e.emit("Reshape", whole, self.e.ints([-1]))

    def moved(self, at: int, content: Array) -> str:
        """Name of a fixed input whose numbers lie in another order or shape."""
        operand = self.operand(at)
        other = replace(operand, known="", content=content, codes=None)
        return other.name(self.e)

    def text(self, key: str, default: str = "") -> str:
        """An attribute."""
        return self.layer.data.get(key, default).strip()

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A truth."""
        return self.text(key, str(default)).casefold() in {"true", "1"}

    def integer(self, key: str, default: int = 0) -> int:
        """A whole number."""
        return int(self.text(key, str(default)) or default)

    def real(self, key: str, default: float = 0.0) -> float:
        """A float."""
        return float(self.text(key, str(default)) or default)

    def integers(self, key: str) -> tuple[int, ...]:
        """Whole numbers, as a list."""
        return tuple(int(part) for part in self.text(key).split(",") if part.strip())

    def number(self, value: float, at: int = 0) -> str:
        """A constant without axes, of the type of an input."""
        return self.e.constant(np.array(value, self.operand(at).dtype), f"{value:g}")

    def cast(self, x: str, at: int = 0) -> str:
        """`x` in the type that the file gives an output."""
        dtype = computed_in(self.layer.outputs[at].precision)
        if dtype not in _KNOWN:
            raise self.refused(f"its output is of type {dtype}")
        to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.e.emit("Cast", x, to=to)

    def refused(self, why: str) -> UnsupportedFormatError:
        """What is raised where this one cannot be translated."""
        return UnsupportedFormatError(
            f"{self.layer.type} {self.layer.name!r} is not translated: {why}",
            hint=_HINT,
        )
