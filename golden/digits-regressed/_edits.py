"""Mistakes made in a finished ONNX file: its last layer, or all of its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx
    from numpy.typing import NDArray

BIAS = "digits_1/probabilities_1/BiasAdd/ReadVariableOp:0"
KERNEL = "digits_1/probabilities_1/Cast/ReadVariableOp:0"


def lower_bias(model: onnx.ModelProto, label: int, amount: float) -> None:
    """Take `amount` from the logit of one class."""
    bias = _array(model, BIAS)
    bias[label] -= np.float32(amount)
    _replace(model, BIAS, bias)


def swap_labels(model: onnx.ModelProto, first: int, second: int) -> None:
    """Let two classes answer in each other's place."""
    for name in (KERNEL, BIAS):
        array = _array(model, name)
        array[..., [first, second]] = array[..., [second, first]]
        _replace(model, name, array)


def round_kernels(model: onnx.ModelProto, bits: int) -> None:
    """Round every kernel to 2**bits levels, one scale a tensor, and store floats.

    The levels are -2**(bits-1) .. 2**(bits-1) - 1 times a scale that puts the largest
    magnitude at the end of the range.
    """
    half = 2 ** (bits - 1)
    for name in list(_kernels(model)):
        array = _array(model, name)
        scale = np.float32(np.abs(array).max() / half)
        codes = np.clip(np.round(array / scale), -half, half - 1)
        _replace(model, name, codes * scale)


def _kernels(model: onnx.ModelProto) -> Iterator[str]:
    for node in model.graph.node:
        if node.op_type in {"Conv", "MatMul"}:
            yield node.input[1]


def _array(model: onnx.ModelProto, name: str) -> NDArray[np.float32]:
    return numpy_helper.to_array(_initializer(model, name)).copy()


def _replace(model: onnx.ModelProto, name: str, array: NDArray[np.float32]) -> None:
    _initializer(model, name).CopyFrom(numpy_helper.from_array(array, name))


def _initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(i for i in model.graph.initializer if i.name == name)
