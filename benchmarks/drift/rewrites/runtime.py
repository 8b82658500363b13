"""The file as a runtime writes it after optimising."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from benchmarks.drift.editor import name_nodes
from benchmarks.drift.rewrites.registry import Rewritten, rewriting
from benchmarks.drift.running import optimized

if TYPE_CHECKING:
    from benchmarks.drift.editor import Editor


@rewriting("ort_basic")
def basic(graph: Editor) -> Rewritten:
    """Constants folded, convolutions and normalisations fused, by onnxruntime."""
    return _optimized(graph, "basic")


@rewriting("ort_extended")
def extended(graph: Editor) -> Rewritten:
    """Also fused into operators of onnxruntime's own."""
    return _optimized(graph, "extended")


def _optimized(graph: Editor, level: str) -> Rewritten:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "optimized.onnx")
        optimized(graph.model, level, str(path))
        model = onnx.load(path)
    name_nodes(model)
    return Rewritten(model)
