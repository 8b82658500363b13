"""What an optimizer did to a graph: nodes that went away, and nodes that changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx
from onnx import helper

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LISTED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Rewrites:
    """One graph, optimized without and with something.

    Attributes:
        gone: Nodes that are there without it alone, in order.
        made: Nodes that are there with it alone, or set otherwise, in order.
        kept: Nodes that were there before those of `made`, by their first output.
    """

    gone: tuple[onnx.NodeProto, ...]
    made: tuple[onnx.NodeProto, ...]
    kept: dict[str, onnx.NodeProto]

    @property
    def values(self) -> tuple[str, ...]:
        """Values that are not computed any more."""
        return tuple(_key(node) for node in self.gone)

    def at(self, value: str) -> tuple[onnx.NodeProto, onnx.NodeProto | None]:
        """The node that computed a value of `values`, and the one that took it in."""
        node = next(node for node in self.gone if _key(node) == value)
        readers = {_key(n) for n in self.kept.values() if value in n.input}
        after = [n for n in self.made if _key(n) in readers]
        fed = {*node.input}
        return node, next(iter(after), None) or next(
            (n for n in self.made if fed & {*n.input}), None
        )


def compare_graphs(without: bytes, with_: bytes) -> Rewrites:
    """Hold two optimized forms of one graph against each other.

    Args:
        without: Serialized ModelProto before.
        with_: After.
    """
    before, after = _nodes(without), _nodes(with_)
    return Rewrites(
        gone=tuple(node for key, node in before.items() if key not in after),
        made=tuple(
            node
            for key, node in after.items()
            if key not in before or _differ(node, before[key])
        ),
        kept=before,
    )


def told(node: onnx.NodeProto) -> str:
    """A node as a reader finds it in the file."""
    return f"{node.op_type} '{node.name or _key(node)}'"


def listed(nodes: Sequence[onnx.NodeProto]) -> str:
    """Some nodes, the first few by name."""
    names = ", ".join(told(node) for node in nodes[:_LISTED])
    more = len(nodes) - _LISTED
    return f"{names} and {more} more" if more > 0 else names


def settings(node: onnx.NodeProto, names: Iterable[str] | None = None) -> str:
    """Attributes of a node as text, those of `names` or all."""
    wanted = None if names is None else set(names)
    return ", ".join(
        f"{a.name} {_value(a)}"
        for a in sorted(node.attribute, key=lambda a: a.name)
        if wanted is None or a.name in wanted
    )


def changed_settings(old: onnx.NodeProto, new: onnx.NodeProto) -> set[str]:
    """Names of attributes that two forms of a node do not share."""
    before = {a.name: a.SerializeToString(deterministic=True) for a in old.attribute}
    after = {a.name: a.SerializeToString(deterministic=True) for a in new.attribute}
    return {n for n in before | after if before.get(n) != after.get(n)}


def _value(attribute: onnx.AttributeProto) -> str:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value if isinstance(value, (int, float, str)) else list(value))


def _nodes(model: bytes) -> dict[str, onnx.NodeProto]:
    return {_key(node): node for node in onnx.load_model_from_string(model).graph.node}


def _key(node: onnx.NodeProto) -> str:
    return next(filter(None, node.output), "")


def _differ(mine: onnx.NodeProto, other: onnx.NodeProto) -> bool:
    if mine.op_type != other.op_type or [*mine.input] != [*other.input]:
        return True
    return bool(changed_settings(mine, other))


def with_outputs(model: bytes, values: Iterable[str]) -> bytes:
    """A serialized model that answers some of its inner values, too."""
    marked = onnx.load_model_from_string(model)
    known = {output.name for output in marked.graph.output}
    for name in values:
        if name not in known:
            marked.graph.output.append(onnx.ValueInfoProto(name=name))
    return bytes(marked.SerializeToString())
