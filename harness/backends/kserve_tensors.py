"""Tensors of the Open Inference Protocol, as bytes and as descriptions."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from harness.backends.remote import EndpointError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.backends.remote import Interface
    from harness.core.protocols import Array, Arrays

# BF16 is left out: numpy has no such type.
DTYPES = {
    "BOOL": "bool",
    "BYTES": "str",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "INT8": "int8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "UINT8": "uint8",
}
DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()}
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is served: the parts of its URL.

    Attributes:
        server: All before ``/v2``.
        scheme: http, https, grpc or grpcs.
        host: With its port.
        prefix: Path before ``/v2``.
        model: Its name.
        version: As asked; None takes the server's choice.
    """

    server: str
    scheme: str
    host: str
    prefix: str | None
    model: str
    version: str | None


class Model(Protocol):
    """A served model, over one of the two transports."""

    def describe(self) -> Interface:
        """Ask the server for the model's tensors; raises EndpointError."""
        ...

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        """Infer one batch; raises EndpointError."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class VersionWatch:
    """Sees to it that one version of the model answers a whole run."""

    def __init__(self) -> None:
        self._first: str | None = None

    def __call__(self, version: object) -> None:
        """Take note of the version that an answer names, if it names one.

        Raises:
            EndpointError: An earlier answer named another.
        """
        if not isinstance(version, str) or not version:
            return
        if self._first not in (None, version):
            raise EndpointError(
                f"has gone from version {self._first!r} of the model to {version!r}",
                "run again, or name the version in the URL: /versions/...",
            )
        self._first = version


def spec_of(name: object, datatype: object, shape: Iterable[object]) -> TensorSpec:
    """A tensor as the server describes it; -1 is a free axis.

    Raises:
        EndpointError: It has no name, or a type that numpy does not have.
    """
    dtype = DTYPES.get(str(datatype))
    if not isinstance(name, str) or not name or dtype is None:
        raise EndpointError(
            f"describes a tensor {name!r} of type {datatype!r}",
            f"types that can be compared are {', '.join(DTYPES)}",
        )
    sizes = [size if isinstance(size, int) else -1 for size in shape]
    return TensorSpec(name, dtype, tuple(None if s < 0 else s for s in sizes))


def to_raw(array: Array) -> bytes:
    """Elements in row-major order, little-endian; text with its length before it."""
    if array.dtype.kind in "OSU":
        encoded = (_encoded(item) for item in array.ravel())
        return b"".join(_LENGTH.pack(len(item)) + item for item in encoded)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return little.tobytes()


def from_raw(data: bytes, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    """The array that such bytes hold; it owns its memory.

    Raises:
        EndpointError: There are more bytes, or fewer, than the shape takes.
    """
    if spec.dtype == "str":
        return shaped(np.array([*_texts(data, spec.name)], dtype=object), spec, shape)
    little = np.dtype(spec.dtype).newbyteorder("<")
    if len(data) != math.prod(shape) * little.itemsize:
        raise _uneven(spec, shape, f"{len(data)} bytes")
    return np.frombuffer(data, little).astype(spec.dtype).reshape(shape)


def shaped(flat: Array, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    """The elements in their shape.

    Raises:
        EndpointError: There are more, or fewer, than the shape takes.
    """
    if flat.size != math.prod(shape):
        raise _uneven(spec, shape, f"{flat.size} elements")
    return flat.reshape(shape)


def checked_shape(
    spec: TensorSpec, datatype: object, shape: Iterable[object]
) -> tuple[int, ...]:
    """The shape of an output as answered, when its type is the one described.

    Raises:
        EndpointError: The type is another, or the shape is none.
    """
    if DTYPES.get(str(datatype)) != spec.dtype:
        raise EndpointError(
            f"output {spec.name!r} is described as {DATATYPES[spec.dtype]}, answered as"
            f" {datatype}",
            "mend the model's configuration on the server",
        )
    sizes = [size for size in shape if isinstance(size, int) and size >= 0]
    if len(sizes) != len([*shape]):
        raise EndpointError(
            f"output {spec.name!r} has shape {shape}", "see the server's log"
        )
    return tuple(sizes)


def lacks(spec: TensorSpec) -> EndpointError:
    """The error for an answer without an output that was asked for."""
    return EndpointError(
        f"answers without output {spec.name!r}",
        "mend the model's configuration on the server",
    )


def _uneven(spec: TensorSpec, shape: tuple[int, ...], found: str) -> EndpointError:
    return EndpointError(
        f"output {spec.name!r}, {spec.dtype} of shape {shape}, comes with {found}",
        "see the server's log",
    )


def _encoded(item: object) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode()


def _texts(data: bytes, name: str) -> Iterator[str | bytes]:
    """Text where an element is UTF-8, bytes where it is not."""
    place = 0
    while place < len(data):
        start = place + _LENGTH.size
        if start > len(data):
            raise _cut(name)
        place = start + _LENGTH.unpack_from(data, place)[0]
        if place > len(data):
            raise _cut(name)
        item = data[start:place]
        try:
            yield item.decode()
        except UnicodeDecodeError:
            yield item


def _cut(name: str) -> EndpointError:
    return EndpointError(
        f"output {name!r}: an element is longer than the answer", "see the server's log"
    )
