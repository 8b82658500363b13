"""What an operator is set to: attributes with their defaults, and small constants."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.protocols import Array
    from harness.graphs.model import Graph, Node

Setting: TypeAlias = "int | float | str | tuple[int | float | str, ...]"
# Constants of up to so many elements are settings rather than weights.
_SMALL = 16
_NO_SETTING = frozenset({"value", "to", "body", "then_branch", "else_branch"})


def settings_of(graph: Graph, node: Node) -> dict[str, Setting]:
    """Attributes of a node by name, defaults among them.

    The defaults are those of the newest version of the operator that the file's opset
    allows. Graphs and tensors are left out.
    """
    found = dict(_defaults(node.op_type, node.domain, graph.opset))
    for name, value in node.attributes.items():
        plain = _plain(value)
        if plain is not None and name not in _NO_SETTING:
            found[name] = plain
    return found


def small_constants(graph: Graph, node: Node) -> dict[int, Array]:
    """Inputs that the file fixes and that are no weights, by their index."""
    found = {}
    for index, name in enumerate(node.inputs):
        array = graph.constant(name) if name else None
        if array is not None and array.size <= _SMALL and array.dtype.kind in "fiub":
            found[index] = array
    return found


@cache
def _defaults(op_type: str, domain: str, opset: int) -> Mapping[str, Setting]:
    try:
        schema = onnx.defs.get_schema(op_type, max(opset, 1), domain)
    except onnx.defs.SchemaError:
        return {}
    helper = onnx.helper.get_attribute_value
    given = {
        name: _plain(helper(item.default_value))
        for name, item in schema.attributes.items()
        if item.default_value.name and name not in _NO_SETTING
    }
    return {name: value for name, value in given.items() if value is not None}


def _plain(value: object) -> Setting | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (int, str)):
        return value
    if isinstance(value, float):
        return float(np.float32(value))
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        flat = tuple(i for i in items if isinstance(i, (int, float, str)))
        return flat if len(flat) == len(items) else None
    return None
