"""ONNX files as graphs: shapes inferred at one batch size, constants folded."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import onnx
import onnx.inliner
from google.protobuf.message import DecodeError

from harness.core.errors import ModelLoadError
from harness.graphs.constants import Constant, fold
from harness.graphs.model import Graph, Node, Shape, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.core.protocols import Array

# Initializers above this many elements are weights: shape inference never looks into
# them, and leaving them out keeps it fast and below protobuf's 2 GiB.
_LARGE = 4096
_FUSED = {
    ("com.microsoft", "FusedConv"): "Conv",
    ("com.microsoft", "FusedGemm"): "Gemm",
    ("com.microsoft", "FusedMatMul"): "MatMul",
    ("com.microsoft.nchwc", "Conv"): "Conv",
    ("com.microsoft.nchwc", "MaxPool"): "MaxPool",
    ("com.microsoft.nchwc", "AveragePool"): "AveragePool",
    ("com.microsoft.nchwc", "GlobalAveragePool"): "GlobalAveragePool",
    ("com.microsoft.nchwc", "GlobalMaxPool"): "GlobalMaxPool",
    ("com.microsoft.nchwc", "ReorderInput"): "Transpose",
    ("com.microsoft.nchwc", "ReorderOutput"): "Transpose",
}
# What is known of a value: numpy dtype name and shape.
Described: TypeAlias = "dict[str, tuple[str | None, Shape | None]]"
_MAX_INPUTS = {"Conv": 3, "Gemm": 3, "MatMul": 2}


def load_model(source: Path | bytes) -> onnx.ModelProto:
    """The ONNX model of a file or of its bytes, local functions inlined.

    Raises:
        ModelLoadError: The file is missing, cut short, no ONNX, or its external data
            is not there.
    """
    shown = f"{source}" if isinstance(source, Path) else "the model's bytes"
    try:
        if isinstance(source, Path):
            model = onnx.load(source)
        else:
            model = onnx.load_model_from_string(source)
    except (OSError, DecodeError, onnx.checker.ValidationError) as error:
        raise _unreadable(shown, str(error)) from error
    if not model.HasField("graph"):
        raise _unreadable(shown, "it holds no graph")
    return onnx.inliner.inline_local_functions(model) if model.functions else model


def _unreadable(shown: str, why: str) -> ModelLoadError:
    first = why.strip().splitlines()[0] if why.strip() else "no reason given"
    return ModelLoadError(
        f"cannot read {shown} as ONNX: {first}",
        hint="export the model again, and keep its external data beside it",
    )


def read_graph(
    source: Path | bytes | onnx.ModelProto,
    *,
    batch: int = 1,
    sample_shapes: Mapping[str, Sequence[int]] | None = None,
    twin: Graph | None = None,
) -> Graph:
    """Read an ONNX model as a graph.

    Args:
        source: File, its bytes, or what `load_model` made of it.
        batch: Length given to a free sample axis, so that shapes become static.
        sample_shapes: Input name -> shape of one sample, without the sample axis;
            fills the other free lengths of that input.
        twin: The same model, read at another batch size: its weights are shared.

    Returns:
        Nodes in topological order, with fused operators of onnxruntime under the
        name of the operator that they extend; constants folded.

    Raises:
        ModelLoadError: The file cannot be read.
    """
    model = source if isinstance(source, onnx.ModelProto) else load_model(source)
    nodes = [_plain(node) for node in _sorted(model.graph)]
    initial = {
        item.name: Constant(_array(item, twin)) for item in model.graph.initializer
    }
    feeds = [item for item in model.graph.input if item.name not in initial]
    fixed = [_concrete(item, batch, sample_shapes or {}) for item in feeds]
    constants, described = _settled(model, nodes, initial, fixed)
    return Graph(
        nodes=_kept(nodes, constants),
        values=_values(nodes, constants, described),
        inputs=tuple(item.name for item in feeds),
        outputs=tuple(item.name for item in model.graph.output),
        opset=max((o.version for o in model.opset_import if not o.domain), default=18),
    )


def _array(item: onnx.TensorProto, twin: Graph | None) -> Array:
    known = None if twin is None else twin.constant(item.name)
    return onnx.numpy_helper.to_array(item) if known is None else known


def _sorted(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Kahn's algorithm, first in the file first: some writers leave nodes unsorted."""
    producer = {name: i for i, node in enumerate(graph.node) for name in node.output}
    needs = [{producer[k] for k in n.input if k in producer} for n in graph.node]
    feeds: dict[int, list[int]] = {}
    for i, wanted in enumerate(needs):
        for j in wanted:
            feeds.setdefault(j, []).append(i)
    ready = [i for i, wanted in enumerate(needs) if not wanted]
    ordered = []
    while ready:
        i = heapq.heappop(ready)
        ordered.append(graph.node[i])
        for j in feeds.get(i, ()):
            needs[j].discard(i)
            if not needs[j]:
                heapq.heappush(ready, j)
    return ordered


