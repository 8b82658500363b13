"""Quantized values of a LiteRT (TensorFlow Lite) model: each tensor states its own.

Slots are those of tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.formats.flat import root
from harness.formats.litert_names import DTYPES
from harness.formats.wire import mapped
from harness.weights.audit.values import (
    QuantizedModel,
    QuantizedOperator,
    QuantizedValue,
    value_of_weight,
)
from harness.weights.readers.elements import code_range
from harness.weights.readers.faults import reading
from harness.weights.readers.litert_ import (
    nodes_of,
    operator_name,
    read_weights,
    scales_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import WeightTensor
    from harness.formats.flat import Table
    from harness.weights.readers.litert_roles import LiteNode

# Operator -> inputs that are a product's weight and its bias.
_PRODUCTS = {
    **dict.fromkeys(("CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D"), (1, 2)),
    "BATCH_MATMUL": (1, None),
    "CONV_3D_TRANSPOSE": (1, 3),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
_MOVING = frozenset(
    {"DEQUANTIZE", "EXPAND_DIMS", "QUANTIZE", "RESHAPE", "SQUEEZE", "TRANSPOSE"}
)
_INTEGERS = frozenset(
    {"int4", "int8", "int16", "int32", "int64", "uint4", "uint8", "uint16"}
)


def read_values(path: Path) -> QuantizedModel:
    """The quantized values of a ``.tflite`` file's graphs.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
    """
    weights = {tensor.name: tensor for tensor in read_weights(path) if tensor.codes}
    values: dict[str, QuantizedValue] = {}
    operators: list[QuantizedOperator] = []
    with reading(path, "LiteRT model"), mapped(path) as data:
        model = root(data)
        names = [operator_name(code) for code in model.tables(1)]
        for number, table in enumerate(model.tables(2)):
            graph = _Subgraph(table, names, f"{number}:" if number else "")
            values |= graph.values(weights)
            operators += graph.operators(values)
    return QuantizedModel("litert", values, tuple(operators))


class _Subgraph:
    """One graph; names of further ones begin with their number."""

    def __init__(self, table: Table, operators: list[str], prefix: str) -> None:
        self._tables = list(table.tables(0))
        self._names = [tensor.text(3) for tensor in self._tables]
        self._nodes = list(nodes_of(table, operators, self._names))
        self._prefix = prefix
        self._given = frozenset(table.integers(1, "i"))
        self._producers: dict[int, LiteNode] = {}
        for node in self._nodes:
            self._producers.update(dict.fromkeys(node.outputs, node))

    def values(self, weights: dict[str, WeightTensor]) -> dict[str, QuantizedValue]:
        found = (self._value(at, weights) for at in range(len(self._tables)))
        return {value.key: value for value in found if value is not None}

    def operators(self, values: dict[str, QuantizedValue]) -> list[QuantizedOperator]:
        found = (self._operator(node, values) for node in self._nodes)
        return [op for op in found if any((*op.inputs, *op.outputs))]

    def _key(self, at: int) -> str:
        # Fused operators and their results may share a name: the number tells them.
        again = self._names[:at].count(self._names[at])
        return f"{self._prefix}{self._names[at]}" + (f"#{again + 1}" if again else "")

    def _value(
        self, at: int, weights: dict[str, WeightTensor]
    ) -> QuantizedValue | None:
        table = self._tables[at]
        kind = table.integer(1, "b")
        dtype = DTYPES[kind] if 0 <= kind < len(DTYPES) else ""
        scales = scales_of(table.table(4)) if dtype in _INTEGERS else None
        if scales is None or scales.is_blockwise:
            return None
        producer = self._producers.get(at)
        key = self._key(at)
        weight = weights.get(key) if producer is None else None
        if weight is not None:
            return value_of_weight(weight, key)
        low, high = code_range(dtype)
        return QuantizedValue(
            key=key,
            name=self._names[at],
            node=producer.name if producer else None,
            dtype=dtype,
            scale=scales.scale.astype(np.float64),
            zero_point=scales.zero_point.astype(np.float64),
            low=low,
            high=high,
            made_by=self._made_by(at),
            is_constant=producer is None and at not in self._given,
        )

    def _made_by(self, at: int) -> str | None:
        for _ in self._nodes:
            node = self._producers.get(at)
            if node is None or node.op not in _MOVING or not node.inputs:
                return node.op if node else None
            at = node.inputs[0]
        return None

    def _operator(
        self, node: LiteNode, values: dict[str, QuantizedValue]
    ) -> QuantizedOperator:
        kernel, bias = _PRODUCTS.get(node.op, (None, None))
        return QuantizedOperator(
            node=node.name,
            op_type=node.op,
            inputs=tuple(self._known(at, values) for at in node.inputs),
            outputs=tuple(self._known(at, values) for at in node.outputs),
            on_codes=True,
            kernel=kernel,
            bias=bias,
        )

    def _known(self, at: int, values: dict[str, QuantizedValue]) -> str | None:
        key = self._key(at) if at >= 0 else ""
        return key if key in values else None
