"""Operators written out, or spelled another way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.drift.rewrites.registry import rewriting

if TYPE_CHECKING:
    import onnx

    from benchmarks.drift.editor import Editor


class Chain:
    """Nodes put before a node, one after another, that then take its place."""

    def __init__(self, graph: Editor, node: onnx.NodeProto) -> None:
        self._graph, self._node = graph, node

    def then(self, op_type: str, *inputs: str | float | list[int], **given: Any) -> str:
        """One node more; numbers become constants. Its output."""
        names = [self._name(value) for value in inputs]
        made = self._graph.insert(self._node, op_type, names, **given)
        return str(made.output[0])

    def mean(self, value: str, axes: list[int]) -> str:
        """A mean over axes that are kept, as this opset says it."""
        if self._graph.opset < 18:
            return self.then("ReduceMean", value, axes=axes, keepdims=1)
        return self.then("ReduceMean", value, axes, keepdims=1)

    def replace(self, value: str) -> None:
        """Let `value` take the place of the node's output."""
        last = self._graph.producers[value]
        output = self._node.output[0]
        self._graph.remove(self._node)
        last.output[0] = output

    def _name(self, value: str | float | list[int]) -> str:
        if isinstance(value, str):
            return value
        kind = np.int64 if isinstance(value, list) else np.float32
        return self._graph.add_constant(np.array(value, kind))


@rewriting("product_and_sum")
def product_and_sum(graph: Editor) -> int:
    """Gemm as a matrix product and a sum."""
    n_done = 0
    for node in graph.of("Gemm"):
        weight = graph.constant(node.input[1])
        scales = [graph.attribute(node, key, 1.0) for key in ("alpha", "beta")]
        if weight is None or scales != [1.0, 1.0] or len(node.input) < 3:
            continue
        turned = weight.T if graph.attribute(node, "transB", 0) else weight
        stored = graph.add_constant(turned, node.input[1])
        chain = Chain(graph, node)
        product = chain.then("MatMul", node.input[0], stored)
        chain.replace(chain.then("Add", product, node.input[2]))
        n_done += 1
    return n_done


@rewriting("gemm")
def gemm(graph: Editor) -> int:
    """A matrix product and a sum as one Gemm."""
    n_done = 0
    for node in graph.of("MatMul"):
        add = graph.sole_reader(node.output[0])
        if len(graph.shape(node.input[0])) != 2 or not add or add.op_type != "Add":
            continue
        bias = next(name for name in add.input if name != node.output[0])
        if graph.constant(bias) is None:
            continue
        chain = Chain(graph, add)
        chain.replace(chain.then("Gemm", node.input[0], node.input[1], bias))
        graph.remove(node)
        n_done += 1
    return n_done


@rewriting("explicit_pad")
def explicit_pad(graph: Editor) -> int:
    """A convolution's padding as a Pad of its own."""
    n_done = 0
    for node in graph.of("Conv"):
        pads = list(graph.attribute(node, "pads", []))
        if any(pads):
            half = len(pads) // 2
            every = [0, 0, *pads[:half], 0, 0, *pads[half:]]
            made = Chain(graph, node).then("Pad", node.input[0], every, 0.0)
            graph.feed(node, 0, made)
            graph.set_attribute(node, "pads", [0] * len(pads))
            n_done += 1
    return n_done


