"""Casts that one side alone makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from harness.diagnose.edits import remove_node, together

if TYPE_CHECKING:
    from harness.diagnose.case import Case
    from harness.diagnose.edits import Change
    from harness.graphs.model import Node

_HALF = frozenset({onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16})
_INTEGERS = range(onnx.TensorProto.UINT8, onnx.TensorProto.INT64 + 1)


def lossy_casts(case: Case) -> list[Node]:
    """The candidate's casts to half precision or integers that the reference lacks."""
    mine = [_target(n) for n in case.nodes_of("reference", "Cast")]
    found = []
    for node in case.nodes_of("candidate", "Cast"):
        target = _target(node)
        if target in mine:
            mine.remove(target)
        elif target in _HALF or target in _INTEGERS:
            found.append(node)
    return found


def uncast(case: Case) -> Change:
    """Leaves out all casts of the candidate's piece."""
    nodes = case.nodes_of("candidate", "Cast")
    return together([remove_node(node.key) for node in nodes])


def name_of(cast: Node) -> str:
    """The number type that a cast goes to."""
    return str(onnx.TensorProto.DataType.Name(_target(cast))).lower()


def _target(node: Node) -> int:
    return int(node.attributes.get("to", 0))
