"""TensorFlow's elementwise operators and reductions, as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from harness.graphs.translate.words import ACTIVATIONS, reduce, rsqrt, square

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.graphs.translate.emitter import Emitter
    from harness.graphs.translate.tf_call import TfCall


def _same(op_type: str) -> Callable[[TfCall], str]:
    """An operator that ONNX has, of one or two operands."""
    return lambda call: call.e.emit(op_type, *call.names)


def _by(act: Callable[[Emitter, str], str]) -> Callable[[TfCall], str]:
    return lambda call: act(call.e, call.x)


def _reduced(op_type: str) -> Callable[[TfCall], str]:
    def translate(call: TfCall) -> str:
        keep = bool(call.node.integer("keep_dims"))
        return reduce(call.e, op_type, call.x, call.numbers(1), keep=keep)

    return translate


def _extreme(op_type: str) -> Callable[[TfCall], str]:
    def translate(call: TfCall) -> str:
        found = call.e.emit(op_type, call.x, axis=call.numbers(1)[0], keepdims=0)
        if call.node.integer("output_type", 9) == _INT32:
            return call.e.emit("Cast", found, to=6)
        return found

    return translate


_INT32 = 3


def _converted(call: TfCall) -> str:
    dtype = np.dtype(call.node.dtype("DstT"))
    return call.e.emit("Cast", call.x, to=helper.np_dtype_to_tensor_dtype(dtype))


def _leaky(call: TfCall) -> str:
    return call.e.emit("LeakyRelu", call.x, alpha=call.node.real("alpha", 0.2))


def _squared_difference(call: TfCall) -> str:
    return square(call.e, call.e.emit("Sub", *call.names))


def _erfc(call: TfCall) -> str:
    return call.e.emit("Sub", call.e.scalar(1.0), call.e.emit("Erf", call.x))


def _not_equal(call: TfCall) -> str:
    return call.e.emit("Not", call.e.emit("Equal", *call.names))


def _sum(call: TfCall) -> str:
    return call.e.emit("Sum", *call.names)


# Those that leave the last axis as long as that of their operands.
MAPS: dict[str, Callable[[TfCall], str]] = {
    "Abs": _same("Abs"),
    "Add": _same("Add"),
    "AddN": _sum,
    "AddV2": _same("Add"),
    "BiasAdd": _same("Add"),
    "Cast": _converted,
    "Ceil": _same("Ceil"),
    "Cos": _same("Cos"),
    "Div": _same("Div"),
    "Elu": _by(ACTIVATIONS["elu"]),
    "Equal": _same("Equal"),
    "Erf": _same("Erf"),
    "Erfc": _erfc,
    "Exp": _same("Exp"),
    "Floor": _same("Floor"),
    "Greater": _same("Greater"),
    "GreaterEqual": _same("GreaterOrEqual"),
    "Identity": _same("Identity"),
    "LeakyRelu": _leaky,
    "Less": _same("Less"),
    "LessEqual": _same("LessOrEqual"),
    "Log": _same("Log"),
    "LogSoftmax": _by(ACTIVATIONS["log_softmax"]),
    "LogicalAnd": _same("And"),
    "LogicalNot": _same("Not"),
    "LogicalOr": _same("Or"),
    "Maximum": _same("Max"),
    "Minimum": _same("Min"),
    "Mul": _same("Mul"),
    "Neg": _same("Neg"),
    "NotEqual": _not_equal,
    "Pow": _same("Pow"),
    "RealDiv": _same("Div"),
    "Reciprocal": _same("Reciprocal"),
    "Relu": _same("Relu"),
    "Relu6": _by(ACTIVATIONS["relu6"]),
    "Round": _same("Round"),
    "Rsqrt": _by(rsqrt),
    "Select": _same("Where"),
    "SelectV2": _same("Where"),
    "Selu": _by(ACTIVATIONS["selu"]),
    "Sigmoid": _same("Sigmoid"),
    "Sign": _same("Sign"),
    "Sin": _same("Sin"),
    "Softmax": _by(ACTIVATIONS["softmax"]),
    "Softplus": _same("Softplus"),
    "Softsign": _same("Softsign"),
    "Sqrt": _same("Sqrt"),
    "Square": _by(square),
    "SquaredDifference": _squared_difference,
    "Sub": _same("Sub"),
    "Tanh": _same("Tanh"),
}
REDUCTIONS: dict[str, Callable[[TfCall], str]] = {
    "ArgMax": _extreme("ArgMax"),
    "ArgMin": _extreme("ArgMin"),
    "Max": _reduced("ReduceMax"),
    "Mean": _reduced("ReduceMean"),
    "Min": _reduced("ReduceMin"),
    "Prod": _reduced("ReduceProd"),
    "Sum": _reduced("ReduceSum"),
}
