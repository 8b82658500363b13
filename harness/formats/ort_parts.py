"""Graphs and operators of a model in onnxruntime's own format.

Slots are those of onnxruntime/core/flatbuffers/schema/ort.fbs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.formats.flat import root
from harness.formats.malformed import Malformed, OutOfBounds
from harness.formats.onnx_parts import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.formats.flat import Table


def main_graph(data: memoryview) -> tuple[Table, Table, Table]:
    """The session, its model, and that one's graph.

    Raises:
        Malformed: It holds none, or is cut short.
    """
    session = root(data)
    model = session.table(1)
    graph = model.table(7) if model else None
    if model is None or graph is None:
        raise Malformed("it holds no graph")
    return session, model, graph


def graphs_in(graph: Table, depth: int = 0) -> Iterator[Table]:
    """A graph and those inside of it.

    Raises:
        OutOfBounds: They are nested more than 16 deep.
        Malformed: The file is cut short or damaged.
    """
    if depth > MAX_DEPTH:
        raise OutOfBounds(f"its graphs are nested more than {MAX_DEPTH} deep")
    yield graph
    for node in graph.tables(2):
        for attribute in node.tables(10):
            inner = attribute.table(7)
            for found in (*([inner] if inner else []), *attribute.tables(12)):
                yield from graphs_in(found, depth + 1)
