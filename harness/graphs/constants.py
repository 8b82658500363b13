"""Constant folding, far enough to see weights and exporters' shape arithmetic.

Small operators are evaluated by onnx's reference implementation; dequantization is
done here, because the step must be kept and older opsets are not implemented there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.protocols import Array
    from harness.graphs.model import Shape

_FOLDABLE = frozenset(
    {
        *("Add", "Cast", "Concat", "Constant", "ConstantOfShape", "Div", "Expand"),
        *("Flatten", "Gather", "Identity", "Mul", "Neg", "Pow", "QuantizeLinear"),
        *("Range", "Reciprocal", "ReduceProd", "Reshape", "Slice", "Sqrt", "Squeeze"),
        *("Sub", "Transpose", "Unsqueeze"),
    }
)
_SAME_PLACES = frozenset({"Identity", "Cast"})


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """An array and, where it was dequantized, half its step (broadcastable to it)."""

    array: Array
    half_step: Array | None = None


def fold(
    nodes: Sequence[onnx.NodeProto],
    initial: Mapping[str, Constant],
    shapes: Mapping[str, Shape | None],
    model: onnx.ModelProto,
) -> dict[str, Constant]:
    """All values that do not depend on what the model is fed.

    Args:
        nodes: In topological order.
        initial: The initializers.
        shapes: Known shapes, for the operator Shape.
        model: Whose opset imports the nodes follow.

    Returns:
        Value name -> constant, the initializers among them.
    """
    constants = dict(initial)
    for node in nodes:
        if node.output[0] in constants:
            continue
        if found := _evaluate(node, constants, shapes, model):
            constants[node.output[0]] = found
    return constants


def _evaluate(
    node: onnx.NodeProto,
    constants: Mapping[str, Constant],
    shapes: Mapping[str, Shape | None],
    model: onnx.ModelProto,
) -> Constant | None:
    if node.op_type == "Shape" and not node.domain:
        known = constants.get(node.input[0])
        return _shape(node, known.array.shape if known else shapes.get(node.input[0]))
    if not all(name in constants for name in node.input if name):
        return None
    if node.op_type == "DequantizeLinear":
        return _dequantize(node, [constants[k].array for k in node.input if k])
    if node.domain or node.op_type not in _FOLDABLE:
        return None
    feeds = {name: constants[name].array for name in node.input if name}
    array = _run(node, feeds, model)
    first = constants[node.input[0]].half_step if node.input else None
    return Constant(array, None if first is None else _moved(node, first, array))


def _run(
    node: onnx.NodeProto, feeds: Mapping[str, Array], model: onnx.ModelProto
) -> Array:
    untyped = [onnx.ValueInfoProto(name=name) for name in feeds]
    wanted = [onnx.ValueInfoProto(name=node.output[0])]
    graph = onnx.helper.make_graph([node], "constant", untyped, wanted)
    alone = onnx.helper.make_model(graph, opset_imports=list(model.opset_import))
    (array,) = ReferenceEvaluator(alone).run(None, dict(feeds))
    return np.asarray(array)


def _shape(node: onnx.NodeProto, shape: Shape | None) -> Constant | None:
    bounds = {a.name: a.i for a in node.attribute}
    wanted = (shape or (None,))[bounds.get("start", 0) : bounds.get("end")]
    if not all(isinstance(length, int) for length in wanted):
        return None
    return Constant(np.array(wanted, np.int64))


def _dequantize(node: onnx.NodeProto, arrays: Sequence[Array]) -> Constant:
    """(x - zero_point) * scale, by tensor, axis or block (ONNX DequantizeLinear)."""
    x, scale, *zero = arrays
    settings = {a.name: a.i for a in node.attribute}
    axis = settings.get("axis", 1)
    step = _spread(scale.astype(np.float32), x, axis, settings.get("block_size", 0))
    shift = np.zeros((), np.float32)
    if zero:
        shift = zero[0].astype(np.float32)
        shift = _spread(shift, x, axis, settings.get("block_size", 0))
    return Constant((x.astype(np.float32) - shift) * step, np.abs(step) / 2)


def _spread(parameter: Array, x: Array, axis: int, block: int) -> Array:
    if block:
        repeated = np.repeat(parameter, block, axis)
        return repeated.take(range(x.shape[axis]), axis)
    if parameter.size == 1 or x.ndim < 2:
        return parameter.reshape(-1) if x.ndim else parameter.reshape(())
    along = [1] * x.ndim
    along[axis] = -1
    return parameter.reshape(along)


def _moved(node: onnx.NodeProto, half_step: Array, array: Array) -> Array:
    if node.op_type in _SAME_PLACES:
        return half_step
    if node.op_type == "Transpose" and half_step.ndim == array.ndim:
        perm = next((a.ints for a in node.attribute if a.name == "perm"), None)
        return np.transpose(half_step, perm)
    return np.asarray(half_step.max())
