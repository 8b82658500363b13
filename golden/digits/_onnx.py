"""The ONNX forms, each made with the tool that people make it with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import onnx
import onnx_ir
import onnxruntime
import tf2onnx
from _convert import IMAGE
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import tensorflow as tf
    from numpy.typing import NDArray

# The newest that tf2onnx writes.
OPSET = 18
# tf2onnx counts what has no name in TensorFlow: Transpose__32, const_fold_opt__41.
COUNTER = re.compile(r"^\w+__\d+")


def write(
    digits: tf.types.experimental.GenericFunction,
    calibration: NDArray[np.float32],
    folder: Path,
) -> None:
    """Write ``digits.onnx`` and what is made from it.

    Args:
        digits: The traced function image -> probabilities.
        calibration: (n, 8, 8, 1), scaled, from the training part only.
        folder: Where the files go.
    """
    path = folder / "digits.onnx"
    converted, _ = tf2onnx.convert.from_function(
        digits, input_signature=[IMAGE], opset=OPSET
    )
    converted = _named(converted)
    _save(converted, path)
    _optimize(path, folder / "digits-optimized.onnx")
    _save(_fp16(converted), folder / "digits-fp16.onnx")
    prepared = folder / "prepared.onnx"
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    # Both quantizers keep to what every CPU computes alike: without VNNI, sums of
    # uint8 x int8 pairs saturate at 16 bits. Unsigned weights avoid those kernels,
    # 7-bit weights (reduce_range) avoid those sums.
    quantization.quantize_dynamic(
        prepared,
        folder / "digits-int8-dynamic.onnx",
        weight_type=quantization.QuantType.QUInt8,
    )
    quantization.quantize_static(
        prepared,
        folder / "digits-int8-static.onnx",
        _Calibration(calibration),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,
    )
    prepared.unlink()


class _Calibration(quantization.CalibrationDataReader):
    """Feeds all samples at once: the model is small."""

    def __init__(self, image: NDArray[np.float32]) -> None:
        self._feeds = iter([{"image": image}])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._feeds, None)


def _named(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with names in place of tf2onnx's counters, which change from run to run.

    A helper node is called by its operator and place, a constant by its first reader.
    """
    form = onnx_ir.from_proto(model)
    for place, node in enumerate(form.graph):
        node.name = COUNTER.sub(f"{node.op_type}_{place}", node.name or "")
        for value in node.outputs:
            value.name = COUNTER.sub(node.name, value.name or "")
        for index, operand in enumerate(node.inputs):
            if operand is not None and operand.is_initializer():
                name = f"{node.name}/input_{index}"
                operand.name = COUNTER.sub(name, operand.name or "")
    for value in (*form.graph.inputs, *form.graph.outputs):
        value.shape = onnx_ir.Shape(("batch", *list(value.shape or ())[1:]))
    return onnx_ir.to_proto(form)


def _optimize(path: Path, target: Path) -> None:
    options = onnxruntime.SessionOptions()
    # Fuses operators, but leaves memory layouts alone: those depend on the CPU.
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    )
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    half = convert_float_to_float16(model, keep_io_types=True)
    # The converter appends its Casts at the end; onnx.checker wants every node
    # after those it reads from.
    graph = onnx_ir.from_proto(half)
    graph.graph.sort()
    return onnx_ir.to_proto(graph)


def _save(model: onnx.ModelProto, path: Path) -> None:
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
