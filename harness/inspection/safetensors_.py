"""Facts of a safetensors file, from its header.

Format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.formats.json_text import parse_json
from harness.formats.malformed import Malformed
from harness.inspection.tally import Weights
from harness.inspection.torch_ import NO_GRAPH

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

# The format's own limit.
_MAX_HEADER = 100_000_000
_DTYPES = {
    "BF16": "bfloat16",
    "BOOL": "bool",
    "C64": "complex64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}


def inspect_safetensors(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.safetensors`` file.

    Raises:
        Malformed: Its header is no such JSON, or does not meet its size.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > _MAX_HEADER:
            raise Malformed(
                f"its header of {length:,} bytes is over the format's limit"
            )
        header = parse_json(stream.read(length), "its header")
    if not isinstance(header, dict):
        raise Malformed("its header is no JSON object")
    metadata = header.pop("__metadata__", None)
    weights, end = _weights(header)
    if 8 + length + end != facts.size_bytes:
        told, found = 8 + length + end, facts.size_bytes
        raise Malformed(f"its header tells of {told:,} bytes, it has {found:,}")
    texts = metadata.items() if isinstance(metadata, dict) else ()
    return replace(
        facts,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        metadata={str(key): str(text) for key, text in sorted(texts)},
        not_read=(NO_GRAPH,),
    )


def _weights(header: dict[str, dict[str, object]]) -> tuple[Weights, int]:
    """All tensors, and where the last one ends."""
    weights, end = Weights(), 0
    for name, tensor in header.items():
        try:
            shape = [int(length) for length in _list(tensor["shape"])]
            stop = int(_list(tensor["data_offsets"])[1])
            kind = str(tensor["dtype"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Malformed(f"tensor {name[:60]!r} lacks a part") from error
        dtype = _DTYPES.get(kind, kind.lower())
        weights.add(dtype, shape, is_parameter=dtype != "int64")
        end = max(end, stop)
    return weights, end


def _list(value: object) -> list[int]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value
