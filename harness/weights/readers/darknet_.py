"""Weights of a Darknet network: a ``.weights`` file, divided as its ``.cfg`` says.

The file is numbers without names: only the text tells whose they are. A normalised
layer adds 0.000001 to the standard deviation, where others add an epsilon to the
variance: folding by another tool's rule leaves a difference.
"""

from __future__ import annotations

import math
import struct
from functools import partial
from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError
from harness.core.protocols import WeightTensor
from harness.formats.beside import beside
from harness.formats.darknet_cfg import sections
from harness.formats.malformed import Malformed
from harness.formats.prototext import read_text
from harness.formats.wire import mapped
from harness.weights.readers import elements
from harness.weights.readers.darknet_layers import Part, parts_of
from harness.weights.readers.faults import loader, reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TITLE = "Darknet model"
_VERSION = struct.Struct("<3i")
_SWAPPED = struct.Struct(">3i")
# Versions beyond hold matrices in another order.
_TRANSPOSED = 1000


def read_network(path: Path) -> Iterator[WeightTensor]:
    """Weights of a ``.cfg``, from the ``.weights`` beside it.

    Raises:
        ModelLoadError: There is none, or as `read_weights`.
    """
    return _read(path, beside(path, ".weights", "the file of its weights"))


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """The numbers of each layer, named by its kind and its place in the text.

    Names are Darknet's own: "convolutional_0.biases" are the added terms, and beta
    where the layer is normalised; "scales" are gamma.

    Raises:
        ModelLoadError: No ``.cfg`` lies beside it, either file is damaged, or the file
            has more or fewer numbers than the network takes.
    """
    try:
        network = beside(path, ".cfg", "what its numbers belong to")
    except ModelLoadError as error:
        raise ModelLoadError(
            error.message,
            hint="copy the .cfg of the network beside it: the numbers have no names",
        ) from error
    return _read(network, path)


def _read(network: Path, path: Path) -> Iterator[WeightTensor]:
    with reading(network, _TITLE):
        layers = list(sections(read_text(network)))
    with reading(path, _TITLE), mapped(path) as data:
        start, transposed = _header(data)
        held, rest = divmod(len(data) - start, 4)
    with reading(network, _TITLE):
        find = partial(parts_of, layers, transposed=transposed)
        found = list(find(biased=False))
        if _size(found) != held:
            # Some programs keep the terms of a layer that normalises alone, too.
            other = list(find(biased=True))
            found = other if _size(other) == held else found
    if _size(found) != held or rest:
        raise ModelLoadError(
            f"{path} holds {held + rest / 4:,g} numbers, and {network} asks for"
            f" {_size(found):,}",
            hint="the weights were cut short, or the two belong to different networks",
        )
    return _tensors(path, data[start:], found)


def _size(parts: list[Part]) -> int:
    return sum(math.prod(part.shape) for part in parts)


def _header(data: memoryview) -> tuple[int, bool]:
    """Where the numbers begin, and whether matrices are stored inputs first."""
    if len(data) < _VERSION.size + 4:
        raise Malformed("its header is cut short")
    major, minor, _ = _VERSION.unpack_from(data)
    if max(major, minor) > 1 << 16 and max(_SWAPPED.unpack_from(data)[:2]) < 1 << 16:
        raise Malformed(f"its version {major}.{minor} looks big-endian")
    # Images seen in training: eight bytes since version 0.2.
    wide = major * 10 + minor >= 2 and max(major, minor) < _TRANSPOSED
    return _VERSION.size + (8 if wide else 4), max(major, minor) > _TRANSPOSED


def _tensors(
    path: Path, numbers: memoryview, parts: list[Part]
) -> Iterator[WeightTensor]:
    at = 0
    for part in parts:
        start, at = at, at + elements.n_bytes("float32", part.shape)
        read = partial(elements.floats, numbers[start:at], "float32", part.shape)
        yield WeightTensor(
            name=part.name,
            shape=part.shape,
            dtype="float32",
            role=part.role,
            op_type=part.kind,
            load=loader(path, part.name, read),
            layout=part.layout,
            node=part.node,
        )
