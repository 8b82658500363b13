"""An OpenVINO model as layers in the order in which they run, and their constants."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from harness.formats.malformed import Malformed
from harness.formats.numbers import as_floats, stored_dtype
from harness.formats.openvino_bin import block_of, dtype_of, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.core.protocols import Array
    from harness.formats.openvino_xml import Layer, Network, Port

Key: TypeAlias = tuple[int, str]
# A layer, and which of its outputs.
Source: TypeAlias = tuple[Key, int]
_COMMA = re.compile(r"(?<!\\),")
_HALVES = frozenset({"int4", "uint4"})


class IrModel:
    """Layers, and where each input comes from.

    Attributes:
        layers: By their keys.

    Args:
        network: What the XML holds.

    Raises:
        Malformed: An edge ends nowhere, or two layers have one number.
    """

    def __init__(self, network: Network) -> None:
        self.layers = {layer.key: layer for layer in network.layers}
        if len(self.layers) < len(network.layers):
            raise Malformed("two layers have one number")
        self._sources: dict[Key, dict[int, Source]] = {key: {} for key in self.layers}
        places = {
            (layer.key, port.number): place
            for layer in network.layers
            for place, port in enumerate(layer.outputs)
        }
        for edge in network.edges:
            place = places.get((edge.source, edge.output))
            if place is None or edge.target not in self.layers:
                ends = f"{edge.source[1]}:{edge.output} to {edge.target[1]}"
                raise Malformed(f"the edge from {ends} ends nowhere")
            self._sources[edge.target][edge.port] = edge.source, place

    def of_type(self, graph: int, kind: str) -> list[Layer]:
        """Layers of a type in one graph, in the file's order."""
        found = self.layers.values()
        return [
            layer for layer in found if layer.key[0] == graph and layer.type == kind
        ]

    def sources(self, layer: Layer) -> list[Source | None]:
        """Where each input comes from; None where one is left out."""
        known = self._sources[layer.key]
        n = max((place for place in known), default=-1) + 1
        if n > max(len(layer.inputs), len(known)):
            raise Malformed(f"layer {layer.name!r} has an edge to an input {n - 1}")
        return [known.get(place) for place in range(n)]

    def port(self, source: Source) -> Port:
        """The output that a source is."""
        key, place = source
        return self.layers[key].outputs[place]

    def ordered(self, ends: Iterable[Layer]) -> list[Layer]:
        """What some layers need, and they, each after those that it reads.

        Raises:
            Malformed: A layer reads what comes of itself.
        """
        done: dict[Key, Layer] = {}
        begun: set[Key] = set()
        waiting = [layer.key for layer in reversed(list(ends))]
        while waiting:
            key = waiting[-1]
            layer = self.layers[key]
            missing = [s[0] for s in self.sources(layer) if s and s[0] not in done]
            if key in done or not missing:
                done[key] = layer
                waiting.pop()
            elif key in begun:
                raise Malformed(f"layer {layer.name!r} reads what comes of itself")
            else:
                begun.add(key)
                waiting.extend(missing)
        return list(done.values())


def names_of(text: str) -> list[str]:
    """Names of a tensor, the likeliest first, as sessions call it."""
    names = [name.replace("\\,", ",") for name in _COMMA.split(text) if name]
    return sorted(names, key=lambda name: (len(name), name))


def read_constant(layer: Layer, data: memoryview) -> Array:
    """The numbers of a Const layer; floats of 16 bits as float32.

    Raises:
        Malformed: There are more or fewer bytes than its shape takes, or its type is
            not read.
    """
    block, dtype, shape = block_of(layer, data), dtype_of(layer), shape_of(layer)
    try:
        if dtype in _HALVES:
            return _nibbles(block, dtype, shape)
        stored = stored_dtype(dtype)
        if stored is not None and 0 in shape:
            # An empty one is written as a byte.
            return np.zeros(shape, stored)
        if stored is None:
            raise Malformed(f"its type {dtype} is not read")
        little = np.frombuffer(block, stored.newbyteorder("<")).reshape(shape)
        return _native(little, dtype)
    except (Malformed, ValueError) as error:
        raise Malformed(f"constant {layer.name!r}: {error}") from error


def _native(stored: Array, dtype: str) -> Array:
    """In what kernels compute with: they widen floats of 8 and 16 bits."""
    if "float" in dtype and dtype != "float32":
        return as_floats(stored, dtype).astype(np.float32)
    return np.require(stored, stored.dtype.newbyteorder("="), "A")


def _nibbles(block: memoryview, dtype: str, shape: Sequence[int]) -> Array:
    """Two codes a byte, the first one in the low half."""
    packed = np.frombuffer(block, np.uint8)
    codes = np.stack([packed & 15, packed >> 4], axis=-1).reshape(-1)
    n = math.prod(shape)
    if len(packed) != -(-n // 2):
        raise Malformed(f"it has {len(packed):,} bytes for {n:,} codes")
    signed = dtype == "int4"
    whole = (codes.astype(np.int8) ^ 8) - 8 if signed else codes
    return whole[:n].reshape(tuple(shape))
