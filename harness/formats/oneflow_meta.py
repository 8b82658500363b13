"""What a OneFlow snapshot tells of a variable beside its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.formats.malformed import Malformed
from harness.formats.prototext import parse_prototext, read_text

if TYPE_CHECKING:
    from pathlib import Path

_MAX_META = 1 << 20
_DTYPES = {
    "kBFloat16": "bfloat16",
    "kBool": "bool",
    "kChar": "int8",
    "kDouble": "float64",
    "kFloat": "float32",
    "kFloat16": "float16",
    "kInt16": "int16",
    "kInt32": "int32",
    "kInt64": "int64",
    "kInt8": "int8",
    "kUInt8": "uint8",
}


def read_meta(path: Path) -> tuple[str, tuple[int, ...]]:
    """Type and shape of a variable.

    Args:
        path: The file ``meta``.

    Raises:
        Malformed: It is larger than 1 MiB or damaged.
        OSError: It cannot be read.
    """
    if path.stat().st_size > _MAX_META:
        raise Malformed("its meta is larger than 1 MiB")
    message = parse_prototext(read_text(path))
    kind = message.text("data_type")
    shape = tuple(message.message("shape").integers("dim"))
    return _DTYPES.get(kind, kind or "unknown"), shape
