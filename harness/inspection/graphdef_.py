"""Facts of a frozen GraphDef, as bytes or as text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.protocols import TensorSpec
from harness.formats.prototext import parse_prototext, read_text
from harness.formats.tensorflow_protos import dtype_named
from harness.formats.wire import Message, mapped
from harness.inspection.tally import counted
from harness.inspection.tensorflow_graph import Graph, graph_safety
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.model_facts import ModelFacts
    from harness.formats.prototext import TextMessage

_ENDS = "shapes of outputs: a GraphDef does not keep them"
_TEXT = "weights: read the graph's form in bytes (.pb) for them"


def inspect_graphdef(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.pb`` file.

    Raises:
        Malformed: It is cut short or damaged.
        OSError: It cannot be read.
    """
    with mapped(path) as data:
        message = Message(data)
        graph = Graph(message)
    operators = counted(graph.operators)
    weights = graph.constants()
    return replace(
        facts,
        version=version_of(message),
        inputs=graph.placeholders(),
        outputs=graph.unused(),
        operators=operators,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        safety=tuple(graph_safety(operators)),
        portability=traps_in(operators),
        not_read=(_ENDS,),
    )


def version_of(graph: Message) -> str | None:
    """GraphDef version of who wrote it, and the least that a reader must have."""
    versions = graph.message(4)
    if not versions.has(1):
        return None
    return f"GraphDef {versions.integer(1)}, readable from {versions.integer(2)} on"


def inspect_text(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.pbtxt`` file.

    Raises:
        Malformed: It is cut short or damaged, or larger than 256 MiB.
        OSError: It cannot be read.
    """
    graph = parse_prototext(read_text(path))
    nodes = graph.messages("node")
    library = graph.message("library").messages("function")
    inner = [node for function in library for node in function.messages("node_def")]
    operators = counted(node.text("op") for node in (*nodes, *inner))
    taken = {
        name.lstrip("^").partition(":")[0] for n in nodes for name in n.texts("input")
    }
    ends = [n for n in nodes if n.text("name") not in taken]
    fed = [n for n in nodes if n.text("op").startswith("Placeholder")]
    ends = [n for n in ends if n not in fed and n.text("op") not in {"Const", "NoOp"}]
    return replace(
        facts,
        inputs=tuple(map(_spec, fed)),
        outputs=tuple(TensorSpec(n.text("name"), "unknown", None) for n in ends),
        operators=operators,
        safety=tuple(graph_safety(operators)),
        portability=traps_in(operators),
        not_read=(_ENDS, _TEXT),
    )


def _spec(node: TextMessage) -> TensorSpec:
    values = {a.text("key"): a.message("value") for a in node.messages("attr")}
    dtype = values["dtype"].text("type") if "dtype" in values else ""
    shape = None
    if "shape" in values and values["shape"].messages("shape"):
        dims = values["shape"].message("shape").messages("dim")
        sizes = [(*dim.integers("size"), 0)[0] for dim in dims]
        shape = tuple(None if size < 0 else size for size in sizes)
    return TensorSpec(node.text("name"), dtype_named(dtype), shape)
