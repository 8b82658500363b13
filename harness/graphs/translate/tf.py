"""TensorFlow's graphs as ONNX: frozen GraphDefs, and signatures of SavedModels.

Calls of functions are followed into them, and variables are what the checkpoint holds.
Only what the answers need is translated.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError, UnsupportedFormatError
from harness.formats.malformed import Malformed
from harness.formats.tensorflow_protos import dtype_of
from harness.formats.wire import Message, mapped
from harness.graphs.translate.emitter import Emitter
from harness.graphs.translate.tf_call import TfValue
from harness.graphs.translate.tf_graph import read_graph_def
from harness.graphs.translate.tf_variables import Variables, variables_of
from harness.graphs.translate.tf_walk import FEEDS, Walk, is_known, needed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.graphs.translate.tf_graph import Port, TfGraph, TfNode
    from harness.graphs.translate.translation import Translation

_ENDS = frozenset({"Assert", "Const", "NoOp", *FEEDS})
_DEFAULT = "serving_default"


def translate_frozen(path: Path) -> Translation:
    """A frozen GraphDef as ONNX: all placeholders, and what nobody reads.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsupportedFormatError: It has operators that are not translated, which the
            message names.
    """
    with _reading(path), mapped(path) as data:
        graph = read_graph_def(Message(data))
        nodes = graph.main.nodes
        read = {name for node in nodes.values() for name, _ in node.inputs}
        feeds = {name: name for name, node in nodes.items() if node.op in FEEDS}
        sinks = (n for n in nodes.values() if n.op not in _ENDS and n.name not in read)
        answers = {node.name: (node.name, 0) for node in sinks}
        dtypes = {name: nodes[name].answer_dtype() for name in answers}
        ends = _Ends(feeds, answers, dtypes)
        return _translated(path, graph, ends, Variables())


def translate_saved(path: Path) -> Translation:
    """The default signature of a SavedModel as ONNX.

    Raises:
        ModelLoadError: It is missing, cut short or damaged, or has no such signature.
        UnsupportedFormatError: It has operators that are not translated, which the
            message names.
    """
    with _reading(path), mapped(path / "saved_model.pb") as data:
        metas = list(Message(data).messages(2))
        signatures = dict(metas[0].entries(5)) if metas else {}
        if _DEFAULT not in signatures:
            raise Malformed(f"it has no signature {_DEFAULT!r}")
        signature = signatures[_DEFAULT]
        inputs, outputs = (
            {key: _tensor(info.text(1)) for key, info in sorted(signature.entries(n))}
            for n in (1, 2)
        )
        infos = signature.entries(2)
        ends = _Ends(
            {key: name for key, (name, _) in inputs.items()},
            outputs,
            {key: dtype_of(info.integer(2)) for key, info in infos},
        )
        graph = read_graph_def(metas[0].message(2))
        return _translated(path, graph, ends, variables_of(path, metas[0]))


@dataclass(frozen=True, slots=True)
class _Ends:
    """What goes in and out, by the names of a session.

    Attributes:
        feeds: Input -> the placeholder.
        answers: Output -> the tensor.
        dtypes: Output -> numpy's name of its type.
    """

    feeds: Mapping[str, str]
    answers: Mapping[str, Port]
    dtypes: Mapping[str, str]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Damage of a file as the error that readers know."""
    try:
        yield
    except (OSError, Malformed, KeyError, ValueError) as error:
        raise ModelLoadError(
            f"cannot read {path} as a TensorFlow graph: {error}",
            hint="save or freeze the model again",
        ) from error


def _tensor(text: str) -> Port:
    name, _, number = text.partition(":")
    return name, int(number or 0)


def _translated(
    path: Path,
    graph: TfGraph,
    ends: _Ends,
    variables: Variables,
) -> Translation:
    feeds, answers = ends.feeds, ends.answers
    ports = list(answers.values())
    _require(path, graph, ports)
    e = Emitter()
    e.reserve([*feeds, *answers])
    walk = Walk(e, graph, variables)
    fed = {name: _feed(e, key, graph.main.nodes[name]) for key, name in feeds.items()}
    values = walk.body(graph.main, fed, ports)
    for key, value, (name, _) in zip(answers, values, ports, strict=True):
        with e.node(name):
            e.output(key, value.name(e), ends.dtypes[key], None)
    return e.finish(dict(feeds), {key: name for key, (name, _) in answers.items()})


def _feed(e: Emitter, key: str, node: TfNode) -> TfValue:
    shape = node.shape()
    lengths = None
    if shape is not None:
        free = ["batch", *(f"{key}_{axis}" for axis in range(1, len(shape)))]
        lengths = [
            name if n is None else n for n, name in zip(shape, free, strict=False)
        ]
    last = shape[-1] if shape else None
    return TfValue(e.input(key, node.dtype("dtype"), lengths), channels=last)


def _require(path: Path, graph: TfGraph, ports: Sequence[Port]) -> None:
    """Refuse all that is not known at once, so that one look tells everything."""
    counts = Counter(node.op for node in needed(graph, graph.main, ports))
    unknown = [f"{op} ({n})" for op, n in sorted(counts.items()) if not is_known(op)]
    if unknown:
        raise UnsupportedFormatError(
            f"{path} is not translated to ONNX: {', '.join(unknown)}",
            hint="its graph is left out of the diagnosis; its answers are compared",
        )
