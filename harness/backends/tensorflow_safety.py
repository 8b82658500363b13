"""Operators of a graph that must not run, or cannot: told before anything is loaded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.backends.parts import reading
from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.formats.calls import MAX_UNFOLDED, readable, unfolded
from harness.formats.tensorflow_names import (
    CHECKPOINTS,
    FILES,
    MACHINES,
    PRINTS,
    PYTHON,
    TABLES,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

_STREAM = "output_stream"


def check_operators(
    graph: Any,
    path: Path,
    allowed: Collection[str] = (),
    assets: Collection[str] = (),
) -> None:
    """Let a graph pass, or name the first node that keeps it from being run.

    Args:
        graph: A GraphDef.
        path: Of the model, for messages.
        allowed: Operators on files or machines that the suite allows by name.
        assets: Tensors of the main graph that name files of the model's own.

    Raises:
        UnsafeModelError: A node calls Python code or another machine, or reads or
            writes files; or functions unfold without end.
        ModelLoadError: A node is of a custom operator.
    """
    from tensorflow.python.framework import op_def_registry

    own = {function.signature.name for function in graph.library.function}
    known: set[str] = set()
    for node in _nodes(graph):
        if node.op in known:
            continue
        # Each of these has a stream of its own.
        if node.op != PRINTS:
            known.add(node.op)
        _refuse_code(node, path, allowed)
        if node.op not in own and op_def_registry.get(node.op) is None:
            raise ModelLoadError(
                f"{path}: node {node.name!r} is of the custom operator {node.op!r},"
                " whose code is not in the model nor in TensorFlow",
                hint="export the graph of TensorFlow's own operators alone",
            )
    _refuse_bombs(graph, path)
    _refuse_tables(graph.node, path, allowed, {_node_of(name) for name in assets})
    for function in graph.library.function:
        _refuse_tables(function.node_def, path, allowed, ())


def check_answers(
    graph: Any, names: Iterable[str], path: Path, allowed: Collection[str] = ()
) -> None:
    """Let a graph pass whose answers need no checkpoint to be read or written.

    Its operators that do stand in the graph for those who save it again.

    Args:
        graph: A GraphDef.
        names: Of the tensors that are asked for.
        path: Of the model, for messages.
        allowed: Operators that the suite allows by name.

    Raises:
        UnsafeModelError: One of them does.
    """
    for node in _needed(graph, names):
        if node.op in CHECKPOINTS - {*allowed}:
            raise _opens_files(node, path)


def _refuse_code(node: Any, path: Path, allowed: Collection[str]) -> None:
    if node.op in PYTHON:
        raise UnsafeModelError(
            f"{path}: node {node.name!r} is a {node.op}: it calls a Python function"
            " that is not in the model",
            hint="replace tf.py_function and tf.numpy_function by TensorFlow's own"
            " operators, and export again",
        )
    if node.op in allowed:
        return
    if node.op in FILES or _prints_to_file(node):
        raise _opens_files(node, path)
    if node.op in MACHINES:
        raise UnsafeModelError(
            f"{path}: node {node.name!r} is a {node.op}: it calls another machine",
            hint=_hint(node),
        )


def _refuse_tables(
    nodes: Iterable[Any], path: Path, allowed: Collection[str], assets: Collection[str]
) -> None:
    """A table reads a file by its name: one of the model's own, an asset, is fed it."""
    named = {node.name: node for node in nodes}
    for node in named.values():
        if node.op not in TABLES or node.op in allowed or len(node.input) < 2:
            continue
        source = named.get(_node_of(node.input[1]))
        # A circle of them, which no graph has, ends too.
        for _ in named:
            if source is None or source.op != "Identity":
                break
            source = named.get(_node_of(source.input[0]))
        if source is not None and source.op == "Const" and source.name not in assets:
            raise _opens_files(node, path)


def _refuse_bombs(graph: Any, path: Path) -> None:
    """Functions that call functions, doubling each time, are unfolded when they run."""
    bodies = {f.signature.name: _runs(f.node_def) for f in graph.library.function}
    with reading(path, "TensorFlow graph"):
        count = unfolded(_runs(graph.node), bodies)
    if count > MAX_UNFOLDED:
        raise UnsafeModelError(
            f"{path}: its functions unfold to {readable(count)} nodes;"
            f" {MAX_UNFOLDED:,} is the most that is run",
            hint="export the model again; no exporter writes such functions",
        )


def _runs(nodes: Iterable[Any]) -> Counter[str]:
    return Counter(name for node in nodes for name in (node.op, *_functions(node)))


def _functions(node: Any) -> Iterator[str]:
    """Functions that a node calls; its operator may be one too."""
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        elif value.HasField("list"):
            yield from (function.name for function in value.list.func)


def _needed(graph: Any, names: Iterable[str]) -> Iterator[Any]:
    """Nodes that tensors depend on, and those of the functions that they call."""
    nodes = {node.name: node for node in graph.node}
    bodies = {f.signature.name: f.node_def for f in graph.library.function}
    waiting = [nodes[name] for name in map(_node_of, names) if name in nodes]
    seen = {id(node) for node in waiting}
    while waiting:
        node = waiting.pop()
        yield node
        inputs = [nodes[n] for n in map(_node_of, node.input) if n in nodes]
        called = {node.op, *_functions(node)} & bodies.keys()
        inside = [inner for name in sorted(called) for inner in bodies.pop(name)]
        fresh = [other for other in (*inputs, *inside) if id(other) not in seen]
        seen.update(map(id, fresh))
        waiting.extend(fresh)


def _node_of(name: str) -> str:
    return name.lstrip("^").partition(":")[0]


def _prints_to_file(node: Any) -> bool:
    return bool(node.op == PRINTS and node.attr[_STREAM].s.startswith(b"file:"))


def _opens_files(node: Any, path: Path) -> UnsafeModelError:
    return UnsafeModelError(
        f"{path}: node {node.name!r} is a {node.op}: it opens any file by its name",
        hint=_hint(node),
    )


def _hint(node: Any) -> str:
    return (
        "where you trust the model, say"
        f' options = {{ allow_ops = ["{node.op}"] }} in the variant'
    )


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def
