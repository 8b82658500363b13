"""Types, shapes and tensors of TensorFlow's protobuf messages.

Field numbers are those of tensorflow/core/framework/{types,tensor_shape,tensor}.proto.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.formats.malformed import Malformed
from harness.formats.numbers import stored_dtype
from harness.formats.prototext import unescaped

if TYPE_CHECKING:
    from harness.core.protocols import Array
    from harness.formats.prototext import TextMessage
    from harness.formats.wire import Message

_DTYPES = {
    **dict(enumerate(("float32", "float64", "int32", "uint8", "int16", "int8"), 1)),
    **dict(enumerate(("str", "complex64", "int64", "bool", "qint8", "quint8"), 7)),
    **dict(enumerate(("qint32", "bfloat16", "qint16", "quint16", "uint16"), 13)),
    **dict(enumerate(("complex128", "float16", "resource", "variant"), 18)),
    **dict(enumerate(("uint32", "uint64", "float8_e5m2", "float8_e4m3fn"), 22)),
    **dict(enumerate(("int4", "uint4"), 29)),
}
_TEXT_NAMES = {
    "DOUBLE": "float64",
    "FLOAT": "float32",
    "HALF": "float16",
    "STRING": "str",
}
# Type -> where a TensorProto lists its numbers one by one, and their type there.
_LISTED = {
    **dict.fromkeys(("int8", "uint8", "int16", "uint16", "int32"), (7, "int_val")),
    **dict.fromkeys(("float16", "bfloat16"), (13, "half_val")),
    "float32": (5, "float_val"),
    "float64": (6, "double_val"),
    "int64": (10, "int64_val"),
    "bool": (11, "bool_val"),
    "uint32": (16, "uint32_val"),
    "uint64": (17, "uint64_val"),
}
_FLOATS = {"float32": "<f4", "float64": "<f8"}
_BITS = frozenset({"float16", "bfloat16"})
# Elements that a few listed numbers may stand for.
_MAX_REPEATED = 1 << 28
_MAX_ELEMENTS = 1 << 56
_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True, eq=False)
class TensorValue:
    """A TensorProto.

    Attributes:
        dtype: Name of its type; quantized types go by the integers they are.
        shape: Its lengths.
        content: Its numbers as little-endian bytes, where it has them so.
        listed: Its numbers one by one, else: fewer than the shape takes stand for
            more, as the last one is repeated. bfloat16 as its bits.
    """

    dtype: str
    shape: tuple[int, ...]
    content: bytes | memoryview
    listed: Array

    def numbers(self) -> Array:
        """Its numbers in its shape, as stored: a view where they can be.

        Raises:
            Malformed: They are more or fewer than the shape takes, or a few stand for
                more than 2^28; or its type has no numbers.
        """
        if not len(self.content):
            return self._repeated()
        stored = stored_dtype(self.dtype)
        n = math.prod(self.shape)
        if stored is None or len(self.content) != n * stored.itemsize:
            raise Malformed(
                f"it has {len(self.content):,} bytes; its shape {list(self.shape)} of"
                f" {self.dtype} takes another number"
            )
        values = np.frombuffer(self.content, stored.newbyteorder("<"))
        # Protobuf aligns nothing; compiled code may need it.
        return np.require(values, requirements="A").reshape(self.shape)

    def _repeated(self) -> Array:
        count, n = math.prod(self.shape), len(self.listed)
        if n > count:
            raise Malformed(f"its shape {list(self.shape)} has no room for {n:,}")
        if n == count:
            return self.listed.reshape(self.shape)
        if count > _MAX_REPEATED:
            raise Malformed(f"its shape {list(self.shape)} repeats {n:,} numbers")
        last = self.listed[-1:] if n else np.zeros(1, self.listed.dtype)
        if n <= 1:
            return np.broadcast_to(last, self.shape)
        padding = np.broadcast_to(last, count - n)
        return np.concatenate([self.listed, padding]).reshape(self.shape)


def dtype_of(number: int) -> str:
    """Name of a DataType; references (from 100) go by what they refer to."""
    return _DTYPES.get(number % 100, f"type {number}")


def dtype_named(text: str) -> str:
    """Name of a DataType as text form has it ("DT_FLOAT")."""
    name = text.removeprefix("DT_").removesuffix("_REF")
    return _TEXT_NAMES.get(name, name.lower() or "unknown")


def shape_of(message: Message) -> tuple[int | None, ...] | None:
    """Lengths of a TensorShapeProto; None where even the rank is unknown."""
    if message.integer(3):
        return None
    lengths = (dim.integer(1) for dim in message.messages(2))
    return tuple(None if length < 0 else length for length in lengths)


def fixed_shape(message: Message) -> tuple[int, ...]:
    """Lengths of a tensor that is there.

    Raises:
        Malformed: One is not known, or beyond all measure.
    """
    return _checked([-1 if n is None else n for n in shape_of(message) or ()])


def tensor_of(message: Message) -> TensorValue:
    """A TensorProto.

    Raises:
        Malformed: It is damaged.
    """
    dtype = dtype_of(message.integer(1)).removeprefix("q")
    content = (message.blocks(4) or [memoryview(b"")])[-1]
    return TensorValue(
        dtype, fixed_shape(message.message(2)), content, _listed(message, dtype)
    )


def tensor_of_text(message: TextMessage) -> TensorValue:
    """A TensorProto in text form.

    Raises:
        Malformed: It is damaged.
    """
    dtype = dtype_named(message.text("dtype")).removeprefix("q")
    dims = message.message("tensor_shape").messages("dim")
    shape = _checked([(*dim.integers("size"), 0)[0] for dim in dims])
    content = unescaped(message.text("tensor_content"))
    return TensorValue(dtype, shape, content, _listed_text(message, dtype))


def _checked(lengths: list[int]) -> tuple[int, ...]:
    if any(n < 0 for n in lengths) or math.prod(lengths) > _MAX_ELEMENTS:
        raise Malformed(f"a tensor has the shape {lengths}")
    return tuple(lengths)


def _listed(message: Message, dtype: str) -> Array:
    field = _LISTED.get(dtype, (0, ""))[0]
    if dtype in _FLOATS:
        data = b"".join(message.blocks(field))
        width = int(_FLOATS[dtype][-1])
        if len(data) % width:
            raise Malformed("the numbers of a tensor are cut short")
        return np.frombuffer(data, _FLOATS[dtype])
    return _whole(message.integers(field), dtype)


def _listed_text(message: TextMessage, dtype: str) -> Array:
    texts = message.texts(_LISTED.get(dtype, (0, ""))[1])
    try:
        if dtype in _FLOATS:
            return np.array([_real(text) for text in texts], _FLOATS[dtype])
        return _whole([_integer(text) for text in texts], dtype)
    except ValueError as error:
        raise Malformed(f"a tensor lists what is no number: {error}") from error


def real_of(text: str) -> float | None:
    """A float of the text form, where "1.5f" is one; None where it is none."""
    for form in (text, text.removesuffix("f").removesuffix("F")):
        try:
            return float(form)
        except ValueError:
            continue
    return None


def _real(text: str) -> float:
    found = real_of(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no float")
    return found


def _integer(text: str) -> int:
    return int(text == "true") if text in {"true", "false"} else int(text, 0)


def _whole(numbers: list[int], dtype: str) -> Array:
    stored = "uint16" if dtype in _BITS else dtype
    try:
        kind = np.dtype(stored if dtype in _LISTED else np.uint8)
        whole = np.array([n & _WORD for n in numbers], np.uint64).astype(kind)
    except (OverflowError, ValueError) as error:
        raise Malformed(f"a tensor lists a number out of range: {error}") from error
    return whole.view(np.float16) if dtype == "float16" else whole
