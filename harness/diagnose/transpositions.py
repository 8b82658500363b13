"""Axes that are exchanged, and data that are reshaped instead of transposed."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.edits import (
    add_constant,
    node_of,
    remove_node,
    replace_node,
    set_attribute,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Cause, Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.model import Node

_MOST_AXES = 4


def moved_axes(case: Case, cause: Cause) -> Iterator[Suspect]:
    """Other orders of axes that fit the shapes; the reference's first."""
    paired = dict(_paired(case))
    if not _moves_differ(case):
        return
    for node in case.nodes_of("candidate", "Transpose"):
        yield from _other_orders(case, cause, node, paired.get(node.key))
        yield from _removed(case, cause, node, paired.get(node.key))
    if case.nodes_of("reference", "Transpose"):
        for node in (*case.nodes_of("candidate", "Reshape"), *_in_front(case)):
            yield from _transposed(case, cause, node)
    if case.nodes_of("reference", "Reshape"):
        for node in case.nodes_of("candidate", "Transpose"):
            if node.key not in paired:
                yield from _reshaped(case, cause, node)


def _in_front(case: Case) -> Iterator[Node]:
    """Reshapes that a segment starts behind: they keep values, as a layout does."""
    assert case.candidate is not None
    for cut in case.segment.inputs if case.segment else ():
        node = case.candidate.producer(cut.candidate)
        if node is not None and node.op_type == "Reshape":
            yield node


def _paired(case: Case) -> Iterator[tuple[str, Node]]:
    return ((theirs.key, ours) for ours, theirs in case.pairs_of("Transpose"))


def _moves_differ(case: Case) -> bool:
    """Whether the two sides rearrange otherwise at all."""
    first, second = (
        [
            (n.op_type, *n.ints("perm", ()))
            for n in case.nodes_of(side, "Transpose", "Reshape", "Flatten")
        ]
        for side in ("reference", "candidate")
    )
    return first != second


def _other_orders(
    case: Case, cause: Cause, node: Node, twin: Node | None
) -> Iterator[Suspect]:
    """All orders that come to the same shape."""
    shape = _shape(case, node.input(0))
    now = node.ints("perm", range(len(shape))[::-1])
    wanted = twin.ints("perm", range(len(shape))[::-1]) if twin else None
    if wanted == now:
        return
    others = permutations(now) if len(now) <= _MOST_AXES else ()
    tried = dict.fromkeys([*([wanted] if wanted else []), *others])
    for perm in tried:
        if perm == now or not _fits(shape, perm, now):
            continue
        said = say(
            f"Transpose '{node.label}' orders axes {now}; the reference's order is "
            f"{perm}",
            f"axes {perm}",
            f"axes {now}",
        )
        change = set_attribute(node.key, "perm", list(perm))
        edit = f"set perm of '{node.label}' to {perm}", change
        yield case.suspect(cause, (twin, node), said, edit, group=(perm, now))


def _fits(shape: tuple[int, ...], perm: tuple[int, ...], now: tuple[int, ...]) -> bool:
    if not shape or len(perm) != len(shape):
        return False
    return [shape[i] for i in perm] == [shape[i] for i in now]


def _removed(
    case: Case, cause: Cause, node: Node, twin: Node | None
) -> Iterator[Suspect]:
    """A transposition that the reference does not have."""
    if twin is not None:
        return
    perm = node.ints("perm", ())
    said = say(
        f"Transpose '{node.label}' orders axes {perm}; the reference leaves them",
        "axes as they are",
        f"axes {perm}",
    )
    edit = f"leave out '{node.label}'", remove_node(node.key)
    yield case.suspect(cause, (None, node), said, edit, group=(perm, "left out"))


def _transposed(case: Case, cause: Cause, node: Node) -> Iterator[Suspect]:
    """A reshape to lengths that a transposition would come to."""
    before, after = _shape(case, node.input(0)), _shape(case, node.key)
    if not 2 <= len(before) == len(after) <= _MOST_AXES:
        return
    known = [n.ints("perm", ()) for n in case.nodes_of("reference", "Transpose")]
    rest = permutations(range(len(before)))
    for perm in dict.fromkeys([*known, *rest]):
        if perm == tuple(range(len(before))) or not _comes_to(before, perm, after):
            continue
        said = say(
            f"Reshape '{node.label}' counts {before} off as {after}; the reference "
            f"transposes by {perm}",
            f"transposes by {perm}",
            f"reshapes to {after}",
        )
        change = replace_node(node.key, "Transpose", perm=list(perm))
        edit = f"transpose by {perm} at '{node.label}'", change
        yield case.suspect(cause, (None, node), said, edit, group=(perm, before))


def _comes_to(
    before: tuple[int, ...], perm: tuple[int, ...], after: tuple[int, ...]
) -> bool:
    return len(perm) == len(before) and tuple(before[i] for i in perm) == after


def _reshaped(case: Case, cause: Cause, node: Node) -> Iterator[Suspect]:
    """A transposition where the reference counts off."""
    after = _shape(case, node.key)
    if not after:
        return
    said = say(
        f"Transpose '{node.label}' exchanges axes; the reference reshapes to {after}",
        f"reshapes to {after}",
        f"axes {node.ints('perm', ())}",
    )
    edit = f"reshape to {after} at '{node.label}'", _reshape(node, after)
    yield case.suspect(cause, (None, node), said, edit, group=(after,))


def _reshape(node: Node, shape: tuple[int, ...]) -> Change:
    def change(model: onnx.ModelProto) -> None:
        found = node_of(model, node.key)
        target = add_constant(model, np.array([-1, *shape[1:]], np.int64))
        found.op_type = "Reshape"
        del found.attribute[:]
        found.input.append(target)

    return change


def _shape(case: Case, name: str) -> tuple[int, ...]:
    assert case.candidate is not None
    return case.candidate.static_shape(name) or ()
