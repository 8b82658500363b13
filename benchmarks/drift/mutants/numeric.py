"""Rounding, ranges of number formats, and what tracing froze."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper

from benchmarks.drift.faults import Fault, Site, mutator
from benchmarks.drift.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.drift.data import Array
    from benchmarks.drift.editor import Editor

_HALF_MAX = 65504.0
_ARITHMETIC = ("Relu", "Add", "Mul", "Conv", "MatMul", "Gemm", "LayerNormalization")


@mutator("cast.rounding")
def rounding(graph: Editor) -> Iterator[Site]:
    """Cut off instead of rounded."""
    for node in graph.of("Round"):
        yield partial(_retype, node, "Floor")
        yield partial(_drop, graph, node)


@mutator("cast.rounding/half")
def half(graph: Editor) -> Iterator[Site]:
    """An intermediate that passes through float16."""
    for node in graph.of(*_ARITHMETIC):
        if node.output[0] not in graph.outputs and graph.shape(node.output[0]):
            yield partial(_through_half, graph, node, None)


@mutator("numeric.overflow", "cast.rounding")
def overflow(graph: Editor) -> Iterator[Site]:
    """A product formed in float16 whose largest terms leave its range."""
    for node in graph.of(*_ARITHMETIC):
        if node.output[0] not in graph.outputs and graph.shape(node.output[0]):
            yield partial(_through_half, graph, node, 0.999)


@mutator("trace.constant", repairable=False)
def frozen_value(graph: Editor) -> Iterator[Site]:
    """What depended on the input when traced: the first sample's, for all."""
    for node in graph.of("Sigmoid", "HardSigmoid", "Where", "Unsqueeze"):
        shape = graph.shape(node.output[0])
        if shape and len(shape) > 1 and node.output[0] not in graph.outputs:
            yield partial(_freeze, graph, node)


@mutator("trace.constant/length", "reduce.axis")
def frozen_length(graph: Editor) -> Iterator[Site]:
    """A mean whose count was frozen at another length."""
    for node in graph.of("ReduceMean"):
        if graph.attribute(node, "keepdims", 1) == 0:
            yield partial(_frozen_count, graph, node)


def _retype(node: onnx.NodeProto, op_type: str) -> Fault:
    old, node.op_type = node.op_type, op_type
    return Fault((node.name,), f"{old} -> {op_type}")


def _drop(graph: Editor, node: onnx.NodeProto) -> Fault:
    before = graph.producers[node.input[0]]
    readers = graph.bypass(node)
    return Fault((before.name, *(r.name for r in readers)), "not rounded")


def _through_half(graph: Editor, node: onnx.NodeProto, quantile: float | None) -> Fault:
    """Cast down, scale where the range is to be left, cast up and scale back."""
    output = node.output[0]
    factor = 1.0
    if quantile is not None:
        reached = np.quantile(np.abs(_value_of(graph, output)), quantile)
        factor = float(_HALF_MAX / max(float(reached), 1e-6))
    inner = graph.fresh(output)
    node.output[0] = inner
    made: list[str] = []
    chain = [("Mul", factor), ("Cast", 10), ("Cast", 1), ("Mul", 1 / factor)]
    at = graph.place_of(node) + 1
    current = inner
    for op_type, by in chain if quantile is not None else chain[1:3]:
        name = graph.fresh(f"{node.name}_half")
        new = helper.make_node(op_type, [current], [name], name=name)
        if op_type == "Mul":
            new.input.append(graph.add_constant(np.array(by, np.float32), "by"))
        else:
            new.attribute.append(helper.make_attribute("to", int(by)))
        graph.model.graph.node.insert(at + len(made), new)
        made.append(name)
        current = name
    graph.model.graph.node[at + len(made) - 1].output[0] = output
    return Fault((node.name, *made), f"{output} passes through float16")


def _value_of(graph: Editor, name: str) -> Array:
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    return run(model, graph.samples, tensors=(name,))[name]


def _freeze(graph: Editor, node: onnx.NodeProto) -> Fault:
    value = _value_of(graph, node.output[0])[:1]
    frozen = graph.add_constant(value, node.output[0])
    readers = list(graph.readers.get(node.output[0], ()))
    for reader in readers:
        for place, name in enumerate(reader.input):
            if name == node.output[0]:
                reader.input[place] = frozen
    graph.remove(node)
    names = tuple(reader.name for reader in readers)
    return Fault(names, f"{node.output[0]} frozen at the first sample", (frozen,))


def _frozen_count(graph: Editor, node: onnx.NodeProto) -> Fault:
    before = graph.shape(node.input[0])
    after = graph.shape(node.output[0])
    n_counted = np.prod([n or 1 for n in before]) / np.prod([n or 1 for n in after])
    # Traced on samples of four fifths of the length.
    by = np.array(1 / (0.8 * n_counted), np.float32)
    output, inner = node.output[0], graph.fresh(node.output[0])
    if graph.opset < 18:
        axes = np.array(graph.attribute(node, "axes"), np.int64)
        graph.set_attribute(node, "axes", None)
        node.input.append(graph.add_constant(axes, "axes"))
    node.op_type = "ReduceSum"
    node.output[0] = inner
    name = graph.fresh(f"{node.name}_count")
    inputs = [inner, graph.add_constant(by, "count")]
    made = helper.make_node("Mul", inputs, [output], name=name)
    graph.model.graph.node.insert(graph.place_of(node) + 1, made)
    return Fault((node.name, name), "a sum over a count frozen at another length")