@rewriting("auto_pad")
def auto_pad(graph: Editor) -> int:
    """Symmetric padding of odd windows without stride, said as SAME_UPPER."""
    n_done = 0
    for node in graph.of("Conv"):
        kernel = graph.shape(node.input[1])[2:]
        pads = list(graph.attribute(node, "pads", []))
        strides = graph.attribute(node, "strides", [1])
        spread = graph.attribute(node, "dilations", [1])
        same = pads == [(k or 0) // 2 for k in kernel] * 2
        if any(pads) and same and set(strides) == set(spread) == {1}:
            graph.set_attribute(node, "pads", None)
            graph.set_attribute(node, "auto_pad", "SAME_UPPER")
            n_done += 1
    return n_done


@rewriting("clip_as_min_max")
def clip_as_min_max(graph: Editor) -> int:
    """Clip as Max and Min."""
    n_done = 0
    for node in graph.of("Clip"):
        if len(node.input) > 2 and all(node.input):
            chain = Chain(graph, node)
            lower = chain.then("Max", node.input[0], node.input[1])
            chain.replace(chain.then("Min", lower, node.input[2]))
            n_done += 1
    return n_done


@rewriting("relu_as_max")
def relu_as_max(graph: Editor) -> int:
    """Relu as Max(x, 0)."""
    n_done = 0
    for node in graph.of("Relu"):
        chain = Chain(graph, node)
        chain.replace(chain.then("Max", node.input[0], 0.0))
        n_done += 1
    return n_done


@rewriting("leaky_relu_written_out")
def leaky_relu(graph: Editor) -> int:
    """LeakyRelu as Max(x, alpha x)."""
    n_done = 0
    for node in graph.of("LeakyRelu"):
        slope = graph.attribute(node, "alpha", 0.01)
        chain = Chain(graph, node)
        scaled = chain.then("Mul", node.input[0], slope)
        chain.replace(chain.then("Max", node.input[0], scaled))
        n_done += 1
    return n_done


@rewriting("normalization_written_out")
def normalization(graph: Editor) -> int:
    """LayerNormalization as means, differences and a root."""
    n_done = 0
    for node in graph.of("LayerNormalization"):
        if graph.attribute(node, "axis", -1) == -1 and len(node.input) == 3:
            chain = Chain(graph, node)
            x = node.input[0]
            centred = chain.then("Sub", x, chain.mean(x, [-1]))
            spread = chain.mean(chain.then("Pow", centred, 2.0), [-1])
            eps = graph.attribute(node, "epsilon", 1e-5)
            root = chain.then("Sqrt", chain.then("Add", spread, eps))
            gained = chain.then("Mul", chain.then("Div", centred, root), node.input[1])
            chain.replace(chain.then("Add", gained, node.input[2]))
            n_done += 1
    return n_done


@rewriting("batch_norm_as_product")
def batch_norm(graph: Editor) -> int:
    """BatchNormalization as a product and a sum."""
    n_done = 0
    for node in graph.of("BatchNormalization"):
        values = [graph.constant(name) for name in node.input[1:]]
        rank = len(graph.shape(node.input[0]))
        if any(value is None for value in values) or not rank:
            continue
        gain, offset, mean, spread = (np.asarray(v, np.float64) for v in values)
        root = np.sqrt(spread + graph.attribute(node, "epsilon", 1e-5))
        shape = (1, -1, *[1] * (rank - 2))
        by = (gain / root).reshape(shape).astype(np.float32)
        plus = (offset - gain * mean / root).reshape(shape).astype(np.float32)
        chain = Chain(graph, node)
        scaled = chain.then("Mul", node.input[0], graph.add_constant(by, "by"))
        chain.replace(chain.then("Add", scaled, graph.add_constant(plus, "plus")))
        n_done += 1
    return n_done


@rewriting("gelu_written_out")
def gelu(graph: Editor) -> int:
    """Gelu by its error function or its tanh."""
    n_done = 0
    for node in graph.of("Gelu"):
        chain = Chain(graph, node)
        x = node.input[0]
        if graph.attribute(node, "approximate", "none") == "tanh":
            cubic = chain.then("Mul", chain.then("Pow", x, 3.0), 0.044715)
            inner = chain.then("Mul", chain.then("Add", x, cubic), 0.7978845608)
            bent = chain.then("Tanh", inner)
        else:
            bent = chain.then("Erf", chain.then("Div", x, 1.4142135624))
        half = chain.then("Mul", x, chain.then("Add", bent, 1.0))
        chain.replace(chain.then("Mul", half, 0.5))
        n_done += 1
    return n_done


@rewriting("hard_swish_written_out")
def hard_swish(graph: Editor) -> int:
    """HardSwish as x Clip(x + 3, 0, 6) / 6."""
    n_done = 0
    for node in graph.of("HardSwish"):
        chain = Chain(graph, node)
        x = node.input[0]
        clipped = chain.then("Clip", chain.then("Add", x, 3.0), 0.0, 6.0)
        chain.replace(chain.then("Div", chain.then("Mul", x, clipped), 6.0))
        n_done += 1
    return n_done


@rewriting("softmax_written_out")
def softmax(graph: Editor) -> int:
    """Softmax as exponentials over their sum, the largest taken off first."""
    n_done = 0
    for node in graph.of("Softmax"):
        rank = len(graph.shape(node.output[0]))
        if graph.opset < 13 or graph.attribute(node, "axis", -1) not in (-1, rank - 1):
            continue
        chain = Chain(graph, node)
        x = node.input[0]
        top = _top(graph, chain, x)
        powers = chain.then("Exp", chain.then("Sub", x, top))
        total = chain.then("ReduceSum", powers, [-1], keepdims=1)
        chain.replace(chain.then("Div", powers, total))
        n_done += 1
    return n_done


@rewriting("global_pool_as_mean")
def global_pool(graph: Editor) -> int:
    """GlobalAveragePool as a mean over height and width."""
    n_done = 0
    for node in graph.of("GlobalAveragePool"):
        chain = Chain(graph, node)
        rank = len(graph.shape(node.input[0])) or 4
        chain.replace(chain.mean(node.input[0], list(range(2, rank))))
        n_done += 1
    return n_done


def _top(graph: Editor, chain: Chain, x: str) -> str:
    if graph.opset < 18:
        return chain.then("ReduceMax", x, axes=[-1], keepdims=1)
    return chain.then("ReduceMax", x, [-1], keepdims=1)
