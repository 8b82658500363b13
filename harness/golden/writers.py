"""Forms that shards of golden data are written in, and which file writes each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from harness.core.errors import GoldenError, MissingDependencyError
from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Arrays

ShardWriter: TypeAlias = "Callable[[Path, Arrays], None]"
"""``write(path, arrays)``: whole or not at all; same arrays, same bytes. The names of
the arrays tell their roles; axis 0 counts samples. Raises GoldenError, ReportError."""

WRITERS: Registry[ShardWriter] = Registry(
    "form of shards",
    {
        "npz": LazyEntry("harness.golden.write:write_npz"),
        "parquet": LazyEntry(
            "harness.golden.write_parquet:write_parquet",
            requires=("pyarrow",),
            extra="parquet",
        ),
        "tar": LazyEntry("harness.golden.write_tar:write_tar"),
    },
)
USUAL = "npz"


def writer_of(form: str) -> ShardWriter:
    """What writes shards of a form.

    Raises:
        GoldenError: Nothing does, or what does is not installed.
    """
    if form not in WRITERS:
        raise GoldenError(
            f"shards are not written as {form!r}", hint=f"known: {', '.join(WRITERS)}"
        )
    try:
        return WRITERS.get(form)
    except MissingDependencyError as error:
        raise GoldenError(error.message, hint=error.hint) from error


def form_of_shard(path: str) -> str:
    """The form of a shard, by its name; the usual one where nothing else fits."""
    suffix = Path(path).suffix.removeprefix(".").lower()
    return suffix if suffix in WRITERS else USUAL
