"""What one process has made sure of, told to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Stamp: TypeAlias = tuple[int, int]
"""Bytes of a file, and when it was last changed, in ns."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Golden data that another process has opened, so that this one need not hash them.

    Plain values: it can be pickled, and sent to other processes and machines. A shard
    whose stamp is not the one here is verified as ever.

    Attributes:
        digest: sha256 over the data, hex.
        shards: File -> its stamp when its bytes were last verified.
        copy: Where data behind a URL lie on that machine; None for others.
    """

    digest: str
    shards: Mapping[str, Stamp] = field(default_factory=dict)
    copy: Path | None = None


def stamp_of(path: Path) -> Stamp:
    """A file as it is now.

    Raises:
        OSError: It cannot be looked at.
    """
    found = path.stat()
    return found.st_size, found.st_mtime_ns
