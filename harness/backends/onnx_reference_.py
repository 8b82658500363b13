"""ONNX models through ``onnx.reference``: operators as the specification writes them.

An oracle that shares no kernel with any runtime, slow, and used where a suite says
``backend = "onnx-reference"``. Known limits of its own, as of onnx 1.23: it has no
operators of other domains (com.microsoft), no DequantizeLinear before opset 19, and
answers wrongly for Softmax before opset 13 on more than two axes. Converting a model
to opset 21 with ``onnx.version_converter`` steps round the last two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx.helper import tensor_dtype_to_np_dtype
from onnx.reference import ReferenceEvaluator

from harness.backends.onnx_files import check_onnx
from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.core.errors import ModelLoadError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

# Operators are Python: what numpy raises comes through as it is.
_ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError),
    *(MemoryError, NotImplementedError, RuntimeError, TypeError, ValueError),
)


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open an ``.onnx`` file; data it keeps in other files is looked for beside it.

    Args:
        path: The file.
        options: None are known.

    Raises:
        SuiteError: An option is given.
        ModelLoadError: The file is missing, broken, or uses what the evaluator lacks.
        UnsafeModelError: The model keeps data outside its own folder.
    """
    Options("onnx-reference", options, ())
    require_file(path)
    check_onnx(path, path.parent)
    try:
        model = onnx.load(path)
        evaluator = ReferenceEvaluator(model)
    except Exception as error:
        raise load_failure("onnx-reference", path, error) from error
    if not model.graph.output:
        raise ModelLoadError(
            f"{path} is no whole ONNX model: its graph has no outputs",
            hint="the file was cut short or changed; copy or export it again",
        )
    constants = {tensor.name for tensor in model.graph.initializer}
    fed = [value for value in model.graph.input if value.name not in constants]
    return LiveSession(
        LoadedModel(
            inputs=_specs(path, fed),
            outputs=_specs(path, model.graph.output),
            runtime={"backend": "onnx-reference", "version": onnx.__version__},
            call=_Call(evaluator),
            errors=_ERRORS,
            translate=lambda error: batch_error("onnx-reference", str(path), error),
        )
    )


class _Call:
    """Arrays by name -> the evaluator -> arrays of the caller's own."""

    def __init__(self, evaluator: Any) -> None:
        self._evaluator = evaluator
        self._names = list(evaluator.output_names)

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        # Infinities and NaN are answers, to be compared, and no news of numpy's.
        with np.errstate(all="ignore"):
            answers = self._evaluator.run(self._names, dict(feeds))
        # A copy: an answer may be the very array that was fed, or a constant.
        pairs = zip(self._names, answers, strict=True)
        return {name: np.array(answer) for name, answer in pairs}


def _specs(path: Path, values: Sequence[onnx.ValueInfoProto]) -> tuple[TensorSpec, ...]:
    return tuple(_spec(path, value) for value in values)


def _spec(path: Path, value: onnx.ValueInfoProto) -> TensorSpec:
    if not value.type.HasField("tensor_type"):
        kind = value.type.WhichOneof("value") or "value of no type"
        raise ModelLoadError(
            f"{path}: {value.name!r} is a {kind.removesuffix('_type')}, not a tensor",
            hint="export the model with tensor inputs and outputs (skl2onnx: options="
            '{"zipmap": False})',
        )
    tensor = value.type.tensor_type
    dtype = tensor_dtype_to_np_dtype(tensor.elem_type)
    name = "str" if tensor.elem_type == onnx.TensorProto.STRING else dtype.name
    if not tensor.HasField("shape"):
        return TensorSpec(value.name, name, None)
    return TensorSpec(value.name, name, tuple(map(_size, tensor.shape.dim)))


def _size(dimension: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dimension.HasField("dim_value"):
        return dimension.dim_value
    return dimension.dim_param or None
