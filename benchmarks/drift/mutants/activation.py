"""Slopes, limits and forms of activations, and activations that are gone."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.drift.faults import Fault, Site, mutator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from benchmarks.drift.data import Array
    from benchmarks.drift.editor import Editor

_ALPHAS = {"LeakyRelu": 0.3, "Elu": 1.0, "HardSigmoid": 0.25, "Selu": 1.0}
_ALL = ("Relu", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "HardSwish", "Gelu", "Clip")


@mutator("activation.alpha")
def alpha(graph: Editor) -> Iterator[Site]:
    """Another framework's default slope."""
    for node in graph.of(*_ALPHAS):
        yield partial(_set, graph, node, "alpha", _ALPHAS[node.op_type])


@mutator("activation.approximation")
def gelu(graph: Editor) -> Iterator[Site]:
    """GELU by the hyperbolic tangent instead of the error function, or the reverse."""
    for node in graph.of("Gelu"):
        old = graph.attribute(node, "approximate", "none")
        other = "none" if old == "tanh" else "tanh"
        yield partial(_set, graph, node, "approximate", other)


@mutator("activation.approximation/written_out")
def erf(graph: Editor) -> Iterator[Site]:
    """The same in a GELU that is written out: its erf by a tanh of a cubic."""
    for node in graph.of("Erf"):
        yield partial(_erf_to_tanh, graph, node)


@mutator("activation.approximation/sigmoid")
def sigmoid(graph: Editor) -> Iterator[Site]:
    """The piecewise linear sigmoid in place of the true one."""
    for node in graph.of("Sigmoid"):
        yield partial(_retype, node, "HardSigmoid")


@mutator("activation.clip")
def clip(graph: Editor) -> Iterator[Site]:
    """Relu6 becomes Relu, or is limited elsewhere."""
    for node in graph.of("Clip"):
        top = graph.constant(node.input[2]) if len(node.input) > 2 else None
        if top is not None and top.size == 1:
            yield partial(_limit, graph, node, top, 0.5)
            yield partial(_limit, graph, node, top, 1e6)


@mutator("activation.clip/added", "activation.approximation")
def clip_added(graph: Editor) -> Iterator[Site]:
    """Relu becomes Relu6."""
    for node in graph.of("Relu"):
        yield partial(_to_relu6, graph, node)


@mutator("activation.missing")
def missing(graph: Editor) -> Iterator[Site]:
    """The activation is not there."""
    for node in graph.of(*_ALL):
        if node.output[0] not in graph.outputs:
            yield partial(_drop, graph, node)


def _set(graph: Editor, node: onnx.NodeProto, key: str, value: float | str) -> Fault:
    old = graph.attribute(node, key)
    graph.set_attribute(node, key, value)
    return Fault((node.name,), f"{key} {old} -> {value}")


def _retype(node: onnx.NodeProto, op_type: str) -> Fault:
    old, node.op_type = node.op_type, op_type
    return Fault((node.name,), f"{old} -> {op_type}")


def _limit(graph: Editor, node: onnx.NodeProto, top: Array, by: float) -> Fault:
    graph.set_constant(node, 2, (top * by).astype(top.dtype))
    return Fault((node.name,), f"limit {top} -> {top * by}")


def _to_relu6(graph: Editor, node: onnx.NodeProto) -> Fault:
    node.op_type = "Clip"
    graph.set_constant(node, 1, np.array(0, np.float32))
    graph.set_constant(node, 2, np.array(6, np.float32))
    return Fault((node.name,), "Relu -> Relu6")


def _drop(graph: Editor, node: onnx.NodeProto) -> Fault:
    before = graph.producers.get(node.input[0])
    around = graph.bypass(node)
    names = tuple(n.name for n in (before, *around) if n is not None)
    return Fault(names, f"{node.op_type} {node.name} left out")


def _erf_to_tanh(graph: Editor, node: onnx.NodeProto) -> Fault:
    """erf(z) ~ tanh(sqrt(2 / pi) (x + 0.044715 x^3)) with z = x / sqrt(2)."""
    names = []

    def times(value: str, factor: float | str) -> str:
        if not isinstance(factor, str):
            factor = graph.add_constant(np.array(factor, np.float32), "factor")
        made = graph.insert(node, "Mul", [value, factor])
        names.append(made.name)
        return str(made.output[0])

    x = times(node.input[0], math.sqrt(2))
    cubic = times(times(times(x, x), x), 0.044715)
    added = graph.insert(node, "Add", [x, cubic])
    graph.feed(node, 0, times(added.output[0], math.sqrt(2 / math.pi)))
    node.op_type = "Tanh"
    return Fault((node.name, added.name, *names), "erf -> tanh form")
