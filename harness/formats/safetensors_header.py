"""Headers of safetensors files: JSON before the numbers.

Format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from harness.formats.json_text import parse_json
from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    from pathlib import Path

# The format's own limit.
_MAX_HEADER = 100_000_000
_LENGTH = 8
_DTYPES = {
    "BF16": "bfloat16",
    "BOOL": "bool",
    "C64": "complex64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a header.

    Attributes:
        dtype: Such as "float32" or "bfloat16"; the format's own word in lower case
            where it is not known.
        shape: Its shape.
        start: Of its bytes, counted from the file's start.
        stop: Where they end.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def read_header(path: Path) -> tuple[dict[str, Entry], dict[str, str]]:
    """Tensors of a file, in its order, and the texts that it carries.

    Raises:
        Malformed: The header is no such JSON, or its tensors overlap, leave gaps or
            do not fill the file.
        OSError: The file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH), "little")
        if length > _MAX_HEADER:
            raise Malformed(
                f"its header of {length:,} bytes is over the format's limit"
            )
        header = parse_json(stream.read(length), "its header")
    if not isinstance(header, dict):
        raise Malformed("its header is no JSON object")
    metadata = header.pop("__metadata__", None)
    base = _LENGTH + length
    entries = {name: _entry(name, found, base) for name, found in header.items()}
    _check(entries, base, size)
    texts = metadata.items() if isinstance(metadata, dict) else ()
    return entries, {str(key): str(text) for key, text in sorted(texts)}


def _entry(name: str, found: Any, base: int) -> Entry:
    try:
        shape = tuple(map(_natural, found["shape"]))
        start, stop = map(_natural, found["data_offsets"])
        kind = str(found["dtype"])
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"tensor {name[:60]!r} lacks a part") from error
    return Entry(_DTYPES.get(kind, kind.lower()), shape, base + start, base + stop)


def _natural(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no length")
    return value


def _check(entries: dict[str, Entry], base: int, size: int) -> None:
    """Tensors follow each other without gaps, from the header to the file's end."""
    placed = sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop))
    end = max((entry.stop for entry in entries.values()), default=base)
    if end != size:
        raise Malformed(f"its header tells of {end:,} bytes, it has {size:,}")
    if placed and placed[0][1].start != base:
        raise Malformed(f"bytes before tensor {placed[0][0][:60]!r} belong to none")
    for (before, one), (name, other) in pairwise(placed):
        if other.start != one.stop:
            raise Malformed(
                f"tensor {name[:60]!r} begins at byte {other.start:,}, and"
                f" {before[:60]!r} before it ends at {one.stop:,}"
            )
