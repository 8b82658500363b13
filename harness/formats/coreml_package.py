"""What lies in a Core ML package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.formats.json_text import parse_json
from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    from pathlib import Path

_MAX_MANIFEST = 16 << 20


def items_of(path: Path) -> list[str]:
    """Paths inside of ``Data`` that the manifest of a package names, sorted.

    Raises:
        Malformed: The manifest is larger than 16 MiB, no JSON, or names no items.
        OSError: It cannot be read.
    """
    manifest = path / "Manifest.json"
    if manifest.stat().st_size > _MAX_MANIFEST:
        raise Malformed("its Manifest.json is larger than 16 MiB")
    content = parse_json(manifest.read_bytes(), "Manifest.json")
    items = content.get("itemInfoEntries") if isinstance(content, dict) else None
    if not isinstance(items, dict):
        raise Malformed("its Manifest.json names no items")
    return sorted(str(i.get("path")) for i in items.values() if isinstance(i, dict))
