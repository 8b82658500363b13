"""Attributes that say the same under other names, and that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import onnx

from harness.diagnose.case import say
from harness.diagnose.edits import node_of, opset_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Cause, Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.model import Graph, Node

Settings: TypeAlias = "Mapping[str, int | float | str]"

# GridSample renamed its modes with opset 20.
_RENAMED = 20
_OLD_WORDS: Mapping[object, str] = {"linear": "bilinear", "cubic": "bicubic"}


def together_suspects(
    case: Case, cause: Cause, op_type: str, read: Callable[[Graph, Node], Settings]
) -> Iterator[Suspect]:
    """A suspect for each pair of an operator with settings that mean something else.

    Args:
        case: Where to look.
        cause: What is suspected.
        op_type: The operator.
        read: What a node is set to, in one vocabulary.
    """
    assert case.reference is not None
    assert case.candidate is not None
    for nodes in case.pairs_of(op_type):
        mine, other = read(case.reference, nodes[0]), read(case.candidate, nodes[1])
        names = [name for name in mine if mine[name] != other.get(name)]
        if not names:
            continue
        theirs = nodes[1]
        wanted, now = _shown(mine, names), _shown(other, names)
        said = say(
            f"{op_type} '{theirs.label}' has {now}; the reference has {wanted}",
            wanted,
            now,
        )
        change = _set_all(theirs, {name: mine[name] for name in names})
        edit = f"give '{theirs.label}' {wanted}", change
        yield case.suspect(cause, nodes, said, edit, group=(wanted, now))


def _shown(settings: Settings, names: list[str]) -> str:
    return ", ".join(f"{name} {settings.get(name)}" for name in names)


def _set_all(node: Node, settings: Settings) -> Change:
    def change(model: onnx.ModelProto) -> None:
        found = node_of(model, node.key)
        kept = [a for a in found.attribute if a.name not in settings]
        del found.attribute[:]
        found.attribute.extend(kept)
        for name, value in settings.items():
            made = value
            if found.op_type == "GridSample" and opset_of(model) < _RENAMED:
                made = _OLD_WORDS.get(value, value)
            found.attribute.append(onnx.helper.make_attribute(name, made))

    return change
