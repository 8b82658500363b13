"""Darknet's ``.cfg``: sections with keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

Section: TypeAlias = tuple[str, Mapping[str, str]]
NETS = frozenset({"net", "network"})


def sections(text: str) -> Iterator[Section]:
    """Kind and values of each section, in the order of the text."""
    kind, values = "", dict[str, str]()
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            if kind:
                yield kind, values
            kind, values = line.strip("[] "), {}
        elif "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            values[key.strip()] = value.strip()
    if kind:
        yield kind, values
