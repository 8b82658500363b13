"""Engines by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from harness.engines.protocol import Engine

ENGINES: Registry[Engine] = Registry(
    "engine",
    {
        "dask": LazyEntry("harness.engines.dask_:start", ("distributed",), "dask"),
        "local": LazyEntry("harness.engines.processes:start"),
    },
)
