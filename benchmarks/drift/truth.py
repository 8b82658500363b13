"""Where a fault lies in a file, also after the file was renamed, folded or fused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.drift.faults import Fault, Mutator, Truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import onnx

    from benchmarks.drift.editor import Editor

# What belongs to the layer beside it: it moves or dresses numbers.
_GLUE = {
    *("Transpose", "Reshape", "Identity", "Cast", "Squeeze", "Unsqueeze", "Flatten"),
    *("QuantizeLinear", "DequantizeLinear", "Pad", "Constant"),
}
_WITH_BIAS = {"Conv", "MatMul", "ConvTranspose", "Gemm"}
_REACH = 2


def truth_of(mutator: Mutator, fault: Fault, graph: Editor) -> Truth:
    """All that places the fault rightly in the edited file.

    A node is right when it carries the fault, or belongs to the same layer: glue
    around it, and the addition of its bias.
    """
    by_name = {node.name: node for node in graph.model.graph.node}
    own = [by_name[name] for name in fault.nodes if name in by_name]
    nodes = {n.name for node in own for n in _layer(graph, node)}
    values = {*fault.values, *(out for node in own for out in node.output if out)}
    return Truth(
        causes=mutator.causes,
        nodes=frozenset(nodes),
        values=frozenset(values),
        repairable=mutator.repairable,
        edit=fault.edit,
    )


def carried_over(
    truth: Truth,
    before: onnx.ModelProto,
    after: onnx.ModelProto,
    names: Mapping[str, str],
) -> Truth:
    """The same truth in a rewritten file.

    Args:
        truth: In the file `before`.
        before: The file that was rewritten.
        after: What became of it.
        names: Old value or node name -> new; others stay.
    """
    outputs = {out: node.name for node in after.graph.node for out in node.output}
    alive = {node.name for node in after.graph.node}
    nodes = set()
    for node in before.graph.node:
        if node.name in truth.nodes:
            kept = names.get(node.name, node.name)
            nodes |= {kept} & alive
            for value in _surviving(before, node, names, outputs):
                nodes.add(outputs[value])
    values = frozenset(names.get(value, value) for value in truth.values)
    return replace(truth, nodes=frozenset(nodes), values=values)


def _layer(graph: Editor, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    yield node
    above = node
    for _ in range(_REACH):
        producer = graph.producers.get(above.input[0]) if above.input else None
        if producer is None or producer.op_type not in _GLUE:
            break
        yield (above := producer)
    below = node
    for _ in range(_REACH):
        reader = graph.sole_reader(below.output[0])
        if reader is None or not _dresses(graph, below, reader):
            break
        yield (below := reader)


def _dresses(graph: Editor, node: onnx.NodeProto, reader: onnx.NodeProto) -> bool:
    if reader.op_type in _GLUE:
        return True
    biased = node.op_type in _WITH_BIAS and reader.op_type == "Add"
    return biased and graph.constant_input(reader) is not None


def _surviving(
    before: onnx.ModelProto,
    node: onnx.NodeProto,
    names: Mapping[str, str],
    outputs: Mapping[str, str],
) -> Iterator[str]:
    """Values at or after a node that are still computed in the rewritten file."""
    waiting, seen = list(node.output), set(node.output)
    while waiting:
        value = waiting.pop()
        renamed = names.get(value, value)
        if renamed in outputs:
            yield renamed
            continue
        for reader in before.graph.node:
            if value in reader.input:
                fresh = [out for out in reader.output if out not in seen]
                seen.update(fresh)
                waiting += fresh
