"""Sessions of TensorFlow 1, for graphs that carry variables of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.core.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SHOWN = 5


def new_session(tf: Any) -> Any:
    """A session with an empty graph of its own, on one thread."""
    v1 = tf.compat.v1
    config = v1.ConfigProto(
        intra_op_parallelism_threads=1, inter_op_parallelism_threads=1
    )
    return v1.Session(graph=tf.Graph(), config=config)


def check_restored(tf: Any, session: Any, outputs: Iterable[Any], path: Path) -> None:
    """Let a session pass whose outputs have all the variables they need.

    Raises:
        ModelLoadError: A variable that they depend on has no value.
    """
    with session.graph.as_default():
        names = session.run(tf.compat.v1.report_uninitialized_variables())
    needed = _ancestors(outputs)
    if missing := sorted({name.decode() for name in names} & needed):
        shown = ", ".join(missing[:_SHOWN])
        raise ModelLoadError(
            f"{path} leaves {len(missing)} variables of the graph without a value:"
            f" {shown}",
            hint="save them all: tf.compat.v1.train.Saver() of the whole graph",
        )


def _ancestors(tensors: Iterable[Any]) -> set[str]:
    """Names of the operations that the tensors are computed from."""
    found: set[str] = set()
    waiting = [tensor.op for tensor in tensors]
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found.add(operation.name)
            waiting += [tensor.op for tensor in operation.inputs]
            waiting += operation.control_inputs
    return found
