"""Values between numpy and onnxruntime: text, maps and bfloat16 besides plain tensors.

numpy has no bfloat16 of its own. The upper half of a float32 is one, so such inputs
take float32, rounded to the nearest even, and such outputs are told as float32, exact.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnxruntime import OrtValue

from harness.core.errors import InferenceError, ModelLoadError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.backends.onnx_declared import Declared
    from harness.core.protocols import Array, Arrays, FloatArray

    Read = Callable[[Any], Array]

# onnxruntime's element types whose numpy name is not the same word.
_DTYPES = {"float": "float32", "double": "float64", "string": "str"}
_TENSOR = re.compile(r"tensor\((\w+)\)")
_MAPS = re.compile(r"seq\(map\((?:string|int64),tensor\((\w+)\)\)\)")
_BFLOAT16 = "bfloat16"
_BFLOAT16_CODE = 16  # TensorProto.BFLOAT16


@dataclass(frozen=True, slots=True)
class Value:
    """One input or output of a model.

    Attributes:
        spec: As we tell it.
        element: onnxruntime's name of its element type.
        columns: Of a sequence of maps: the keys, in order; None before they are known.
        maps: Whether it is a sequence of maps.
    """

    spec: TensorSpec
    element: str
    columns: tuple[str | int, ...] | None = None
    maps: bool = False

    @property
    def facts(self) -> dict[str, str]:
        """What a reader should know of how it becomes an array."""
        if self.element == _BFLOAT16:
            return {"element": _BFLOAT16}
        if self.columns is None:
            return {}
        return {"columns": ", ".join(map(str, self.columns))}


def input_of(value: Any, declared: Declared, where: str) -> Value:
    """An input, from the runtime's word on it.

    Raises:
        ModelLoadError: It is no tensor, or one of numbers that numpy has not.
    """
    if found := _TENSOR.fullmatch(value.type):
        return _tensor(value, found[1], declared, where)
    raise ModelLoadError(
        f"{where}: input {value.name!r} is a {value.type}, and golden data holds"
        " tensors",
        hint="export the model with tensor inputs",
    )


def output_of(value: Any, declared: Declared, where: str) -> Value:
    """An output, likewise; a sequence of maps has a column a key.

    Raises:
        ModelLoadError: It is neither a tensor nor a sequence of maps to numbers.
    """
    if found := _TENSOR.fullmatch(value.type):
        return _tensor(value, found[1], declared, where)
    if found := _MAPS.fullmatch(value.type):
        columns = declared.columns.get(value.name)
        shape = (None, None if columns is None else len(columns))
        spec = TensorSpec(value.name, _DTYPES.get(found[1], found[1]), shape)
        return Value(spec, found[1], columns, maps=True)
    raise ModelLoadError(
        f"{where}: output {value.name!r} is a {value.type}, which is no array",
        hint="end the model with a tensor: ConcatFromSequence joins a sequence",
    )


def runner_of(
    session: Any, inputs: Sequence[Value], outputs: Sequence[Value]
) -> Callable[[dict[str, Array]], dict[str, Array]]:
    """What answers feeds with arrays that nobody else holds."""
    names = [value.spec.name for value in outputs]
    if any(value.element == _BFLOAT16 for value in (*inputs, *outputs)):
        return _Bfloat16Runner(session, inputs, outputs)
    run = session.run
    readers = {v.spec.name: read for v in outputs if (read := _reader(v)) is not None}

    def call(feeds: dict[str, Array]) -> dict[str, Array]:
        # Fresh memory at each run: the runtime hands its own over and keeps none.
        answer = dict(zip(names, run(names, feeds), strict=True))
        for name, read in readers.items():
            answer[name] = read(answer[name])
        return answer

    return call


def to_bfloat16(array: Array) -> Array:
    """float32 -> the bits of bfloat16 as uint16, rounded to the nearest even."""
    bits = np.asarray(array, np.float32, order="C").view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    # Rounding would carry a NaN's fraction into its sign.
    quiet = bits >> 16 | 0x40
    return np.where(np.isnan(array), quiet, rounded).astype(np.uint16)


def from_bfloat16(bits: Array) -> FloatArray:
    """The bits of bfloat16 as uint16 -> float32, exact."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


class _Bfloat16Runner:
    """Feeds and reads the runtime's own values: its arrays have no bfloat16."""

    def __init__(
        self, session: Any, inputs: Sequence[Value], outputs: Sequence[Value]
    ) -> None:
        self._session = session
        self._narrow = {v.spec.name for v in inputs if v.element == _BFLOAT16}
        self._outputs = outputs

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        given = {name: self._value(name, array) for name, array in feeds.items()}
        names = [value.spec.name for value in self._outputs]
        answer = self._session.run_with_ort_values(names, given)
        pairs = zip(self._outputs, answer, strict=True)
        return {value.spec.name: _read_value(value, found) for value, found in pairs}

    def _value(self, name: str, array: Array) -> OrtValue:
        if name not in self._narrow:
            return OrtValue.ortvalue_from_numpy(np.asarray(array, order="C"))
        bits = to_bfloat16(array)
        return OrtValue.ortvalue_from_numpy_with_onnx_type(bits, _BFLOAT16_CODE)


def _read_value(value: Value, found: OrtValue) -> Array:
    if value.element != _BFLOAT16:
        read = _reader(value)
        # The array is a view of memory that goes with the value.
        array = found.numpy().copy()
        return array if read is None else read(array)
    shape = tuple(found.shape())
    size = found.tensor_size_in_bytes()
    bits = np.frombuffer(ctypes.string_at(found.data_ptr(), size), np.uint16)
    return from_bfloat16(bits.reshape(shape))


def _tensor(value: Any, element: str, declared: Declared, where: str) -> Value:
    dtype = "float32" if element == _BFLOAT16 else _DTYPES.get(element, element)
    try:
        np.dtype(dtype)
    except TypeError as error:
        raise ModelLoadError(
            f"{where}: {value.name!r} is a {value.type}, and numpy has no {element}",
            hint="end the model with a Cast to float, and begin it with one from float",
        ) from error
    # An unknown rank and a scalar both read [].
    known = bool(value.shape) or value.name in declared.scalars
    shape = tuple(value.shape) if known else None
    return Value(TensorSpec(value.name, dtype, shape), element)


def _reader(value: Value) -> Read | None:
    if value.maps:
        return _Columns(value.spec, value.columns)
    # Objects cannot be written without pickling, nor lie in shared memory.
    return _read_text if value.spec.dtype == "str" else None


def _read_text(found: Any) -> Array:
    return np.asarray(found).astype(np.str_)


class _Columns:
    """A sequence of maps -> an array with a column a key."""

    def __init__(self, spec: TensorSpec, keys: tuple[str | int, ...] | None) -> None:
        self._spec = spec
        self._keys = keys

    def __call__(self, rows: Any) -> Array:
        if self._keys is None:
            self._keys = tuple(sorted(rows[0]))
        try:
            cells = [[row[key] for key in self._keys] for row in rows]
        except KeyError as error:
            raise InferenceError(
                f"output {self._spec.name!r}: a sample has no value for {error}",
                hint="export the model without ZipMap (skl2onnx: options="
                '{"zipmap": False})',
            ) from error
        return np.array(cells, self._spec.dtype).reshape(len(rows), len(self._keys))
