"""Known faults that the installed onnxruntime shows, looked for once a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from harness.backends.onnxruntime_ import open_bytes
from harness.canaries import Canary, examine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.protocols import Arrays


@cache
def canaries() -> tuple[Canary, ...]:
    """What onnxruntime makes of small models whose answers are known."""
    return examine(_run)


def drifting_canaries() -> tuple[str, ...]:
    """Names of those that it answers wrongly by default."""
    return tuple(canary.name for canary in canaries() if canary.drifts)


def fusing_canaries() -> tuple[str, ...]:
    """Names of those that it answers rightly when it optimizes nothing."""
    return tuple(canary.name for canary in canaries() if canary.by_optimization)


def _run(model: bytes, feeds: Arrays, options: Mapping[str, object]) -> Arrays:
    session = open_bytes(model, options)
    try:
        return session.run(feeds, slice(0, 1))
    finally:
        session.close()
