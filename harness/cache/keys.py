"""Keys that say all that a value depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from harness.core.provenance import digest_of


def key_of(kind: str, *parts: object) -> str:
    """The key of a value: its kind, and a digest of all that it depends on.

    Args:
        kind: Letters.
        parts: Records, mappings, sequences, paths, dates and plain values.
    """
    return f"{kind}-{digest_of(plain(parts))}"


def plain(value: object) -> Any:
    """JSON of a value; what is no JSON by itself goes by its type and its text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (set, frozenset)):
        return sorted(map(plain, value), key=repr)
    return f"{type(value).__name__}:{value}"
