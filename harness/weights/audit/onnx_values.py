"""Quantized values of an ONNX graph: Q/DQ pairs, QLinear operators, dynamic ones."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import ModelLoadError
from harness.formats.malformed import Malformed
from harness.weights.audit.onnx_wiring import PRODUCTS, readings_of
from harness.weights.audit.values import (
    Disagreement,
    QuantizedModel,
    QuantizedOperator,
    QuantizedValue,
    value_of_weight,
)
from harness.weights.readers.elements import code_range
from harness.weights.readers.onnx_ import weights_of
from harness.weights.readers.onnx_graph import Graph
from harness.weights.readers.onnx_storage import Storage, open_model
from harness.weights.sketch import stem

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import NodeProto

    from harness.core.protocols import FloatArray
    from harness.weights.audit.onnx_wiring import Reading

# Operators that move numbers and leave their values.
_MOVING = frozenset(
    {
        *("Cast", "DequantizeLinear", "Flatten", "Identity", "QuantizeLinear"),
        *("Reshape", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
_ROUNDING = frozenset({"DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"})
# More operators than this in a row never only move; a circle has an end here.
_FAR = 64


@dataclass(frozen=True, slots=True, eq=False)
class _Meaning:
    scale: FloatArray | None
    zero_point: FloatArray
    dtype: str


def read_values(path: Path) -> QuantizedModel:
    """The quantized values of an ONNX model's main graph.

    Raises:
        ModelLoadError: The file is missing, cut short or no ONNX model, or scales do
            not fit their zero points.
        UnsafeModelError: A tensor points to a file outside of the model's folder.
    """
    model = open_model(path)
    graph = Graph(model.graph)
    return _Values(graph, Storage(path, graph.constants), model.graph.node).model()


class _Values:
    def __init__(self, graph: Graph, storage: Storage, nodes: list[NodeProto]) -> None:
        self._graph = graph
        self._storage = storage
        self._nodes = nodes
        self._readings: dict[str, list[Reading]] = defaultdict(list)
        for node in nodes:
            for reading in readings_of(node):
                self._readings[reading.key].append(reading)

    def model(self) -> QuantizedModel:
        weights = {t.name: t for t in weights_of(self._graph, self._storage) if t.codes}
        values = {name: value_of_weight(tensor) for name, tensor in weights.items()}
        for key in self._readings:
            found = None if key in values else self._value(key)
            if found is not None:
                values[key] = found
        operators = [op for node in self._nodes if (op := self._operator(node, values))]
        disagreements = [d for key in values if (d := self._disagreement(key))]
        return QuantizedModel("onnx", values, tuple(operators), tuple(disagreements))

    def _value(self, key: str) -> QuantizedValue | None:
        reading = self._readings[key][0]
        meaning = self._meaning(reading)
        if meaning is None:
            return None
        try:
            low, high = code_range(meaning.dtype)
        except Malformed:
            return None
        rounding = self._graph.producer(key)
        named = key
        if rounding is not None and rounding.op_type in _ROUNDING:
            named = str(rounding.input[0])
        return QuantizedValue(
            key=key,
            name=named if named != key else stem(key),
            node=_name(reading.node),
            dtype=meaning.dtype,
            scale=meaning.scale,
            zero_point=meaning.zero_point,
            low=low,
            high=high,
            made_by=self._made_by(named),
            is_constant=self._graph.is_constant(key),
        )

    def _meaning(self, reading: Reading) -> _Meaning | None:
        """Scale, zero point and type of one reading; None where they are no constants.

        Those of DynamicQuantizeLinear are computed, from the numbers themselves.
        """
        if reading.is_dynamic:
            return _Meaning(None, np.zeros(1), "uint8")
        if reading.scale not in self._storage:
            return None
        scale = self._storage.load(reading.scale).astype(np.float64).reshape(-1)
        zero = np.zeros(scale.shape)
        dtype = "uint8"
        if reading.zero_point in self._storage:
            stored = self._storage.load(reading.zero_point)
            dtype = stored.dtype.name
            zero = stored.astype(np.float64).reshape(-1)
        elif reading.zero_point:
            return None
        if scale.size == 0 or zero.size not in (1, scale.size):
            raise ModelLoadError(
                f"{reading.key!r} has {scale.size} scales and {zero.size} zero points",
                hint="export or quantize the model again; it may be damaged",
            )
        zero = np.broadcast_to(zero, scale.shape)
        return _Meaning(scale, zero, dtype)

    def _made_by(self, name: str) -> str | None:
        for _ in range(_FAR):
            node = self._graph.producer(name)
            if node is None or not node.input:
                return None
            if node.op_type not in _MOVING:
                return str(node.op_type).removeprefix("QLinear")
            name = node.input[0]
        return None

    def _operator(
        self, node: NodeProto, values: dict[str, QuantizedValue]
    ) -> QuantizedOperator | None:
        if node.op_type in _ROUNDING:
            return None
        inputs = tuple(self._read_from(str(name), values) for name in node.input)
        outputs = tuple(self._given_to(str(name), values) for name in node.output)
        if not any((*inputs, *outputs)):
            return None
        kernel, bias = PRODUCTS.get(node.op_type, (None, None))
        return QuantizedOperator(
            node=_name(node),
            op_type=str(node.op_type),
            inputs=inputs,
            outputs=outputs,
            on_codes=any(name in values for name in (*node.input, *node.output)),
            kernel=kernel,
            bias=bias,
        )

    def _read_from(self, name: str, values: dict[str, QuantizedValue]) -> str | None:
        node = self._graph.producer(name)
        if node is not None and node.op_type == "DequantizeLinear":
            name = str(node.input[0])
        return name if name in values else None

    def _given_to(self, name: str, values: dict[str, QuantizedValue]) -> str | None:
        for node, index in self._graph.consumers(name):
            if node.op_type == "QuantizeLinear" and index == 0:
                name = str(node.output[0])
                break
        return name if name in values else None

    def _disagreement(self, key: str) -> Disagreement | None:
        """The first reading that differs from the one before it."""
        first: tuple[Reading, _Meaning] | None = None
        for reading in self._readings.get(key, ()):
            meaning = self._meaning(reading)
            if meaning is None or meaning.scale is None:
                continue
            if first is None:
                first = (reading, meaning)
            elif (found := _difference(key, first, (reading, meaning))) is not None:
                return found
        return None


def _difference(
    key: str, one: tuple[Reading, _Meaning], other: tuple[Reading, _Meaning]
) -> Disagreement | None:
    before, after = one[1], other[1]
    if before.scale is None or after.scale is None:
        return None
    n = min(before.scale.size, after.scale.size)
    apart = (before.scale[:n] != after.scale[:n]) | (
        before.zero_point[:n] != after.zero_point[:n]
    )
    if before.scale.size == after.scale.size and not apart.any():
        return None
    at = int(np.argmax(apart))
    return Disagreement(
        key=key,
        nodes=(_name(one[0].node), _name(other[0].node)),
        scales=(float(before.scale[at]), float(after.scale[at])),
        zero_points=(float(before.zero_point[at]), float(after.zero_point[at])),
    )


def _name(node: NodeProto) -> str:
    return str(node.name or next(iter(node.output), node.op_type))
