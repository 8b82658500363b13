"""Pad nodes on their own, where no window takes them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from harness.diagnose.case import say
from harness.diagnose.edits import add_constant, node_of, opset_of
from harness.diagnose.windows import CONVS, POOLS, filled, shown, window_suspects
from harness.graphs.padding import padding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Cause, Statement, Suspect
    from harness.diagnose.edits import Change
    from harness.diagnose.windows import Windows
    from harness.graphs.model import Graph, Node
    from harness.graphs.padding import Padding

_WINDOWED = frozenset(CONVS + POOLS)
FILLING = _WINDOWED | {"Pad"}
"""Operators that fill what lies beyond their input."""
_TURNED = ((0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2))


def fill_suspects(case: Case, cause: Cause) -> Iterator[Suspect]:
    """A suspect for each window and each Pad that is filled otherwise."""
    yield from window_suspects(case, cause, CONVS + POOLS, _tell_fill)
    yield from pad_suspects(case, cause)


def _tell_fill(pair: Windows) -> Statement:
    theirs = pair.nodes[1]
    mine, other = filled(pair.mine), filled(pair.other)
    return say(
        f"{theirs.op_type} '{theirs.label}' pads {shown(pair.other)} with {other}; the "
        f"reference pads with {mine}",
        f"pads with {mine}",
        f"pads with {other}",
    )


def pad_suspects(case: Case, cause: Cause) -> Iterator[Suspect]:
    """A suspect for each pair of Pad nodes that parts by this cause."""
    assert case.reference is not None
    assert case.candidate is not None
    for nodes in case.pairs_of("Pad"):
        mine = _read(case.reference, nodes[0])
        other = _read(case.candidate, nodes[1])
        if mine is None or other is None or _is_taken_in(case, nodes[1]):
            continue
        if _parting(mine, other) == cause.slug:
            yield from _suspects(case, cause, nodes, (mine, other))


def _suspects(
    case: Case,
    cause: Cause,
    nodes: tuple[Node, Node],
    pair: tuple[Padding, Padding],
) -> Iterator[Suspect]:
    mine, other = pair
    theirs = nodes[1]
    said = say(
        f"Pad '{theirs.label}' adds {_shown(other)}; the reference adds {_shown(mine)}",
        f"adds {_shown(mine)}",
        f"adds {_shown(other)}",
    )
    for amounts in _amounts(mine, other):
        wanted = type(mine)(amounts, mine.mode, mine.value)
        dtype = _dtype(case, theirs)
        edit = (
            f"let '{theirs.label}' add {_shown(wanted)}",
            _pad_as(theirs, wanted, dtype),
        )
        yield case.suspect(cause, nodes, said, edit, group=(wanted, other))


def _read(graph: Graph, node: Node) -> Padding | None:
    shape = graph.values[node.key].shape
    return None if shape is None else padding_of(graph, node, len(shape))


def _is_taken_in(case: Case, node: Node) -> bool:
    """Whether a window of the segment speaks for it."""
    inside = case.nodes_of("candidate", *_WINDOWED)
    return any(window.input(0) in node.outputs for window in inside)


def _parting(mine: Padding, other: Padding) -> str | None:
    if mine.mode != other.mode:
        return "padding.mode"
    if mine.value != other.value:
        return "padding.value"
    same = sorted(mine.amounts) == sorted(other.amounts)
    return None if same else "padding.same_split"


def _amounts(mine: Padding, other: Padding) -> Iterator[tuple[tuple[int, int], ...]]:
    """The reference's amounts, in each order of axes that the candidate may have."""
    rank = len(mine.amounts)
    if sorted(mine.amounts) == sorted(other.amounts):
        yield other.amounts
    elif _grown(mine.amounts) == _grown(other.amounts) or rank != 4:
        yield mine.amounts
    else:
        for order in _TURNED:
            yield tuple(mine.amounts[axis] for axis in order)


def _grown(amounts: tuple[tuple[int, int], ...]) -> list[bool]:
    return [any(pair) for pair in amounts]


def _dtype(case: Case, node: Node) -> np.dtype[np.generic]:
    assert case.candidate is not None
    value = case.candidate.values.get(node.input(0))
    return np.dtype((value and value.dtype) or "float32")


def _pad_as(node: Node, wanted: Padding, dtype: np.dtype[np.generic]) -> Change:
    begins, ends = zip(*wanted.amounts, strict=True)

    def change(model: onnx.ModelProto) -> None:
        pad = node_of(model, node.key)
        del pad.input[1:]
        del pad.attribute[:]
        given: dict[str, Any] = {"mode": wanted.mode}
        if opset_of(model) < 11:
            given |= {"pads": [*begins, *ends], "value": wanted.value}
        else:
            amounts = np.array([*begins, *ends], np.int64)
            value = np.array(wanted.value, dtype)
            constants = (amounts, value) if wanted.mode == "constant" else (amounts,)
            pad.input.extend(add_constant(model, array) for array in constants)
        for name, item in given.items():
            pad.attribute.append(onnx.helper.make_attribute(name, item))

    return change


def _shown(padding: Padding) -> str:
    amounts = "(" + ", ".join(f"{b}+{e}" for b, e in padding.amounts) + ")"
    how = f"the constant {padding.value:g}"
    return f"{amounts} of {how if padding.mode == 'constant' else padding.mode}"
