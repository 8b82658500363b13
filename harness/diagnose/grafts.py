"""Edits that bring single nodes of the reference into the candidate, or take some out.

Smaller than a transplanted segment: only what a probe names is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from harness.core.protocols import Array
    from harness.diagnose.case import Case
    from harness.diagnose.edits import Change
    from harness.graphs.model import Graph, Node

_MARK = "grafted"


def graft(
    case: Case,
    nodes: Sequence[Node],
    given: Mapping[str, str],
    end: str,
    target: str,
) -> Change | None:
    """Let nodes of the reference compute a value of the candidate.

    Args:
        case: Holds both graphs.
        nodes: Of the reference, in topological order.
        given: What they read that the file does not fix -> the candidate's values.
        end: What they compute of it.
        target: The candidate's value that becomes this; its old node is cut off.

    Returns:
        None where the candidate's operators are of another version, or something
        that the nodes read has no counterpart.
    """
    made = _made(case, nodes, given, end, target, target)
    if made is None:
        return None

    def change(model: onnx.ModelProto) -> None:
        place = _cut_off(model, target)
        _insert(model, made, place)

    return change


def insert_graft(
    case: Case,
    nodes: Sequence[Node],
    given: Mapping[str, str],
    end: str,
    readers: Collection[str] | None = None,
) -> Change | None:
    """Put nodes of the reference behind a value of the candidate.

    Args:
        case: Holds both graphs.
        nodes: Of the reference; they read one value of `given`.
        given: As for `graft`; the readers of its one value read the result instead.
        end: What they compute of it.
        readers: Keys of the nodes that do; None for all, and for the caller.
    """
    (source,) = set(given.values()) or {""}
    fresh = f"{_MARK}/{source}"
    inner = f"{_MARK}/before/{source}"
    moved = dict.fromkeys(given, inner) if readers is None else given
    target = source if readers is None else fresh
    made = _made(case, nodes, moved, end, target, fresh)
    if made is None:
        return None

    def change(model: onnx.ModelProto) -> None:
        if readers is None:
            _insert(model, made, _renamed(model, source, inner))
            return
        found = [n for n in model.graph.node if set(readers) & set(n.output)]
        if not found:
            raise KeyError(source)
        first = next(i for i, n in enumerate(model.graph.node) if n is found[0])
        if not any(fresh in n.output for n in model.graph.node):
            _insert(model, made, first)
        for node in found:
            _read_instead(node, source, fresh)

    return change


def feed_readers(
    source: str, op_type: str, constants: Sequence[Array], **attributes: Any
) -> Change:
    """Put an operator between a value and all that read it, an input say.

    Args:
        source: The value.
        op_type: An operator of `source` and constants.
        constants: Further inputs.
        attributes: Of the operator.
    """

    def change(model: onnx.ModelProto) -> None:
        found = [n for n in model.graph.node if source in n.input]
        if not found:
            raise KeyError(source)
        fresh = _fresh(model, f"{_MARK}/{source}")
        names = [f"{fresh}/{i}" for i in range(len(constants))]
        for name, array in zip(names, constants, strict=True):
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
        made = onnx.helper.make_node(op_type, [source, *names], [fresh], **attributes)
        for node in found:
            _read_instead(node, source, fresh)
        _insert(model, [made], 0)

    return change


def bypass(key: str, source: str) -> Change:
    """Let a value be another one."""

    def change(model: onnx.ModelProto) -> None:
        place = _cut_off(model, key)
        made = onnx.helper.make_node("Identity", [source], [key])
        _insert(model, [made], place)

    return change


def exchange_outputs(moved: Mapping[str, str]) -> Change:
    """Let outputs answer what others do.

    Args:
        moved: Output -> the output whose values it should have.
    """

    def change(model: onnx.ModelProto) -> None:
        fresh = {name: f"{_MARK}/exchanged/{name}" for name in moved}
        for name, inner in fresh.items():
            _renamed(model, name, inner)
        for node in model.graph.node:
            for name, inner in fresh.items():
                _read_instead(node, name, inner)
        made = [
            onnx.helper.make_node("Identity", [fresh[source]], [name])
            for name, source in moved.items()
        ]
        _insert(model, made, len(model.graph.node))

    return change


def _made(
    case: Case,
    nodes: Sequence[Node],
    given: Mapping[str, str],
    end: str,
    target: str,
    mark: str,
) -> list[onnx.NodeProto] | None:
    mine, other = case.reference, case.candidate
    assert mine is not None
    assert other is not None
    if not all(_same_version(node, mine, other) for node in nodes):
        return None
    names = {key: f"{mark}/{key}" for node in nodes for key in node.outputs if key}
    names |= dict(given) | {end: target}
    half = _is_half(other, given)
    made = []
    for node in nodes:
        for name in node.inputs:
            if name and name not in names:
                array = mine.constant(name)
                if array is None:
                    return None
                names[name] = f"{mark}/{name}"
                made.append(_constant(names[name], _typed(array, half)))
        made.append(_copied(node, names))
    return made


def _same_version(node: Node, mine: Graph, other: Graph) -> bool:
    if mine.opset == other.opset:
        return True
    try:
        versions = {
            onnx.defs.get_schema(node.op_type, graph.opset, node.domain).since_version
            for graph in (mine, other)
        }
    except onnx.defs.SchemaError:
        return False
    # Between these versions an elementwise operator gained number types alone.
    return len(versions) == 1 or (min(versions) >= 6 and _only_types(node))


def _only_types(node: Node) -> bool:
    return node.op_type in {
        *("Add", "Sub", "Mul", "Div", "Relu", "Sigmoid", "Tanh", "Erf", "Sqrt", "Exp"),
        *("LeakyRelu", "Elu", "HardSigmoid", "Identity", "Round", "Floor", "Neg"),
    }


def _is_half(graph: Graph, given: Mapping[str, str]) -> bool:
    dtypes = {graph.values[k].dtype for k in given.values() if k in graph.values}
    return dtypes == {"float16"}


def _typed(array: Array, half: bool) -> Array:
    return array.astype(np.float16) if half and array.dtype.kind == "f" else array


def _constant(name: str, array: Array) -> onnx.NodeProto:
    value = onnx.numpy_helper.from_array(np.asarray(array, order="C"))
    return onnx.helper.make_node("Constant", [], [name], value=value)


def _copied(node: Node, names: Mapping[str, str]) -> onnx.NodeProto:
    inputs = [names[k] if k else "" for k in node.inputs]
    outputs = [names[k] if k else "" for k in node.outputs]
    return onnx.helper.make_node(
        node.op_type, inputs, outputs, domain=node.domain, **node.attributes
    )


def _cut_off(model: onnx.ModelProto, key: str) -> int:
    """Rename what a node computes; returns the place behind it."""
    return _renamed(model, key, f"{_MARK}/replaced/{key}")


def _renamed(model: onnx.ModelProto, key: str, name: str) -> int:
    for place, node in enumerate(model.graph.node):
        for i, output in enumerate(node.output):
            if output == key:
                node.output[i] = name
                return place + 1
    raise KeyError(key)


def _read_instead(node: onnx.NodeProto, source: str, fresh: str) -> None:
    for i, name in enumerate(node.input):
        if name == source:
            node.input[i] = fresh


def _insert(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], at: int) -> None:
    for node in reversed(nodes):
        model.graph.node.insert(at, node)


def _fresh(model: onnx.ModelProto, stem: str) -> str:
    taken = {name for node in model.graph.node for name in node.output}
    number = 0
    while f"{stem}/{number}" in taken:
        number += 1
    return f"{stem}/{number}"
