"""Running files of the bench with plain onnxruntime, and how far apart answers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from benchmarks.drift.data import Array

# One for every pair; a bench of two jobs on two cores then measures each alone.
_N_THREADS = 1
# float32 rounding through a network, relative to its largest output.
_RELATIVE_FLOOR = 1e-5


def run(
    model: onnx.ModelProto | bytes,
    inputs: Mapping[str, Array],
    level: str = "disable",
    tensors: tuple[str, ...] = (),
) -> dict[str, Array]:
    """Answers of a model by output name.

    Args:
        model: The model, or its bytes.
        inputs: By name; axis 0 counts samples.
        level: ``disable``, ``basic``, ``extended`` or ``all`` optimisations.
        tensors: Further tensors that are asked for; they must be outputs.

    Raises:
        Exception: Whatever onnxruntime has against the model.
    """
    session = _session(model, level)
    names = tensors or tuple(output.name for output in session.get_outputs())
    return dict(zip(names, session.run(list(names), dict(inputs)), strict=True))


def optimized(model: onnx.ModelProto, level: str, path: str) -> None:
    """Write the model at `path` as onnxruntime has it after optimising offline."""
    _session(model, level, path)


def _session(model: Any, level: str, path: str | None = None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    known = {"disable": levels.ORT_DISABLE_ALL, "all": levels.ORT_ENABLE_ALL}
    known["basic"], known["extended"] = (
        levels.ORT_ENABLE_BASIC,
        levels.ORT_ENABLE_EXTENDED,
    )
    options.graph_optimization_level = known[level]
    options.intra_op_num_threads = _N_THREADS
    options.log_severity_level = 4
    if path is not None:
        options.optimized_model_filepath = path
    written = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(
        written, options, providers=["CPUExecutionProvider"]
    )


def furthest(reference: Mapping[str, Array], candidate: Mapping[str, Array]) -> float:
    """Largest |c - r| over all outputs, paired by name or else by place.

    inf where shapes differ, or where one is no number.
    """
    pairs = (
        [(reference[name], candidate[name]) for name in reference]
        if reference.keys() == candidate.keys()
        else list(zip(reference.values(), candidate.values(), strict=False))
    )
    return max(map(_apart, *zip(*pairs, strict=True)))


def _apart(one: Array, other: Array) -> float:
    if one.shape != other.shape:
        return float("inf")
    gap = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0))


def floor_of(outputs: Mapping[str, Array]) -> float:
    """Largest difference that may be float32's rounding alone."""
    largest = max(float(np.abs(array).max(initial=0.0)) for array in outputs.values())
    return 1e-6 + _RELATIVE_FLOOR * largest
