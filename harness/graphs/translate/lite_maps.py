"""LiteRT's elementwise operators and reductions, as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from harness.formats.litert_names import DTYPES
from harness.graphs.translate.words import (
    ACTIVATIONS,
    gelu,
    reduce,
    rsqrt,
    square,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.graphs.translate.emitter import Emitter
    from harness.graphs.translate.lite_call import Call


def _one(op_type: str) -> Callable[[Call], str]:
    return lambda call: call.e.emit(op_type, call.floats())


def _by(act: Callable[[Emitter, str], str]) -> Callable[[Call], str]:
    return lambda call: act(call.e, call.floats())


def _two(op_type: str, fused_slot: int | None = None) -> Callable[[Call], str]:
    def translate(call: Call) -> str:
        done = call.e.emit(op_type, call.floats(0), call.floats(1))
        return done if fused_slot is None else call.activated(done, fused_slot)

    return translate


def _reduced(op_type: str) -> Callable[[Call], str]:
    def translate(call: Call) -> str:
        keep = bool(call.integer(0))
        return reduce(call.e, op_type, call.floats(), call.numbers(1), keep=keep)

    return translate


def _extreme(op_type: str) -> Callable[[Call], str]:
    def translate(call: Call) -> str:
        axis = call.numbers(1)[0]
        found = call.e.emit(op_type, call.floats(), axis=axis, keepdims=0)
        return _cast(call, found)

    return translate


def _cast(call: Call, x: str) -> str:
    dtype = np.dtype(call.output().dtype)
    return call.e.emit("Cast", x, to=helper.np_dtype_to_tensor_dtype(dtype))


def _converted(call: Call) -> str:
    number = call.integer(1, "b", DTYPES.index(call.output().dtype))
    dtype = np.dtype(DTYPES[number])
    to = helper.np_dtype_to_tensor_dtype(dtype)
    return call.e.emit("Cast", call.stored(), to=to)


def _dequantized(call: Call) -> str:
    if call.tensor(0).dtype == "float16":
        return call.e.emit("Cast", call.stored(), to=1)
    return call.e.emit("Identity", call.floats())


def _leaky(call: Call) -> str:
    return call.e.emit("LeakyRelu", call.floats(), alpha=call.number(0))


def _prelu(call: Call) -> str:
    return call.e.emit("PRelu", call.floats(0), call.floats(1))


def _squared_difference(call: Call) -> str:
    return square(call.e, call.e.emit("Sub", call.floats(0), call.floats(1)))


def _chosen(call: Call) -> str:
    operands = call.stored(0), call.floats(1), call.floats(2)
    return call.e.emit("Where", *operands)


def _not_equal(call: Call) -> str:
    return call.e.emit("Not", call.e.emit("Equal", call.floats(0), call.floats(1)))


MAPS: dict[str, Callable[[Call], str]] = {
    "ABS": _one("Abs"),
    "ADD": _two("Add", 0),
    "ARG_MAX": _extreme("ArgMax"),
    "ARG_MIN": _extreme("ArgMin"),
    "CAST": _converted,
    "CEIL": _one("Ceil"),
    "COS": _one("Cos"),
    "DEQUANTIZE": _dequantized,
    "DIV": _two("Div", 0),
    "ELU": _by(ACTIVATIONS["elu"]),
    "EQUAL": _two("Equal"),
    "EXP": _one("Exp"),
    "FLOOR": _one("Floor"),
    "GELU": lambda c: gelu(c.e, c.floats(), approximate=bool(c.integer(0))),
    "GREATER": _two("Greater"),
    "GREATER_EQUAL": _two("GreaterOrEqual"),
    "HARD_SWISH": _one("HardSwish"),
    "LEAKY_RELU": _leaky,
    "LESS": _two("Less"),
    "LESS_EQUAL": _two("LessOrEqual"),
    "LOG": _one("Log"),
    "LOGICAL_AND": _two("And"),
    "LOGICAL_NOT": _one("Not"),
    "LOGICAL_OR": _two("Or"),
    "LOGISTIC": _one("Sigmoid"),
    "MAXIMUM": _two("Max"),
    "MEAN": _reduced("ReduceMean"),
    "MINIMUM": _two("Min"),
    "MUL": _two("Mul", 0),
    "NEG": _one("Neg"),
    "NOT_EQUAL": _not_equal,
    "POW": _two("Pow"),
    "PRELU": _prelu,
    "QUANTIZE": lambda call: call.e.emit("Identity", call.floats()),
    "REDUCE_MAX": _reduced("ReduceMax"),
    "REDUCE_MIN": _reduced("ReduceMin"),
    "REDUCE_PROD": _reduced("ReduceProd"),
    "RELU": _one("Relu"),
    "RELU6": _by(ACTIVATIONS["relu6"]),
    "RELU_0_TO_1": _by(ACTIVATIONS["relu_0_to_1"]),
    "RELU_N1_TO_1": _by(ACTIVATIONS["relu_n1_to_1"]),
    "ROUND": _one("Round"),
    "RSQRT": _by(rsqrt),
    "SELECT": _chosen,
    "SELECT_V2": _chosen,
    "SIGN": _one("Sign"),
    "SIN": _one("Sin"),
    "SQRT": _one("Sqrt"),
    "SQUARE": _by(square),
    "SQUARED_DIFFERENCE": _squared_difference,
    "SUB": _two("Sub", 0),
    "SUM": _reduced("ReduceSum"),
    "TANH": _one("Tanh"),
}
