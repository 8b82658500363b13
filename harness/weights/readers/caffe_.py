"""Weights of a Caffe network, from its ``.caffemodel``.

Fields are those of caffe/proto/caffe.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.core.protocols import WeightTensor
from harness.formats.beside import beside
from harness.formats.malformed import Malformed
from harness.formats.wire import Message, mapped
from harness.weights.readers import elements
from harness.weights.readers.caffe_blobs import VERSION_ONE, VERSION_TWO, Part, parts_of
from harness.weights.readers.faults import loader, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.core.protocols import FloatArray
    from harness.weights.readers.caffe_blobs import Version

_TITLE = "Caffe model"
# BlobProto: the old lengths, the shape, and numbers of either width.
_OLD_LENGTHS, _SHAPE, _SINGLE, _DOUBLE = (1, 2, 3, 4), 7, 5, 8


def read_network(path: Path) -> Iterator[WeightTensor]:
    """Weights of the ``.caffemodel`` beside a ``.prototxt``.

    Raises:
        ModelLoadError: There is none, or it is cut short or damaged.
    """
    return read_weights(beside(path, ".caffemodel", "the file of its weights"))


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """The blobs of all layers, named by the layer and what they are to it.

    Caffe keeps the mean and variance of a BatchNorm layer as sums, and the factor that
    they must be divided by as a third blob: "bn.running_mean" and "bn.running_variance"
    are divided as Caffe divides them, and the factor is listed with the role "scale".

    Raises:
        ModelLoadError: The file is missing, cut short or damaged, or a blob has more or
            fewer numbers than its shape.
    """
    with reading(path, _TITLE), mapped(path) as data:
        network = Message(data)
        layers = [
            (version, layer)
            for version in (VERSION_TWO, VERSION_ONE)
            for layer in network.messages(version.layers)
        ]
        if not layers:
            raise Malformed("it has no layers")
        found = [t for version, layer in layers for t in _layer(path, version, layer)]
    return iter(found)


@dataclass(frozen=True, slots=True)
class _Blob:
    """One blob: its shape, and its numbers where they lie in the file."""

    shape: tuple[int, ...]
    dtype: str
    blocks: Sequence[memoryview]

    def load(self) -> FloatArray:
        """The numbers, in the blob's shape.

        Raises:
            Malformed: They are in the wrong byte order.
        """
        # Numbers that are not packed are a block each.
        whole = len(self.blocks) == 1
        block = self.blocks[0] if whole else memoryview(b"".join(self.blocks))
        return elements.floats(block, self.dtype, self.shape)


def _blob(message: Message) -> _Blob:
    field, dtype = (
        (_DOUBLE, "float64") if message.has(_DOUBLE) else (_SINGLE, "float32")
    )
    if message.has(_SHAPE):
        shape = message.message(_SHAPE).integers(1)
    elif any(map(message.has, _OLD_LENGTHS)):
        # Four lengths always: vectors and matrices are filled up with ones in front.
        shape = [message.integer(number, 1) for number in _OLD_LENGTHS]
    else:
        shape = []
    blocks = message.blocks(field)
    held, wanted = sum(map(len, blocks)), elements.n_bytes(dtype, shape)
    if held != wanted:
        raise Malformed(
            f"it has {held:,} bytes; its shape {shape} of {dtype} takes {wanted:,}"
        )
    return _Blob(tuple(shape), dtype, blocks)


def _layer(path: Path, version: Version, layer: Message) -> Iterator[WeightTensor]:
    name = layer.text(version.name)
    blobs = []
    for index, message in enumerate(layer.messages(version.blobs)):
        blobs.append(loader(path, f"{name}.{index}", partial(_blob, message))())
    kind = version.kind(layer)
    parts = parts_of(kind, [blob.shape for blob in blobs], version, layer)
    for blob, part in zip(blobs, parts, strict=True):
        if 0 in part.shape:
            continue
        read = partial(_read, blob, part, blobs)
        full_name = f"{name}.{part.name}"
        yield WeightTensor(
            name=full_name,
            shape=part.shape,
            dtype=blob.dtype,
            role=part.role,
            op_type=kind,
            load=loader(path, full_name, read),
            layout=part.layout,
            node=name,
        )


def _read(blob: _Blob, part: Part, blobs: Sequence[_Blob]) -> FloatArray:
    values = blob.load().reshape(part.shape)
    if part.divisor is None:
        return values
    divisor = float(blobs[part.divisor].load().reshape(-1)[0])
    # As Caffe does: nothing was summed yet.
    factor = 1 / divisor if divisor else 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        return values if factor == 1 else values * values.dtype.type(factor)
