"""Pieces of ONNX models, run as their file means them: nothing optimized or fused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime

from harness.backends.onnx_errors import RUNTIME_ERRORS, load_error, run_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.protocols import Array, Arrays

_NO_LOG = 4
_WHERE = "a piece of the model"


def run_graph(model: bytes, feeds: Arrays, fetches: Sequence[str]) -> dict[str, Array]:
    """Answer a small model once; see `harness.core.protocols.RunGraph`.

    Raises:
        ModelLoadError: onnxruntime does not take it.
        InferenceError: It fails on these values.
    """
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.graph_optimization_level = level
    options.log_severity_level = _NO_LOG
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # An arena keeps what it once held: pieces come and go, their memory with them.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        raise load_error(error, model, _WHERE) from error
    try:
        answers = session.run(list(fetches), dict(feeds))
    except RUNTIME_ERRORS as error:
        raise run_error(error, _WHERE) from error
    return dict(zip(fetches, answers, strict=True))
