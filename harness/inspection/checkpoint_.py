"""Facts of a TensorFlow checkpoint, from its index."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.model_facts import DataFile
from harness.formats.checkpoints import OBJECTS, index_of, read_bundle
from harness.inspection.tally import Weights

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.model_facts import ModelFacts
    from harness.formats.checkpoints import Bundle

_GRAPH = "operators and inputs: a checkpoint holds weights, its .meta the graph"


def inspect_checkpoint(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a checkpoint: its prefix, its ``.index`` file, or its folder.

    Raises:
        Malformed: The index is cut short, damaged or compressed.
        OSError: It cannot be read.
    """
    bundle = read_bundle(index_of(path))
    weights = weights_of(bundle)
    objects = OBJECTS in bundle.tensors
    form = "objects (version 2)" if objects else "names (version 1 of the Saver)"
    return replace(
        facts,
        version=f"by {form}",
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        data_files=tuple(map(_data_file, map(bundle.shard, range(bundle.n_shards)))),
        not_read=(_GRAPH,),
    )


def weights_of(bundle: Bundle) -> Weights:
    """What a checkpoint holds."""
    weights = Weights()
    for name, entry in bundle.tensors.items():
        counts = "OPTIMIZER_SLOT" not in name and name != "save_counter"
        if name != OBJECTS:
            weights.add(entry.dtype, list(entry.shape), is_parameter=counts)
    return weights


def _data_file(file: Path) -> DataFile:
    return DataFile(file.name, file.stat().st_size if file.is_file() else None)
