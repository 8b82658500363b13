"""Weights of an OpenVINO model: its Const layers, in the ``.bin`` beside it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from harness.core.protocols import WeightTensor
from harness.formats.malformed import Malformed
from harness.formats.openvino_bin import block_of, dtype_of, shape_of
from harness.formats.openvino_xml import Network
from harness.formats.wire import mapped
from harness.weights.readers import elements
from harness.weights.readers.faults import loader, reading
from harness.weights.readers.openvino_graph import Graph
from harness.weights.readers.openvino_quantized import (
    decompressed,
    decompression_of,
    meaning,
    stored_codes,
)
from harness.weights.readers.openvino_roles import layout_of, role_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import Array, FloatArray, StoredCodes
    from harness.formats.openvino_xml import Layer
    from harness.weights.readers.openvino_graph import Key, Use
    from harness.weights.readers.openvino_quantized import Decompression

# Weights moved out of their layers into constants with IR 10.
_OLDEST = 10
# Roles whose axes nothing is told of.
_PLAIN = frozenset({"constant", "scale"})
_INDICES = ("bool", "int", "str", "uint")
_SCALED = ("float8", "int", "uint")
_BIN = "weights file of OpenVINO"


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """The float constants of a model, and its quantized ones as the floats they mean.

    Names are those of the Const layers: float16 weights have "_compressed" behind
    them. Scalars, integer constants (shapes, axes), single scales and zero points are
    left out; scales by channel are listed with the role "scale". A kernel in groups
    has the layout "OMIHW": groups, outputs of a group, inputs of a group.

    Raises:
        ModelLoadError: A file is missing, cut short or damaged, or the ``.bin`` is not
            the one of this ``.xml``.
    """
    with reading(path, "OpenVINO model"):
        network = Network(path)
        if network.version.isdecimal() and int(network.version[:9]) < _OLDEST:
            raise Malformed(f"IR {network.version} keeps weights in another way")
        constants = [layer for layer in network.layers if layer.type == "Const"]
        return Constants(path, Graph(network), constants).tensors()


class Constants:
    """The constants of one model, read one at a time."""

    def __init__(self, path: Path, graph: Graph, constants: list[Layer]) -> None:
        self._file = path.with_suffix(".bin")
        self._graph = graph
        self._constants = constants
        self._data = memoryview(b"")
        if constants:
            with reading(self._file, _BIN), mapped(self._file) as data:
                self._data = data
        for layer in constants:
            loader(self._file, layer.name, partial(self._block, layer))()

    def tensors(self) -> Iterator[WeightTensor]:
        """As `read_weights`."""
        how = {layer.key: self._decompression(layer) for layer in self._constants}
        parts = [found for found in how.values() if found is not None]
        scales = {found.scale.key for found in parts if found.scale}
        zeros = {found.zero_point.key for found in parts if found.zero_point}
        kept = [layer for layer in self._constants if layer.key not in zeros]
        for layer in kept:
            found = self._tensor(layer, how[layer.key], scales)
            if found is not None:
                yield found

    def _decompression(self, layer: Layer) -> Decompression | None:
        if not dtype_of(layer).startswith(_SCALED):
            return None
        find = partial(decompression_of, layer.key, self._graph)
        return loader(self._file, layer.name, find)()

    def _tensor(
        self, layer: Layer, how: Decompression | None, scales: set[Key]
    ) -> WeightTensor | None:
        shape, dtype = shape_of(layer), dtype_of(layer)
        # Types that are not known are listed: reading them tells their names.
        if not shape or 0 in shape or (how is None and dtype.startswith(_INDICES)):
            return None
        use = _telling(list(self._graph.uses(layer.key)), shape, self._graph)
        role = role_of(shape, use, self._graph) if use else "constant"
        if layer.key in scales:
            role = "scale"
        if role == "scale" and math.prod(shape) == 1:
            return None
        read = partial(self._floats, layer, how)
        return WeightTensor(
            name=layer.name,
            shape=shape,
            dtype=dtype,
            role=role,
            op_type=use.layer.type if use else None,
            load=loader(self._file, layer.name, read),
            layout=layout_of(shape, role, use) if use and role not in _PLAIN else None,
            node=use.layer.name if use else None,
            codes=self._codes(layer, how) if how and "int" in dtype else None,
        )

    def _codes(self, layer: Layer, how: Decompression) -> StoredCodes | None:
        codes = loader(self._file, layer.name, partial(self._numbers, layer))

        def read() -> StoredCodes | None:
            scale, zero_point = meaning(how, self._graph, self.value)
            shape, dtype = shape_of(layer), dtype_of(layer)
            return stored_codes(codes, shape, dtype, scale, zero_point)

        return loader(self._file, layer.name, read)()

    def _floats(self, layer: Layer, how: Decompression | None) -> FloatArray:
        stored = self.value(layer)
        if how is None:
            return stored
        scale, zero_point = meaning(how, self._graph, self.value)
        return decompressed(stored, scale, zero_point)

    def value(self, layer: Layer) -> FloatArray:
        """The numbers of a Const layer as floats, as they are stored.

        Raises:
            Malformed: They are not as many as the shape needs.
        """
        return elements.floats(self._block(layer), dtype_of(layer), shape_of(layer))

    def _numbers(self, layer: Layer) -> Array:
        return elements.numbers(self._block(layer), dtype_of(layer), shape_of(layer))

    def _block(self, layer: Layer) -> memoryview:
        return block_of(layer, self._data)


def _telling(uses: list[Use], shape: tuple[int, ...], graph: Graph) -> Use | None:
    """The first use that gives a role; the first of all where none does."""
    for use in uses:
        if role_of(shape, use, graph) != "constant":
            return use
    return uses[0] if uses else None
