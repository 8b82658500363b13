"""What a careful person wants to know of an ONNX file before a runtime opens it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, defs

from harness.core.containment import path_inside
from harness.core.errors import UnsafeModelError
from harness.core.model_facts import DataFile
from harness.formats.calls import MAX_UNFOLDED, readable, unfolded
from harness.formats.malformed import OutOfBounds
from harness.inspection.onnx_graphs import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from onnx import NodeProto

    from harness.inspection.onnx_graphs import OnnxModel

# Domains that onnxruntime itself implements.
_KNOWN_DOMAINS = ("", "ai.onnx", "com.microsoft", "com.ms.internal")


def data_files(
    model: OnnxModel, folder: Path
) -> tuple[tuple[DataFile, ...], tuple[str, ...]]:
    """Where else tensors lie, and which of these places are outside of the folder."""
    locations = {
        entry.value: tensor.name
        for tensor in _tensors(model)
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    files = []
    unsafe = []
    for location, name in sorted(locations.items()):
        size = None
        try:
            target = path_inside(folder, location, f"tensor {name!r}")
        except UnsafeModelError as error:
            unsafe.append(error.message)
        else:
            size = target.stat().st_size if target.is_file() else None
        files.append(DataFile(location, size))
    return tuple(files), tuple(unsafe)


def safety_notes(model: OnnxModel) -> tuple[str, ...]:
    """One line each, none where there is nothing to say."""
    notes = (_custom_operators, _versions, _order, _functions, _unfolding)
    return tuple(line for note in notes for line in note(model))


def _tensors(model: OnnxModel) -> Iterator[TensorProto]:
    for graph in model.graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in model.nodes:
        for item in node.attribute:
            yield from ([item.t] if item.HasField("t") else item.tensors)


def _custom_operators(model: OnnxModel) -> Iterator[str]:
    local = {(f.domain, f.name) for f in model.proto.functions}
    custom = [
        node
        for node in model.nodes
        if not node.domain.startswith(("ai.onnx", "com.microsoft"))
        and node.domain not in _KNOWN_DOMAINS
        and (node.domain, node.op_type) not in local
    ]
    for domain in sorted({node.domain for node in custom}):
        kinds = sorted({node.op_type for node in custom if node.domain == domain})
        yield (
            f"operators of the domain {domain} ({', '.join(kinds[:5])}) need a library"
            " of native code to be registered"
        )


def _versions(model: OnnxModel) -> Iterator[str]:
    newest = defs.onnx_opset_version()
    opset = model.opsets.get("ai.onnx", 0)
    if opset > newest:
        yield f"opset {opset} is newer than the installed onnx knows ({newest})"
    if model.proto.ir_version > onnx.IR_VERSION:
        yield (
            f"IR version {model.proto.ir_version} is newer than the installed onnx"
            f" knows ({onnx.IR_VERSION})"
        )


def _order(model: OnnxModel) -> Iterator[str]:
    graph = model.proto.graph
    own = {name for node in graph.node for name in node.output if name}
    ready: set[str] = set()
    for node in graph.node:
        early = [name for name in node.input if name in own and name not in ready]
        if early:
            yield (
                f"nodes are not in order: {named([node])} reads {early[0]!r} before it"
                " is computed; onnx.checker refuses the model"
            )
            return
        ready.update(node.output)


def _functions(model: OnnxModel) -> Iterator[str]:
    if count := len(model.proto.functions):
        names = ", ".join(sorted(f.name for f in model.proto.functions)[:5])
        yield f"{count} local functions ({names}): some tools do not look inside"


def _unfolding(model: OnnxModel) -> Iterator[str]:
    """Functions that call functions, doubling each time, unfold to any size."""
    functions = {(f.domain, f.name): _kinds(f.node) for f in model.proto.functions}
    try:
        total = unfolded(_kinds(model.nodes), functions)
    except OutOfBounds as error:
        yield str(error)
        return
    if total > MAX_UNFOLDED:
        yield f"local functions unfold to {readable(total)} nodes in a runtime"


def _kinds(nodes: Iterable[NodeProto]) -> Counter[tuple[str, str]]:
    return Counter((node.domain, node.op_type) for node in nodes)
