"""Where a convolution's window lies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.drift.faults import Fault, Site, mutator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from benchmarks.drift.editor import Editor

_ELEMENTWISE = {"Relu", "Clip", "BatchNormalization", "Add", "Mul", "LeakyRelu", "Pad"}


@mutator("conv.dilation")
def dilation(graph: Editor) -> Iterator[Site]:
    """The same window, spread wider or closer, of the same size of output."""
    for node in graph.of("Conv"):
        kernel = graph.shape(node.input[1])[2:]
        strides = graph.attribute(node, "strides", [1])
        pads = list(graph.attribute(node, "pads", []))
        odd = all(isinstance(k, int) and k % 2 and k > 1 for k in kernel)
        if odd and kernel and max(strides) == 1 and any(pads):
            yield partial(_dilate, graph, node, tuple(k or 0 for k in kernel))


@mutator("conv.stride")
def stride(graph: Editor) -> Iterator[Site]:
    """The stride moves to the convolution before, as between two versions of ResNet."""
    for node in graph.of("Conv"):
        if max(graph.attribute(node, "strides", [1])) < 2:
            continue
        before = _convolution_before(graph, node)
        if before is not None and _is_pointwise(graph, before):
            yield partial(_move_stride, graph, node, before)


@mutator("convtranspose.padding")
def transposed(graph: Editor) -> Iterator[Site]:
    """The output is cut one element later."""
    for node in graph.of("ConvTranspose"):
        yield partial(_shift, graph, node)


def _dilate(graph: Editor, node: onnx.NodeProto, kernel: tuple[int, ...]) -> Fault:
    old = list(graph.attribute(node, "dilations", [1] * len(kernel)))
    new = [2 if d == 1 else 1 for d in old]
    pads = list(graph.attribute(node, "pads"))
    grown = [(n - o) * (k - 1) // 2 for n, o, k in zip(new, old, kernel, strict=True)]
    graph.set_attribute(node, "dilations", new)
    changed = [p + g for p, g in zip(pads, grown * 2, strict=True)]
    graph.set_attribute(node, "pads", changed)
    return Fault((node.name,), f"dilations {old} -> {new}")


def _convolution_before(graph: Editor, node: onnx.NodeProto) -> onnx.NodeProto | None:
    name = node.input[0]
    while (producer := graph.producers.get(name)) is not None:
        if graph.sole_reader(name) is None:
            return None
        if producer.op_type == "Conv":
            return producer
        if producer.op_type not in _ELEMENTWISE:
            return None
        name = producer.input[0]
    return None


def _is_pointwise(graph: Editor, node: onnx.NodeProto) -> bool:
    window = graph.shape(node.input[1])[2:]
    return set(window) == {1} and set(graph.attribute(node, "strides", [1])) == {1}


def _move_stride(graph: Editor, node: onnx.NodeProto, before: onnx.NodeProto) -> Fault:
    strides = list(graph.attribute(node, "strides"))
    graph.set_attribute(before, "strides", strides)
    graph.set_attribute(node, "strides", [1] * len(strides))
    kernel = [k or 1 for k in graph.shape(node.input[1])[2:]]
    if graph.attribute(node, "auto_pad", "NOTSET") == "NOTSET":
        pads = [(k - 1) // 2 for k in kernel]
        if any(graph.attribute(node, "pads", [])):
            graph.set_attribute(node, "pads", [*pads, *pads])
    return Fault((node.name, before.name), f"stride {strides} one convolution earlier")


def _shift(graph: Editor, node: onnx.NodeProto) -> Fault:
    rank = len(graph.shape(node.input[1])) - 2
    pads = list(graph.attribute(node, "pads", [0] * 2 * rank))
    extra = list(graph.attribute(node, "output_padding", [0] * rank))
    begin, end = pads[:rank], pads[rank:]
    if min(extra) > 0:
        graph.set_attribute(node, "output_padding", [e - 1 for e in extra])
        new = [*(b - 1 for b in begin), *end]
    else:
        new = [*(b - 1 for b in begin), *(e + 1 for e in end)]
    graph.set_attribute(node, "pads", new)
    return Fault((node.name,), f"pads {pads} -> {new}, output_padding was {extra}")
