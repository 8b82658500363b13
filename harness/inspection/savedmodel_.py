"""Facts of a TensorFlow SavedModel or MetaGraph; TensorFlow is not needed.

Field numbers are those of tensorflow/core/protobuf/{saved_model,meta_graph}.proto.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.containment import path_inside
from harness.core.errors import UnsafeModelError
from harness.core.model_facts import Signature
from harness.core.protocols import TensorSpec
from harness.formats.checkpoints import read_bundle
from harness.formats.malformed import Malformed
from harness.formats.tensorflow_protos import dtype_of, shape_of
from harness.formats.wire import Message, mapped
from harness.inspection.checkpoint_ import weights_of
from harness.inspection.graphdef_ import version_of
from harness.inspection.tally import Weights, counted
from harness.inspection.tensorflow_graph import Graph, graph_safety
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

_TEXT_ONLY = "all but its size: it is saved as text (saved_model.pbtxt)"
_DEFAULT = "serving_default"
# Signatures that a SavedModel keeps for itself.
_OWN = "__saved_model"


def inspect_savedmodel(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a SavedModel's folder.

    Raises:
        Malformed: A file of it is cut short or damaged.
        OSError: It cannot be read.
    """
    file = path / "saved_model.pb"
    if not file.is_file():
        return replace(facts, not_read=(_TEXT_ONLY,))
    with mapped(file) as data:
        graphs = list(Message(data).messages(2))
        if not graphs:
            raise Malformed("saved_model.pb holds no graph")
        facts = _of_meta_graph(graphs[0], facts)
    index = path / "variables" / "variables.index"
    weights = weights_of(read_bundle(index)) if index.is_file() else Weights()
    more = f"{len(graphs) - 1} more graphs, with other tags" if graphs[1:] else ""
    return replace(
        facts,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        safety=(*facts.safety, *_assets(graphs, path)),
        not_read=(more,) if more else (),
    )


def inspect_metagraph(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.meta`` file.

    Raises:
        Malformed: It is cut short or damaged.
        OSError: It cannot be read.
    """
    with mapped(path) as data:
        facts = _of_meta_graph(Message(data), facts)
    return replace(facts, not_read=("weights: they are in the checkpoint beside it",))


def _of_meta_graph(meta: Message, facts: ModelFacts) -> ModelFacts:
    graph = Graph(meta.message(2))
    info = meta.message(1)
    operators = counted(graph.operators)
    signatures = sorted(_signatures(meta), key=lambda s: (s.name != _DEFAULT, s.name))
    shown = signatures[0] if signatures else None
    version = info.text(5)
    return replace(
        facts,
        producer=f"tensorflow {version}" if version else None,
        version=version_of(meta.message(2)),
        tags=tuple(sorted(info.texts(4))),
        inputs=shown.inputs if shown else graph.placeholders(),
        outputs=shown.outputs if shown else graph.unused(),
        signatures=tuple(signatures),
        operators=operators,
        safety=tuple(graph_safety(operators)),
        portability=traps_in(operators),
    )


def _signatures(meta: Message) -> Iterator[Signature]:
    for name, signature in meta.entries(5):
        if not name.startswith(_OWN):
            ends = (sorted(signature.entries(field)) for field in (1, 2))
            inputs, outputs = (tuple(_spec(n, info) for n, info in end) for end in ends)
            yield Signature(name, inputs, outputs)


def _spec(name: str, info: Message) -> TensorSpec:
    shape = shape_of(info.message(3)) if info.has(3) else None
    return TensorSpec(name, dtype_of(info.integer(2)), shape)


def _assets(graphs: list[Message], folder: Path) -> Iterator[str]:
    """Assets that are not where they must be."""
    for graph in graphs:
        for asset in graph.messages(6):
            name = asset.text(2)
            try:
                path_inside(folder / "assets", name, f"an asset of {folder}")
            except UnsafeModelError as error:
                yield error.message
