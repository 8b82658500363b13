"""An ONNX graph in float64: what a model computes, with next to no rounding.

Weights and everything between become double. Inputs stay what they are and are cast at
the edge, so that the graph is fed as the original is; its outputs are double.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness.backends.onnx_files import check_onnx
from harness.core.errors import ModelLoadError

if TYPE_CHECKING:
    from pathlib import Path

_NARROW = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16})
_FLOAT_ATTRIBUTES = frozenset({"value_float", "value_floats"})
# Attributes that name a dtype: what they make is double, or what follows would mix.
_DTYPE_ATTRIBUTES = frozenset({"to", "dtype"})
# They round on purpose, or draw: their double says nothing of the original.
_REFUSED = frozenset(
    {
        *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
        *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        *("Multinomial", "Bernoulli"),
    }
)
# protobuf cannot write more than 2 GiB; half of that leaves room for the graph.
_MAX_BYTES = 1 << 30


def write_double(path: Path, target: Path) -> int:
    """Write the float64 form of a model.

    Args:
        path: An ``.onnx`` file; data that it keeps in other files is taken in.
        target: Where to write.

    Returns:
        Elements of its weights.

    Raises:
        ModelLoadError: There is no such form: the model cannot be read, has control
            flow or functions, rounds on purpose, or its weights are too large.
        UnsafeModelError: The model keeps data outside its own folder.
    """
    check_onnx(path, path.parent)
    try:
        model = onnx.load(path)
    except Exception as error:
        raise _refused(path, f"it cannot be read: {error}") from error
    _require_plain(path, model)
    n_elements = _widen(model.graph)
    if 8 * n_elements > _MAX_BYTES:
        raise _refused(path, f"its {n_elements:,} weights are too many")
    target.write_bytes(model.SerializeToString())
    return n_elements


def _require_plain(path: Path, model: onnx.ModelProto) -> None:
    if model.functions:
        raise _refused(path, "it has functions of its own")
    for node in model.graph.node:
        if any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute):
            raise _refused(path, f"{node.op_type} {node.name!r} is control flow")
        if node.op_type in _REFUSED:
            raise _refused(path, f"it has a {node.op_type}, which rounds or draws")


def _refused(path: Path, reason: str) -> ModelLoadError:
    return ModelLoadError(
        f"{path} has no float64 form: {reason}",
        hint="calibrate without an oracle, or by a variant that has plain operators",
    )


def _widen(graph: Any) -> int:
    """Make a graph double, in place; returns the elements of its weights."""
    del graph.value_info[:]
    n_elements = sum(_widen_tensor(tensor) for tensor in graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            _widen_attribute(attribute)
    _cast_inputs(graph)
    for value in graph.output:
        if value.type.tensor_type.elem_type in _NARROW:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return n_elements


def _widen_tensor(tensor: Any) -> int:
    array = numpy_helper.to_array(tensor)
    if tensor.data_type in _NARROW:
        wide = numpy_helper.from_array(array.astype(np.float64), tensor.name)
        tensor.CopyFrom(wide)
    return int(array.size)


def _widen_attribute(attribute: Any) -> None:
    if attribute.name in _DTYPE_ATTRIBUTES and attribute.i in _NARROW:
        attribute.i = TensorProto.DOUBLE
    elif attribute.type == attribute.TENSOR:
        _widen_tensor(attribute.t)
    elif attribute.name in _FLOAT_ATTRIBUTES:
        # Constant's shorthands are float32: spelt out, they can be double.
        value = helper.get_attribute_value(attribute)
        wide = numpy_helper.from_array(np.asarray(value, np.float64))
        attribute.CopyFrom(helper.make_attribute("value", wide))


def _cast_inputs(graph: Any) -> None:
    constants = {tensor.name for tensor in graph.initializer}
    used = {name for node in graph.node for name in (*node.input, *node.output)}
    casts = []
    for value in graph.input:
        narrow = value.type.tensor_type.elem_type in _NARROW
        if value.name in constants:
            # An initializer that old files list as an input too.
            if narrow:
                value.type.tensor_type.elem_type = TensorProto.DOUBLE
        elif narrow:
            wide = _free_name(f"{value.name}_float64", used)
            _rename_input(graph, value.name, wide)
            casts.append(
                helper.make_node("Cast", [value.name], [wide], to=TensorProto.DOUBLE)
            )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _free_name(wanted: str, used: set[str]) -> str:
    while wanted in used:
        wanted += "_"
    used.add(wanted)
    return wanted


def _rename_input(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new
