"""Backends by name; each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from harness.core.protocols import Backend

# Recorded outputs are golden data: writer and reader of their format live together
# in harness.golden, and only this table's text knows that one of them is a backend.
BACKENDS: Registry[Backend] = Registry(
    "backend",
    {
        "keras": LazyEntry(
            "harness.backends.keras_:open_session",
            requires=("keras", "tensorflow"),
            extra="tensorflow",
        ),
        "litert": LazyEntry(
            "harness.backends.litert_:open_session",
            requires=("ai_edge_litert",),
            extra="litert",
        ),
        "onnxruntime": LazyEntry(
            "harness.backends.onnxruntime_:open_session", requires=("onnxruntime",)
        ),
        "replay": LazyEntry("harness.golden.replay:open_session"),
        "tensorflow": LazyEntry(
            "harness.backends.tensorflow_:open_session",
            requires=("tensorflow",),
            extra="tensorflow",
        ),
    },
)
