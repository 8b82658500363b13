"""Counterfactual edits: what the candidate would be without one suspected fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.core.protocols import Array, IntArray

Change: TypeAlias = "Callable[[onnx.ModelProto], None]"


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """A change of the candidate.

    Attributes:
        text: What it does, as an instruction ("set pads of 'conv2' to ...").
        change: Does it, in place.
    """

    text: str
    change: Change


def edited(model: onnx.ModelProto, edits: Sequence[Edit]) -> bytes:
    """The model after these edits, serialized; `model` stays as it is."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for edit in edits:
        edit.change(copy)
    return bytes(copy.SerializeToString())


def set_attribute(key: str, name: str, value: object) -> Change:
    """Give an attribute of the node whose first output is `key` another value."""

    def change(model: onnx.ModelProto) -> None:
        node = _node(model, key)
        _drop_attributes(node, name)
        node.attribute.append(onnx.helper.make_attribute(name, value))

    return change


def set_pads(key: str, pads: Sequence[int], data: str | None) -> Change:
    """Pad a window explicitly.

    Args:
        key: First output of the node.
        pads: All begins, then all ends.
        data: What it reads in place of its present input, past a Pad node; None
            leaves the input.
    """

    def change(model: onnx.ModelProto) -> None:
        node = _node(model, key)
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
        node = _node(model, key)
        name = _add_constant(model, array)
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
        node = _node(model, key)
        unfolded, turned, flat = (_fresh(model, k) for k in ("unfold", "turn", "flat"))
        perm = (0, *(axis + 1 for axis in axes))
        spatial = _add_constant(model, np.array([-1, *shape], np.int64))
        vector = _add_constant(model, np.array([-1, int(np.prod(shape))], np.int64))
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


def permute_columns(output: str, order: IntArray) -> Change:
    """Make column j of a model output what its column ``order[j]`` was."""

    def change(model: onnx.ModelProto) -> None:
        name = _fresh(model, output)
        for node in model.graph.node:
            for names in (node.input, node.output):
                for i, item in enumerate(names):
                    if item == output:
                        names[i] = name
        places = _add_constant(model, np.asarray(order, np.int64))
        model.graph.node.append(
            onnx.helper.make_node("Gather", [name, places], [output], axis=1)
        )

    return change


def together(changes: Sequence[Change]) -> Change:
    """Several changes as one."""

    def change(model: onnx.ModelProto) -> None:
        for item in changes:
            item(model)

    return change


def _node(model: onnx.ModelProto, key: str) -> onnx.NodeProto:
    nodes: Iterable[onnx.NodeProto] = model.graph.node
    return next(node for node in nodes if key in node.output)


def _drop_attributes(node: onnx.NodeProto, *names: str) -> None:
    for i in reversed(range(len(node.attribute))):
        if node.attribute[i].name in names:
            del node.attribute[i]


def _add_constant(model: onnx.ModelProto, array: Array) -> str:
    name = _fresh(model, "constant")
    tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
    model.graph.initializer.append(tensor)
    return name


def _fresh(model: onnx.ModelProto, stem: str) -> str:
    taken = {name for node in model.graph.node for name in node.output}
    taken.update(tensor.name for tensor in model.graph.initializer)
    number = 0
    while f"{stem}/edited_{number}" in taken:
        number += 1
    return f"{stem}/edited_{number}"
