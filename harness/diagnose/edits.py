"""Counterfactual edits: what the candidate would be without one suspected fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.core.protocols import Array, IntArray

Change: TypeAlias = "Callable[[onnx.ModelProto], None]"


def edited(model: onnx.ModelProto, changes: Sequence[Change]) -> onnx.ModelProto:
    """A copy of a model after these changes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for change in changes:
        change(copy)
    return copy


def set_attribute(key: str, name: str, value: object) -> Change:
    """Give an attribute of the node whose first output is `key` another value."""

    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, key)
        _drop_attributes(node, name)
        node.attribute.append(onnx.helper.make_attribute(name, value))

    return change


def drop_attribute(key: str, name: str) -> Change:
    """Take an attribute away, so that its default holds."""
    return lambda model: _drop_attributes(node_of(model, key), name)


def set_input(key: str, index: int, name: str) -> Change:
    """Feed an input of a node from another value of the same graph."""

    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, key)
        node.input.extend([""] * (index + 1 - len(node.input)))
        node.input[index] = name

    return change


def replace_node(key: str, op_type: str, inputs: int = 1, **attributes: Any) -> Change:
    """Put another operator in a node's place; it keeps its first `inputs` inputs."""

    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, key)
        node.op_type = op_type
        node.domain = ""
        del node.input[inputs:]
        del node.attribute[:]
        for name, value in attributes.items():
            node.attribute.append(onnx.helper.make_attribute(name, value))

    return change


def insert_after(
    value: str, op_type: str, constants: Sequence[Array] = (), **attributes: Any
) -> Change:
    """Put a new operator behind a value: its readers, and the caller, get the result.

    Args:
        value: What it reads; its node then writes under another name.
        op_type: The operator.
        constants: Further inputs.
        attributes: Of the operator.
    """

    def change(model: onnx.ModelProto) -> None:
        source = node_of(model, value)
        inner = fresh(model, value)
        source.output[list(source.output).index(value)] = inner
        fixed = [add_constant(model, array) for array in constants]
        new = onnx.helper.make_node(op_type, [inner, *fixed], [value], **attributes)
        model.graph.node.insert(place_of(model, value), new)
        # A subgraph or the node itself never reads its own output.

    return change


def remove_node(key: str) -> Change:
    """Let the readers of a node read its first input instead."""

    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, key)
        node.op_type, node.domain = "Identity", ""
        del node.input[1:]
        del node.attribute[:]

    return change


def permute_axis(value: str, order: IntArray, axis: int) -> Change:
    """Make element j of an axis of a computed value what its ``order[j]`` was."""
    return insert_after(value, "Gather", [np.asarray(order, np.int64)], axis=axis)


def set_pads(key: str, pads: Sequence[int], data: str | None) -> Change:
    """Pad a window explicitly.

    Args:
        key: First output of the node.
        pads: All begins, then all ends.
        data: What it reads in place of its present input, past a Pad node; None
            leaves the input.
    """

    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, key)
        _drop_attributes(node, "pads", "auto_pad")
        node.attribute.append(onnx.helper.make_attribute("pads", list(pads)))
        if data is not None:
            node.input[0] = data

    return change


def set_constant(key: str, index: int, array: Array) -> Change:
    """Feed an input of a node from a new constant.

    The file's own constant stays, since other nodes may read it.
    """

    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, key)
        name = add_constant(model, array)
        node.input.extend([""] * (index + 1 - len(node.input)))
        node.input[index] = name

    return change


def transpose_features(key: str, shape: Sequence[int], axes: Sequence[int]) -> Change:
    """Rearrange a flattened input before a matrix product.

    Args:
        key: First output of the matrix product.
        shape: What a sample was before it was flattened.
        axes: Order of its axes afterwards.
    """

    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, key)
        unfolded, turned, flat = (fresh(model, k) for k in ("unfold", "turn", "flat"))
        perm = (0, *(axis + 1 for axis in axes))
        spatial = add_constant(model, np.array([-1, *shape], np.int64))
        vector = add_constant(model, np.array([-1, int(np.prod(shape))], np.int64))
        make = onnx.helper.make_node
        chain = [
            make("Reshape", [node.input[0], spatial], [unfolded]),
            make("Transpose", [unfolded], [turned], perm=perm),
            make("Reshape", [turned, vector], [flat]),
        ]
        node.input[0] = flat
        place = next(i for i, n in enumerate(model.graph.node) if key in n.output)
        for item in reversed(chain):
            model.graph.node.insert(place, item)

    return change


def together(changes: Sequence[Change]) -> Change:
    """Several changes as one."""

    def change(model: onnx.ModelProto) -> None:
        for item in changes:
            item(model)

    return change


def node_of(model: onnx.ModelProto, key: str) -> onnx.NodeProto:
    """The node that computes a value.

    Raises:
        KeyError: No node does; an edit meant for more than this piece of a model.
    """
    nodes: Iterable[onnx.NodeProto] = model.graph.node
    for node in nodes:
        if key in node.output:
            return node
    raise KeyError(key)


def opset_of(model: onnx.ModelProto) -> int:
    """Version of ONNX's own operators."""
    opsets = [item.version for item in model.opset_import if not item.domain]
    return opsets[0] if opsets else 1


def permute_input(key: str, index: int, order: IntArray, axis: int) -> Change:
    """Put element ``order[j]`` of an axis of a node's input in place j."""

    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, key)
        made = fresh(model, "order")
        taken = add_constant(model, np.asarray(order, np.int64))
        inputs = [node.input[index], taken]
        new = onnx.helper.make_node("Gather", inputs, [made], axis=axis)
        node.input[index] = made
        model.graph.node.insert(place_of(model, key), new)

    return change


def place_of(model: onnx.ModelProto, key: str) -> int:
    """Where a node that runs before the readers of `key` belongs."""
    nodes: Iterable[onnx.NodeProto] = model.graph.node
    for i, node in enumerate(nodes):
        if key in node.output or key in node.input:
            return i
    return len(model.graph.node)


def _drop_attributes(node: onnx.NodeProto, *names: str) -> None:
    for i in reversed(range(len(node.attribute))):
        if node.attribute[i].name in names:
            del node.attribute[i]


def add_constant(model: onnx.ModelProto, array: Array) -> str:
    """Add an initializer, and return its name."""
    name = fresh(model, "constant")
    tensor = onnx.numpy_helper.from_array(np.asarray(array, order="C"), name)
    model.graph.initializer.append(tensor)
    return name


def fresh(model: onnx.ModelProto, stem: str) -> str:
    """A name that nothing in the file has."""
    taken = {name for node in model.graph.node for name in node.output}
    taken.update(tensor.name for tensor in model.graph.initializer)
    number = 0
    while f"{stem}/edited_{number}" in taken:
        number += 1
    return f"{stem}/edited_{number}"
