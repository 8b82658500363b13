"""Quantized values of an OpenVINO model: FakeQuantize layers and integer constants.

FakeQuantize rounds to `levels` numbers between two ends:
https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs/quantization/fake-quantize-1.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.formats.malformed import Malformed
from harness.formats.openvino_xml import Network
from harness.weights.audit.values import (
    QuantizedModel,
    QuantizedOperator,
    QuantizedValue,
    value_of_weight,
)
from harness.weights.readers.faults import reading
from harness.weights.readers.openvino_ import Constants
from harness.weights.readers.openvino_graph import Graph

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import FloatArray
    from harness.formats.openvino_xml import Layer

_MOVING = frozenset(
    {"Convert", "FakeQuantize", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)
_PRODUCTS = frozenset({"Convolution", "GroupConvolution", "MatMul"})
_FAR = 64
_MAX_LEVELS = 1 << 16


def read_values(path: Path) -> QuantizedModel:
    """The quantized values of an OpenVINO model.

    Codes of a FakeQuantize are counted from 0, as 8-bit kernels store them where the
    range begins at 0; its input ends are the range.

    Raises:
        ModelLoadError: A file is missing, cut short or damaged.
    """
    with reading(path, "OpenVINO model"):
        network = Network(path)
        graph = Graph(network)
        constants = [layer for layer in network.layers if layer.type == "Const"]
        return _Values(network, graph, Constants(path, graph, constants)).model()


class _Values:
    def __init__(self, network: Network, graph: Graph, constants: Constants) -> None:
        self._network = network
        self._graph = graph
        self._constants = constants

    def model(self) -> QuantizedModel:
        values = {
            tensor.name: value_of_weight(tensor)
            for tensor in self._constants.tensors()
            if tensor.codes is not None
        }
        for layer in self._network.layers:
            found = self._fake(layer) if layer.type == "FakeQuantize" else None
            if found is not None:
                values[found.key] = found
        operators = [
            op
            for layer in self._network.layers
            if (op := self._operator(layer, values))
        ]
        return QuantizedModel("openvino", values, tuple(operators))

    def _fake(self, layer: Layer) -> QuantizedValue | None:
        levels = layer.data.get("levels", "")
        source = self._graph.input(layer.key, 0)
        ends = (self._end(layer, 1), self._end(layer, 2))
        if source is None or self._graph.is_constant(source) or not levels.isdecimal():
            return None
        low, high = ends
        if low is None or high is None or not 2 <= int(levels[:9]) <= _MAX_LEVELS:
            return None
        sizes = {low.size, high.size}
        if 0 in sizes or len(sizes - {1}) > 1:
            raise Malformed(f"the ends of layer {layer.name!r} do not fit each other")
        low, high = np.broadcast_arrays(low, high)
        scale = (high - low) / (int(levels) - 1)
        # An empty range has no zero point; its scale of 0 is what is wrong with it.
        zero = np.divide(-low, scale, out=np.zeros_like(scale), where=scale != 0)
        return QuantizedValue(
            key=layer.name,
            name=source.port_name.partition(",")[0] or source.name,
            node=layer.name,
            dtype=f"{levels} levels",
            scale=scale,
            zero_point=zero,
            low=0,
            high=int(levels) - 1,
            made_by=self._made_by(layer),
        )

    def _end(self, layer: Layer, port: int) -> FloatArray | None:
        found = self._graph.input(layer.key, port)
        if found is None or found.type != "Const":
            return None
        return self._constants.value(found).astype(np.float64).reshape(-1)

    def _made_by(self, layer: Layer) -> str | None:
        found: Layer | None = layer
        for _ in range(_FAR):
            if found is None or found.type not in _MOVING:
                break
            found = self._graph.input(found.key, 0)
        return None if found is None or found.type == "Parameter" else found.type

    def _operator(
        self, layer: Layer, values: dict[str, QuantizedValue]
    ) -> QuantizedOperator | None:
        if layer.type not in _PRODUCTS:
            return None
        inputs = tuple(self._source(layer, port, values) for port in (0, 1))
        if not any(inputs):
            return None
        return QuantizedOperator(
            node=layer.name,
            op_type=layer.type,
            inputs=inputs,
            outputs=(),
            on_codes=False,
            kernel=1,
        )

    def _source(
        self, layer: Layer, port: int, values: dict[str, QuantizedValue]
    ) -> str | None:
        """The quantized value behind an input, seen through what only rescales it."""
        found = self._graph.input(layer.key, port)
        for _ in range(_FAR):
            if found is None or found.name in values:
                break
            through = found.type in _MOVING | {"Multiply", "Subtract"}
            is_weight = self._graph.is_constant(found)
            through &= is_weight or found.type in _MOVING
            found = self._graph.input(found.key, 0) if through else None
        return found.name if found is not None else None
