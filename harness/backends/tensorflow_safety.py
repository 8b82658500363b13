"""Operators of a graph that must not run, or cannot: told before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.core.errors import ModelLoadError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

# They call a Python function by a number, whatever has that number in this process.
_PYTHON = frozenset({"EagerPyFunc", "PyFunc", "PyFuncStateless"})
# They read and write any file that the graph, or its input, names.
_FILES = frozenset({"ReadFile", "WriteFile"})


def check_operators(graph: Any, path: Path, allowed: Collection[str] = ()) -> None:
    """Let a graph pass, or name the first node that keeps it from being run.

    Args:
        graph: A GraphDef.
        path: Of the model, for messages.
        allowed: Operators on files that the suite allows by name.

    Raises:
        UnsafeModelError: A node calls Python code, or reads or writes files.
        ModelLoadError: A node is of a custom operator.
    """
    from tensorflow.python.framework import op_def_registry

    own = {function.signature.name for function in graph.library.function}
    known: set[str] = set()
    for node in _nodes(graph):
        if node.op in known:
            continue
        known.add(node.op)
        _refuse_code(node, path, allowed)
        if node.op not in own and op_def_registry.get(node.op) is None:
            raise ModelLoadError(
                f"{path}: node {node.name!r} is of the custom operator {node.op!r},"
                " whose code is not in the model nor in TensorFlow",
                hint="export the graph of TensorFlow's own operators alone",
            )


def _refuse_code(node: Any, path: Path, allowed: Collection[str]) -> None:
    if node.op in _PYTHON:
        raise UnsafeModelError(
            f"{path}: node {node.name!r} is a {node.op}: it calls a Python function"
            " that is not in the model",
            hint="replace tf.py_function and tf.numpy_function by TensorFlow's own"
            " operators, and export again",
        )
    if node.op in _FILES and node.op not in allowed:
        raise UnsafeModelError(
            f"{path}: node {node.name!r} is a {node.op}: it opens any file by its name",
            hint="where you trust the model, say"
            f' options = {{ allow_ops = ["{node.op}"] }} in the variant',
        )


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def
