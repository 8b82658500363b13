"""What a LiteRT model asks of its runtime: calls between its graphs, files beside it.

Slots are those of tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.formats.calls import MAX_UNFOLDED, unfolded
from harness.formats.flat import root
from harness.formats.litert_names import OPERATORS
from harness.formats.malformed import Malformed, OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.formats.flat import Table

_OPTIONS, _OPTIONS_2 = 4, 12
# Operator that runs other graphs -> where its options are, and their numbers in these.
_CALLS = {
    **dict.fromkeys(("IF", "WHILE"), (_OPTIONS, (0, 1))),
    **dict.fromkeys(("CALL", "CALL_ONCE"), (_OPTIONS, (0,))),
    "STABLEHLO_WHILE": (_OPTIONS_2, (0, 1)),
    **dict.fromkeys(("STABLEHLO_COMPOSITE", "STABLEHLO_REDUCE"), (_OPTIONS_2, (1,))),
    "STABLEHLO_SORT": (_OPTIONS_2, (2,)),
    "STABLEHLO_REDUCE_WINDOW": (_OPTIONS_2, (5,)),
    "STABLEHLO_SCATTER": (_OPTIONS_2, (6,)),
}


def data_files(data: memoryview) -> tuple[str, ...]:
    """Look through a model; names of the files that its weights lie in, if any.

    Raises:
        OutOfBounds: A graph runs itself, graphs unfold without end, or it has more
            than two million parts.
        Malformed: It is cut short or damaged.
    """
    model = root(data)
    graphs = list(model.tables(2))
    if not graphs:
        raise Malformed("it has no graph")
    codes = [_name(code) for code in model.tables(1)]
    bodies = {f"graph {i}": _nodes(graph, codes) for i, graph in enumerate(graphs)}
    try:
        count = unfolded(Counter(list(bodies)), bodies)
    except OutOfBounds as error:
        raise OutOfBounds(
            "its graphs run themselves, or each other too deep"
        ) from error
    if count > MAX_UNFOLDED:
        raise OutOfBounds(f"its graphs unfold to more than {MAX_UNFOLDED:,} nodes")
    return tuple(sorted({group.text(0) for group in model.tables(8)}))


def _nodes(graph: Table, codes: list[str]) -> Counter[str]:
    return Counter(name for node in graph.tables(3) for name in _runs(node, codes))


def _runs(node: Table, codes: list[str]) -> Iterator[str]:
    """The operator of a node, and the graphs that it runs."""
    index = node.integer(0, "I")
    if index >= len(codes):
        raise Malformed(f"a node has the operator {index}, which is not there")
    yield codes[index]
    place, slots = _CALLS.get(codes[index], (0, ()))
    options = node.table(place) if slots else None
    if options is not None:
        yield from (f"graph {options.integer(slot, 'i')}" for slot in slots)


def _name(code: Table) -> str:
    # Numbers that did not fit into a byte came to a field of their own.
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    return OPERATORS[number] if 0 <= number < len(OPERATORS) else f"operator {number}"