def _plain(node: onnx.NodeProto) -> onnx.NodeProto:
    """The runtime's fused and blocked operators as the operators that they extend."""
    op_type = _FUSED.get((node.domain, node.op_type))
    if op_type is None:
        return node
    plain = onnx.NodeProto()
    plain.CopyFrom(node)
    plain.op_type = op_type
    if node.op_type.startswith("Reorder"):
        last = any(a.name == "channels_last" and a.i for a in node.attribute)
        moved = (0, 2, 3, 1) if node.op_type == "ReorderOutput" else (0, 3, 1, 2)
        del plain.attribute[:]
        perm = moved if last else (0, 1, 2, 3)
        plain.attribute.append(onnx.helper.make_attribute("perm", perm))
    return plain


def _concrete(
    item: onnx.ValueInfoProto, batch: int, sample_shapes: Mapping[str, Sequence[int]]
) -> onnx.ValueInfoProto:
    fixed = onnx.ValueInfoProto()
    fixed.CopyFrom(item)
    dims = fixed.type.tensor_type.shape.dim
    known = (batch, *sample_shapes.get(item.name, ()))
    for axis, dim in enumerate(dims):
        free = not dim.HasField("dim_value") or dim.dim_value <= 0
        if free and (axis == 0 or len(known) == len(dims)):
            dim.dim_value = known[axis]
    return fixed


def _settled(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    initial: Mapping[str, Constant],
    feeds: Sequence[onnx.ValueInfoProto],
) -> tuple[dict[str, Constant], Described]:
    """Constants and shapes: each needs the other, so they take turns."""
    declared = _described([*model.graph.value_info, *model.graph.output])
    constants = fold(nodes, initial, {}, model)
    while True:
        inferred = _inferred(model, nodes, constants, feeds)
        shapes = {name: shape for name, (_, shape) in inferred.items()}
        more = fold(nodes, constants, shapes, model)
        if len(more) == len(constants):
            return constants, {**declared, **inferred}
        constants = more


def _inferred(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, Constant],
    feeds: Iterable[onnx.ValueInfoProto],
) -> Described:
    """Shapes by onnx's inference over the graph without its weights."""
    bare = onnx.ModelProto(ir_version=model.ir_version)
    bare.opset_import.extend(model.opset_import)
    bare.graph.name = "shapes"
    bare.graph.input.extend(feeds)
    for name, constant in constants.items():
        array = constant.array
        if array.size <= _LARGE:
            bare.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
        else:
            dtype = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            item = onnx.helper.make_tensor_value_info(name, dtype, array.shape)
            bare.graph.input.append(item)
    live = (node for node in nodes if not _is_constant(node, constants))
    bare.graph.node.extend(_inferable(node) for node in live)
    try:
        done = onnx.shape_inference.infer_shapes(bare, data_prop=True)
    except onnx.shape_inference.InferenceError:
        # Shapes stay those that the file declares; what needs more stays silent.
        return _described(feeds)
    return _described([*done.graph.value_info, *done.graph.input])


def _is_constant(node: onnx.NodeProto, constants: Mapping[str, Constant]) -> bool:
    return all(name in constants for name in node.output)


def _inferable(node: onnx.NodeProto) -> onnx.NodeProto:
    if not node.domain.startswith("com.microsoft"):
        return node
    if node.op_type not in _FUSED.values():
        return node
    plain = onnx.NodeProto()
    plain.CopyFrom(node)
    plain.domain = ""
    del plain.input[_MAX_INPUTS.get(node.op_type, len(node.input)) :]
    del plain.attribute[:]
    plain.attribute.extend(
        a for a in node.attribute if not a.name.startswith("activation")
    )
    return plain


def _described(items: Iterable[onnx.ValueInfoProto]) -> Described:
    return {item.name: _type_and_shape(item) for item in items}


def _type_and_shape(item: onnx.ValueInfoProto) -> tuple[str | None, Shape | None]:
    tensor = item.type.tensor_type
    dtype = None
    if tensor.elem_type:
        dtype = str(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    if not tensor.HasField("shape"):
        return dtype, None
    return dtype, tuple(
        dim.dim_value if dim.HasField("dim_value") else (dim.dim_param or None)
        for dim in tensor.shape.dim
    )


def _kept(
    nodes: Sequence[onnx.NodeProto], constants: Mapping[str, Constant]
) -> tuple[Node, ...]:
    live = [node for node in nodes if not _is_constant(node, constants)]
    return tuple(
        Node(
            name=node.name,
            op_type=node.op_type,
            domain=node.domain,
            inputs=tuple(node.input),
            outputs=tuple(node.output),
            attributes={a.name: _attribute(a) for a in node.attribute},
            order=order,
        )
        for order, node in enumerate(live)
    )


def _attribute(attribute: onnx.AttributeProto) -> object:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value


def _values(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, Constant],
    described: Described,
) -> dict[str, Value]:
    values = {
        name: Value(
            name,
            str(constant.array.dtype),
            constant.array.shape,
            constant.array,
            constant.half_step,
        )
        for name, constant in constants.items()
    }
    names = [*described, *(k for node in nodes for k in node.output if k)]
    for name in names:
        if name not in values:
            values[name] = Value(name, *described.get(name, (None, None)))
    return values
