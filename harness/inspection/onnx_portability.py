"""Operators that runtimes and converters are known to read in different ways.

Each rule is silent where the file itself shows that the difference cannot matter.
The cases are those of issue trackers and of measurements with single operators.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from harness.inspection.onnx_graphs import attributes, input_of, named, text
from harness.inspection.onnx_parsing import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from onnx import NodeProto

    from harness.inspection.onnx_graphs import OnnxModel

    Rule = Callable[[OnnxModel], Iterator[str]]

_WINDOWED = ("AveragePool", "Conv", "ConvTranspose", "LpPool", "MaxPool")
_NEVER_NEGATIVE = frozenset({"Relu", "Sigmoid", "Softmax", "HardSigmoid", "Exp", "Abs"})
# Whose meaning of `axis` changed with opset 13.
_FLATTENING = ("Hardmax", "LogSoftmax", "Softmax")


def portability_notes(model: OnnxModel) -> tuple[str, ...]:
    """One line each, none where there is nothing to say."""
    return tuple(line for rule in _RULES for line in rule(model))


def _auto_pad(model: OnnxModel) -> Iterator[str]:
    found = defaultdict(list)
    for node in model.of_type(*_WINDOWED):
        mode = text(attributes(node).get("auto_pad", b"NOTSET"))
        if mode.startswith("SAME") and not _always_symmetric(node, model):
            found[f"{node.op_type} with auto_pad {mode}"].append(node)
    for what, nodes in sorted(found.items()):
        yield (
            f"{what}: which side gets the odd pixel of padding differs between"
            f" frameworks ({named(nodes)})"
        )


def _always_symmetric(node: NodeProto, model: OnnxModel) -> bool:
    """Whether SAME pads both sides alike, whatever the size of the input."""
    given = attributes(node)
    kernel = given.get("kernel_shape")
    if kernel is None:
        weight = model.shape(input_of(node, 1))
        kernel = weight[2:] if weight else None
    if kernel is None or any(stride != 1 for stride in given.get("strides", ())):
        return False
    dilations = given.get("dilations") or [1] * len(kernel)
    spans = ((k - 1) * d for k, d in zip(kernel, dilations, strict=True))
    return all(span % 2 == 0 for span in spans)


def _pad_before_max_pool(model: OnnxModel) -> Iterator[str]:
    for node in model.of_type("MaxPool"):
        pad = model.producer(input_of(node, 0))
        if pad is None or pad.op_type != "Pad":
            continue
        source = model.producer(input_of(pad, 0))
        harmless = source is not None and source.op_type in _NEVER_NEGATIVE
        if (
            text(attributes(pad).get("mode", b"constant")) == "constant"
            and not harmless
        ):
            yield (
                f"Pad before MaxPool ({named([pad, node])}): onnxruntime may fuse them"
                " and pad with -infinity instead of the constant"
            )


def _average_pool(model: OnnxModel) -> Iterator[str]:
    nodes = [
        n for n in model.of_type("AveragePool") if any(attributes(n).get("pads", ()))
    ]
    if nodes:
        yield (
            "AveragePool with padding: whether padding counts in the mean differs"
            f" between frameworks ({named(nodes)})"
        )


def _ceil_mode(model: OnnxModel) -> Iterator[str]:
    nodes = [
        node
        for node in model.of_type("AveragePool", "LpPool", "MaxPool")
        if attributes(node).get("ceil_mode", 0) and _strided(node)
    ]
    if nodes:
        yield (
            "pooling with ceil_mode 1: the size and divisor of the last window differ"
            f" between runtimes ({named(nodes)})"
        )


def _strided(node: NodeProto) -> bool:
    return any(stride != 1 for stride in attributes(node).get("strides", ()))


def _resize(model: OnnxModel) -> Iterator[str]:
    found = defaultdict(list)
    for node in model.of_type("Resize", "Upsample"):
        given = attributes(node)
        mode = text(given.get("mode", b"nearest"))
        if mode == "nearest" and _whole_scales(node, model):
            continue
        place = text(given.get("coordinate_transformation_mode", b"half_pixel"))
        found[f"{node.op_type} {mode}, {place}"].append(node)
    for what, nodes in sorted(found.items()):
        yield f"{what}: pixel centres differ between frameworks ({named(nodes)})"


def _whole_scales(node: NodeProto, model: OnnxModel) -> bool:
    """Nearest neighbours of a whole scale of 1 or 2 are the same in every mode."""
    scales = model.constants.get(input_of(node, 1 if node.op_type == "Upsample" else 2))
    values = None if scales is None else values_of(scales)
    return values is not None and bool(np.isin(values, (1, 2)).all())


def _softmax(model: OnnxModel) -> Iterator[str]:
    if model.opsets.get("ai.onnx", 13) >= 13:
        return
    nodes = [n for n in model.of_type(*_FLATTENING) if not _last_axis(n, model)]
    if nodes:
        yield (
            "Softmax before opset 13 flattens the axes from `axis` on; some runtimes"
            f" take one axis only ({named(nodes)})"
        )


def _last_axis(node: NodeProto, model: OnnxModel) -> bool:
    axis = attributes(node).get("axis", 1)
    shape = model.shape(input_of(node, 0)) or model.shape(next(iter(node.output), ""))
    return axis == -1 or (shape is not None and axis == len(shape) - 1)


def _training(model: OnnxModel) -> Iterator[str]:
    nodes = [
        node
        for node in model.of_type("BatchNormalization")
        if attributes(node).get("training_mode", 0)
    ]
    if nodes:
        yield (
            "BatchNormalization in training mode: answers depend on the batch"
            f" ({named(nodes)})"
        )


def _gru(model: OnnxModel) -> Iterator[str]:
    nodes = [
        node
        for node in model.of_type("GRU")
        if not attributes(node).get("linear_before_reset", 0)
    ]
    if nodes:
        yield (
            "GRU with linear_before_reset 0: PyTorch and Keras (reset_after) mean 1"
            f" ({named(nodes)})"
        )


def _runtime_operators(model: OnnxModel) -> Iterator[str]:
    nodes = [node for node in model.nodes if node.domain.startswith("com.microsoft")]
    if nodes:
        kinds = sorted({node.op_type for node in nodes})
        shown = ", ".join(kinds[:5]) + (", ..." if len(kinds) > 5 else "")
        yield f"operators that onnxruntime alone has: {shown}"


def _mixed_signs(model: OnnxModel) -> Iterator[str]:
    """uint8 activations times int8 weights, where no weight is kept to 7 bits."""
    unsigned = any(
        model.constants[input_of(node, 2)].data_type == TensorProto.UINT8
        for node in model.of_type("QuantizeLinear")
        if input_of(node, 2) in model.constants
    ) or bool(model.of_type("DynamicQuantizeLinear"))
    wide = [name for name in _quantized_weights(model) if _uses_8_bits(model, name)]
    if unsigned and wide:
        yield (
            "uint8 activations with int8 weights of 8 bits: sums saturate on CPUs"
            f" without VNNI ({len(wide)} weights)"
        )


def _quantized_weights(model: OnnxModel) -> Iterable[str]:
    return (
        name
        for name, tensor in model.constants.items()
        if tensor.data_type == TensorProto.INT8 and math.prod(tensor.dims) > 1
    )


def _uses_8_bits(model: OnnxModel, name: str) -> bool:
    values = values_of(model.constants[name])
    return values is not None and bool(values.max() > 64 or values.min() < -64)


_RULES: tuple[Rule, ...] = (
    _auto_pad,
    _pad_before_max_pool,
    _average_pool,
    _ceil_mode,
    _resize,
    _softmax,
    _training,
    _gru,
    _mixed_signs,
    _runtime_operators,
)
