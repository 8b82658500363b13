"""Writes an ONNX graph node by node, and remembers what each node stands for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from harness.core.errors import UnsupportedFormatError
from harness.graphs.translate.translation import IR_VERSION, OPSET, Translation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.core.protocols import Array

# Protobuf's limit, and room for what shape inference adds.
_MOST_BYTES = (1 << 31) - (1 << 22)
# Operators that only move or requantize what others compute: a node of the file is
# found by what computes.
_CARRIERS = frozenset(
    {
        *("Cast", "Concat", "DequantizeLinear", "Identity", "Pad", "QuantizeLinear"),
        *("Reshape", "Shape", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
    }
)


class Emitter:
    """An ONNX graph that grows.

    Attributes:
        origin: Output of a node -> what it stands for.
    """

    def __init__(self) -> None:
        self.origin: dict[str, str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._taken: set[str] = set()
        self._names: set[str] = set()
        self._for = ""

    def emit(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; answers its output."""
        return self.emit_many(op_type, inputs, 1, **attributes)[0]

    def emit_many(
        self, op_type: str, inputs: Sequence[str], n_outputs: int, **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node with several outputs."""
        base = f"{self._for}:{op_type}"
        names = tuple(self._free(base) for _ in range(n_outputs))
        self._add(op_type, inputs, names, attributes)
        return names

    def _add(
        self,
        op_type: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        attributes: Mapping[str, Any],
    ) -> None:
        node = helper.make_node(op_type, inputs, outputs, **attributes)
        self._nodes.append(node)
        self.origin |= dict.fromkeys(outputs, self._for)

    def constant(self, array: Array, name: str = "constant") -> str:
        """Add an initializer."""
        free = self._free(name)
        whole = np.ascontiguousarray(array).reshape(np.shape(array))
        self._initializers.append(numpy_helper.from_array(whole, free))
        return free

    def scalar(self, value: float) -> str:
        """Add a float32 constant without axes."""
        return self.constant(np.array(value, np.float32), f"{value:g}")

    def ints(self, values: Sequence[int]) -> str:
        """Add a list of int64."""
        return self.constant(np.array(values, np.int64), "numbers")

    def input(
        self, name: str, dtype: str, shape: Sequence[int | str | None] | None
    ) -> str:
        """Declare what the model is fed."""
        self._taken.add(name)
        self._inputs.append(_described(name, dtype, shape))
        return name

    def output(self, name: str, value: str, dtype: str, rank: int | None) -> None:
        """Declare an answer; `name` must be free."""
        self._taken.add(name)
        self._add("Identity", [value], [name], {})
        shape = None if rank is None else [None] * rank
        self._outputs.append(_described(name, dtype, shape))

    def reserve(self, names: Sequence[str]) -> None:
        """Keep names for inputs and outputs, which are declared later."""
        self._taken.update(names)

    @contextmanager
    def node(self, name: str) -> Iterator[None]:
        """What is added inside stands for this node of the file."""
        before, first = self._for, len(self._nodes)
        self._for = name
        yield
        self._name(self._nodes[first:])
        self._for = before

    def _name(self, nodes: Sequence[onnx.NodeProto]) -> None:
        """The first node that computes, else the last, bears the file's own name."""
        fresh = [node for node in nodes if not node.name]
        computing = [node for node in fresh if node.op_type not in _CARRIERS]
        for node in [*(computing[:1] or fresh[-1:]), *fresh]:
            if not node.name:
                # LiteRT joins the names of all that it fused; the first one will do.
                told = self.origin[node.output[0]].partition(";")[0]
                name = told if told not in self._names else f"{told}:{node.op_type}"
                node.name = _free(name, self._names)

    def finish(
        self,
        inputs: Mapping[str, str],
        outputs: Mapping[str, str],
        steps: Mapping[str, float] | None = None,
        *,
        rounds: bool = False,
    ) -> Translation:
        """The model as it is now.

        Args:
            inputs: ONNX input -> the file's name of it.
            outputs: Likewise.
            steps: ONNX output -> its quantization step.
            rounds: Whether kernels round floats to 8 bits as they come.

        Raises:
            UnsupportedFormatError: It is larger than an ONNX file can be.
        """
        self._name(self._nodes)
        graph = helper.make_graph(
            self._nodes, "translated", self._inputs, self._outputs, self._initializers
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="harness",
        )
        if model.ByteSize() > _MOST_BYTES:
            raise UnsupportedFormatError(
                f"its translation to ONNX takes {model.ByteSize():,} bytes, more than"
                f" one file of ONNX holds, {_MOST_BYTES:,}",
                hint="its graph is left out of the diagnosis; its answers are compared",
            )
        _complete(model)
        return Translation(model, self.origin, inputs, outputs, steps or {}, rounds)

    def _free(self, name: str) -> str:
        return _free(name, self._taken)


def _complete(model: onnx.ModelProto) -> None:
    """Give answers the ranks that ONNX wants to know, where they can be told."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    for ours, theirs in zip(model.graph.output, inferred.graph.output, strict=True):
        if not ours.type.tensor_type.HasField("shape"):
            ours.CopyFrom(theirs)


def _free(name: str, taken: set[str]) -> str:
    found, again = name, 1
    while found in taken:
        again += 1
        found = f"{name}#{again}"
    taken.add(found)
    return found


def _described(
    name: str, dtype: str, shape: Sequence[int | str | None] | None
) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, shape)
