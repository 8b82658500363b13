"""Facts of a safetensors file, from its header.

Format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.formats.safetensors_header import read_header
from harness.inspection.tally import Weights
from harness.inspection.torch_ import NO_GRAPH

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.model_facts import ModelFacts


def inspect_safetensors(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.safetensors`` file.

    Raises:
        Malformed: Its header is no such JSON, or does not meet its size.
        OSError: It cannot be read.
    """
    entries, metadata = read_header(path)
    weights = Weights()
    for entry in entries.values():
        is_parameter = entry.dtype != "int64"
        weights.add(entry.dtype, entry.shape, is_parameter=is_parameter)
    return replace(
        facts,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        metadata=metadata,
        not_read=(NO_GRAPH,),
    )
