"""Facts of an ONNX model, from its file alone; data files are not opened."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.protocols import TensorSpec
from harness.inspection.onnx_graphs import OnnxModel
from harness.inspection.onnx_parsing import parse
from harness.inspection.onnx_portability import portability_notes
from harness.inspection.onnx_quantization import input_ranges, quantization_of
from harness.inspection.onnx_safety import data_files, safety_notes
from harness.inspection.onnx_tensors import bytes_by_dtype, dtype_name, n_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import onnx

    from harness.core.model_facts import ModelFacts


def inspect_onnx(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of an ONNX file.

    Raises:
        ModelLoadError: It is cut short, damaged or no ONNX model.
        OSError: It cannot be read.
    """
    proto = parse(path)
    model = OnnxModel(proto)
    files, unsafe = data_files(model, path.parent)
    initializers = {tensor.name for tensor in proto.graph.initializer}
    fed = [v for v in proto.graph.input if v.name not in initializers]
    return replace(
        facts,
        producer=f"{proto.producer_name} {proto.producer_version}".strip() or None,
        ir_version=proto.ir_version,
        opset_imports=model.opsets,
        inputs=tuple(map(_spec, fed)),
        outputs=tuple(map(_spec, proto.graph.output)),
        operators=_operators(model),
        n_parameters=n_parameters(model),
        bytes_by_dtype=bytes_by_dtype(model),
        quantization=quantization_of(model),
        data_files=files,
        safety=(*unsafe, *safety_notes(model)),
        portability=portability_notes(model),
        not_read=_not_read(model),
        metadata={entry.key: entry.value for entry in proto.metadata_props},
        input_ranges=input_ranges(model, [value.name for value in fed]),
    )


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    kind = value.type.WhichOneof("value") or "unknown"
    if kind != "tensor_type":
        return TensorSpec(value.name, kind.removesuffix("_type"), None)
    tensor = value.type.tensor_type
    shape = None
    if tensor.HasField("shape"):
        shape = tuple(map(_length, tensor.shape.dim))
    return TensorSpec(value.name, dtype_name(tensor.elem_type), shape)


def _length(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return str(dim.dim_param) or None


def _operators(model: OnnxModel) -> Mapping[str, int]:
    names = (
        f"{node.domain}::{node.op_type}" if node.domain else str(node.op_type)
        for node in model.nodes
    )
    counts = Counter(name.removeprefix("ai.onnx::") for name in names)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _not_read(model: OnnxModel) -> tuple[str, ...]:
    n_sparse = sum(len(graph.sparse_initializer) for graph in model.graphs)
    return (f"{n_sparse} sparse tensors",) if n_sparse else ()
