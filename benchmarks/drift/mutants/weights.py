"""Weights that are other weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.drift.faults import Fault, Site, mutator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import onnx

    from benchmarks.drift.data import Array
    from benchmarks.drift.editor import Editor

_MATRICES = ("MatMul", "Gemm")


def _weighted(graph: Editor) -> Iterator[tuple[onnx.NodeProto, Array]]:
    for node in graph.of("Conv", "ConvTranspose", *_MATRICES):
        value = graph.constant(node.input[1])
        if value is not None and value.dtype == np.float32 and value.ndim > 1:
            yield node, value


def _one_channel(weight: Array) -> Array:
    changed = weight.copy()
    changed[0] *= 8
    return changed


def _coarse(weight: Array) -> Array:
    step = np.abs(weight).max() / 7
    return (np.round(weight / step) * step).astype(weight.dtype)


def _other_seed(weight: Array) -> Array:
    rng = np.random.default_rng(99)
    flat = rng.permutation(weight.ravel())
    return flat.reshape(weight.shape)


def _register(word: str, change: Callable[[Array], Array], edit: str) -> None:
    @mutator(f"weights.changed/{word}")
    def sites(graph: Editor) -> Iterator[Site]:
        for node, weight in _weighted(graph):
            yield partial(_change, graph, node, partial(change, weight), edit)


_register("channel", _one_channel, "one channel times 8")
_register("coarse", _coarse, "rounded to 4 bits")
_register("shuffled", _other_seed, "as of another seed")


@mutator("weights.changed/table")
def table(graph: Editor) -> Iterator[Site]:
    """Models of tables keep their weights in attributes."""
    keys = {
        "LinearClassifier": "coefficients",
        "TreeEnsembleClassifier": "class_weights",
    }
    for node in graph.of(*keys):
        key = keys[node.op_type]
        yield partial(_change_attribute, graph, node, key, 8)
        yield partial(_change_attribute, graph, node, key, 2)


@mutator("weights.transposed")
def transposed(graph: Editor) -> Iterator[Site]:
    """A square matrix the other way round."""
    for node, weight in _weighted(graph):
        square = node.op_type in _MATRICES and weight.shape[0] == weight.shape[1]
        if square:
            yield partial(_change, graph, node, weight.T.copy, "transposed")


@mutator("weights.transposed/kernel", "layout.permutation")
def transposed_kernel(graph: Editor) -> Iterator[Site]:
    """A square kernel with height and width exchanged."""
    for node, weight in _weighted(graph):
        if weight.ndim == 4 and weight.shape[2] == weight.shape[3] > 1:
            turned = weight.swapaxes(2, 3).copy
            yield partial(_change, graph, node, turned, "height and width exchanged")


@mutator("weights.bias_missing")
def bias_missing(graph: Editor) -> Iterator[Site]:
    """The bias was forgotten."""
    for node in graph.of("Conv", "Gemm", "ConvTranspose"):
        if len(node.input) > 2 and graph.constant(node.input[2]) is not None:
            yield partial(_drop_bias, node)


@mutator("weights.bias_missing/added")
def added_bias_missing(graph: Editor) -> Iterator[Site]:
    """The same where the bias is added after the matrix product."""
    for node in graph.of("Add"):
        found = graph.constant_input(node)
        before = found and graph.producers.get(node.input[1 - found[0]])
        if found and before and before.op_type == "MatMul" and found[1].ndim == 1:
            yield partial(_drop_add, graph, node, 1 - found[0], before)


def _change(
    graph: Editor, node: onnx.NodeProto, weight: Callable[[], Array], edit: str
) -> Fault:
    name = graph.set_constant(node, 1, weight())
    return Fault((node.name,), f"weights {edit}", (name,))


def _change_attribute(
    graph: Editor, node: onnx.NodeProto, key: str, factor: float
) -> Fault:
    values = np.array(graph.attribute(node, key), np.float32)
    values[: max(len(values) // 10, 1)] *= factor
    graph.set_attribute(node, key, values.tolist())
    return Fault((node.name,), f"a tenth of {key} times {factor}")


def _drop_bias(node: onnx.NodeProto) -> Fault:
    del node.input[2:]
    return Fault((node.name,), "bias left out")


def _drop_add(
    graph: Editor, node: onnx.NodeProto, place: int, before: onnx.NodeProto
) -> Fault:
    readers = graph.bypass(node, place)
    return Fault((before.name, *(r.name for r in readers)), "bias left out")
