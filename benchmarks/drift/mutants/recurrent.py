"""Gates in another order, the reset on the other side, a direction reversed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.drift.faults import Fault, Site, mutator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from benchmarks.drift.data import Array
    from benchmarks.drift.editor import Editor

# ONNX has iofc and zrh; PyTorch and Keras ifgo, rzn and zrh.
_ORDERS = {"LSTM": ((0, 2, 1, 3), (0, 2, 3, 1)), "GRU": ((1, 0, 2),)}


@mutator("rnn.gate_order")
def gate_order(graph: Editor) -> Iterator[Site]:
    """Weights with the gates as another framework orders them."""
    for node in graph.of(*_ORDERS):
        for order in _ORDERS[node.op_type]:
            yield partial(_reorder, graph, node, order)


@mutator("rnn.linear_before_reset")
def linear_before_reset(graph: Editor) -> Iterator[Site]:
    """Where a GRU applies its reset gate."""
    for node in graph.of("GRU"):
        yield partial(_toggle, graph, node)


@mutator("weights.bias_missing/recurrent")
def recurrent_bias(graph: Editor) -> Iterator[Site]:
    """The second of the two biases is gone."""
    for node in graph.of(*_ORDERS):
        bias = graph.constant(node.input[3]) if len(node.input) > 3 else None
        if bias is not None:
            yield partial(_halve_bias, graph, node, bias)


def _reorder(graph: Editor, node: onnx.NodeProto, order: tuple[int, ...]) -> Fault:
    n = len(order)
    for place, n_blocks in ((1, n), (2, n), (3, 2 * n)):
        value = graph.constant(node.input[place])
        if value is None:
            continue
        blocks = np.split(value, n_blocks, axis=1)
        taken = [blocks[i] for i in order]
        if n_blocks > n:
            taken += [blocks[n + i] for i in order]
        graph.set_constant(node, place, np.concatenate(taken, axis=1))
    return Fault((node.name,), f"gates in the order {order}")


def _toggle(graph: Editor, node: onnx.NodeProto) -> Fault:
    new = 1 - graph.attribute(node, "linear_before_reset", 0)
    graph.set_attribute(node, "linear_before_reset", new)
    return Fault((node.name,), f"linear_before_reset -> {new}")


def _halve_bias(graph: Editor, node: onnx.NodeProto, bias: Array) -> Fault:
    kept = bias.copy()
    kept[:, kept.shape[1] // 2 :] = 0
    graph.set_constant(node, 3, kept)
    return Fault((node.name,), "recurrent bias zero")
