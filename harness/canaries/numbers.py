"""Canaries of arithmetic: activations, norms, rounding, casts, NaN, ties."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from harness.canaries.specimen import Specimen, Trial, node, trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array

_RAMP = np.linspace(-4, 4, 17, dtype=np.float32)
_NAN = np.array([-1, math.nan, 2, 0.5], np.float32)
_HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
_Constants = dict[str, "Array"]


def _plain(
    op: str,
    fed: Array,
    expected: Array,
    constants: _Constants | None = None,
    inputs: str = "x",
    **attributes: Any,
) -> Callable[[], Trial]:
    """A specimen of one operator."""
    nodes = [node(op, inputs, **attributes)]
    return lambda: trial(nodes, {"x": fed}, expected, constants)


def _scalar(value: float) -> Array:
    return np.array(value, np.float32)


def _softmax() -> Trial:
    """Up to opset 12 all axes from `axis` on are one, and `axis` is 1."""
    fed = np.linspace(-2, 3, 12, dtype=np.float32).reshape(2, 3, 2)
    powers = np.exp(fed - fed.max((1, 2), keepdims=True))
    expected = powers / powers.sum((1, 2), keepdims=True)
    return trial([node("Softmax", "x")], {"x": fed}, expected, opset=11)


def _erf_gelu() -> Trial:
    """GELU written out, as exporters do; runtimes fuse it."""
    nodes = [
        node("Div", "x root", "scaled"),
        node("Erf", "scaled", "erf"),
        node("Add", "erf one", "shifted"),
        node("Mul", "x shifted", "product"),
        node("Mul", "product half"),
    ]
    constants = {"root": _scalar(math.sqrt(2)), "one": _scalar(1), "half": _scalar(0.5)}
    return trial(nodes, {"x": _RAMP}, _gelu(), constants)


def _gelu() -> Array:
    values = [0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in _RAMP.tolist()]
    return np.array(values, np.float32)


def _tanh_gelu() -> Array:
    inner = math.sqrt(2 / math.pi) * (_RAMP + 0.044715 * _RAMP**3)
    return np.asarray(0.5 * _RAMP * (1 + np.tanh(inner)), np.float32)


def _gelu_operator(approximate: str) -> Trial:
    expected = _tanh_gelu() if approximate == "tanh" else _gelu()
    nodes = [node("Gelu", "x", approximate=approximate)]
    return trial(nodes, {"x": _RAMP}, expected, opset=20)


def _layer_norm() -> Trial:
    """Squares of 300 leave float16; the operator sums in float32."""
    fed = np.array([[300, -300, 100, 0], [1, 2, 3, 4]], np.float16)
    expected = _normalized(fed, -1, 1e-5)
    constants = {"scale": np.ones(4, np.float16)}
    nodes = [node("LayerNormalization", "x scale", epsilon=1e-5)]
    return trial(nodes, {"x": fed}, expected, constants)


def _instance_norm() -> Trial:
    """A small signal on a large offset, in float16."""
    fed = np.array([[[1000, 1001, 1002, 1001]]], np.float16)
    constants = {"scale": np.ones(1, np.float16), "shift": np.zeros(1, np.float16)}
    nodes = [node("InstanceNormalization", "x scale shift", epsilon=1e-3)]
    return trial(nodes, {"x": fed}, _normalized(fed, -1, 1e-3), constants)


def _normalized(fed: Array, axis: int, epsilon: float) -> Array:
    values = fed.astype(np.float64)
    centred = values - values.mean(axis, keepdims=True)
    scale = np.sqrt(values.var(axis, keepdims=True) + epsilon)
    return np.asarray(centred / scale, fed.dtype)


def _half_overflow(op: str, inputs: str) -> Trial:
    """300 squared is no float16: a file that computes it there says infinity."""
    fed = np.array([300, 2], np.float32)
    nodes = [
        node("Cast", "x", "half", to=TensorProto.FLOAT16),
        node(op, inputs, "square"),
        node("Cast", "square", to=TensorProto.FLOAT),
    ]
    constants = {"two": np.array(2, np.float16)}
    expected = np.array([math.inf, 4], np.float32)
    return trial(nodes, {"x": fed}, expected, constants)


def _cast_chain(through: int, fed: Array, expected: Array) -> Trial:
    nodes = [
        node("Cast", "x", "narrow", to=through),
        node("Cast", "narrow", to=TensorProto.FLOAT),
    ]
    return trial(nodes, {"x": fed}, expected)


def _relu_clip() -> Trial:
    nodes = [node("Relu", "x", "r"), node("Clip", "r low high")]
    constants = {"low": _scalar(-1), "high": _scalar(2)}
    return trial(nodes, {"x": _RAMP}, np.clip(_RAMP, 0, 2), constants)


def _divide_multiply() -> Trial:
    """1 / 3 is 0 among integers, whatever it is multiplied by."""
    nodes = [node("Div", "one x", "inverse"), node("Mul", "inverse by")]
    constants = {"one": np.array(1, np.int32), "by": np.array([6, 6], np.int32)}
    fed = np.array([3, 1], np.int32)
    return trial(nodes, {"x": fed}, np.array([0, 6], np.int32), constants)


def _norm_sizes() -> Trial:
    """Local response over three channels: alpha is divided by their number."""
    fed = np.array([1, 2, 3, 4], np.float32).reshape(1, 4, 1, 1)
    sums = np.array([5, 14, 29, 25], np.float32).reshape(1, 4, 1, 1)
    expected = fed / (1 + 0.3 / 3 * sums) ** np.float32(0.75)
    nodes = [node("LRN", "x", size=3, alpha=0.3, beta=0.75)]
    return trial(nodes, {"x": fed}, expected)


def _top_k() -> Trial:
    """Of equal scores the one with the smaller index comes first."""
    fed = np.array([[1, 3, 3, 3, 2]], np.float32)
    nodes = [
        node("TopK", "x k", "values"),
        node("Cast", "places", to=TensorProto.INT32),
    ]
    nodes[0].output.append("places")
    expected = np.array([[1, 2]], np.int32)
    return trial(nodes, {"x": fed}, expected, {"k": np.array([2], np.int64)})


def _arg_max(last: int) -> Trial:
    fed = np.array([[1, 3, 3, 2]], np.float32)
    nodes = [node("ArgMax", "x", axis=1, keepdims=0, select_last_index=last)]
    return trial(nodes, {"x": fed}, np.array([2 if last else 1], np.int64))


NUMBERS = (
    Specimen("Softmax before opset 13", "its axes are read by newer rules", _softmax),
    Specimen("GELU written with Erf", "it is fused into an approximation", _erf_gelu),
    Specimen("Gelu", "an approximation is computed", lambda: _gelu_operator("none")),
    Specimen("Gelu, tanh", "tanh is not computed", lambda: _gelu_operator("tanh")),
    Specimen(
        "LayerNormalization in float16",
        "squares overflow float16",
        _layer_norm,
        2e-3,
    ),
    Specimen(
        "InstanceNormalization in float16",
        "sums or epsilon are lost in float16",
        _instance_norm,
        2e-3,
    ),
    Specimen(
        "float16 Mul between casts",
        "casts are dropped, so float16's overflow and rounding are not there",
        lambda: _half_overflow("Mul", "half half"),
    ),
    Specimen(
        "float16 Pow between casts",
        "casts are dropped, so float16's overflow and rounding are not there",
        lambda: _half_overflow("Pow", "half two"),
    ),
    Specimen(
        "Cast to float16 and back",
        "rounding that the file asks for is dropped",
        lambda: _cast_chain(
            TensorProto.FLOAT16,
            np.array([1 + 2**-12, 70000], np.float32),
            np.array([1, math.inf], np.float32),
        ),
    ),
    Specimen(
        "Cast to int32 and back",
        "it rounds where it should truncate, or is dropped",
        lambda: _cast_chain(TensorProto.INT32, _HALVES, np.trunc(_HALVES)),
    ),
    Specimen("Relu then Clip below 0", "the Relu is lost in fusing", _relu_clip),
    Specimen("Integer Div then Mul", "fused, it does not truncate", _divide_multiply),
    Specimen(
        "Round half to even",
        "halves are rounded away from zero",
        _plain("Round", _HALVES, np.round(_HALVES)),
    ),
    Specimen(
        "Mod of integers",
        "the sign follows the dividend",
        _plain(
            "Mod",
            np.array([-7, 7, -7], np.int32),
            np.array([2, -2, -1], np.int32),
            {"by": np.array([3, -3, -3], np.int32)},
            "x by",
        ),
    ),
    Specimen(
        "Mod of floats, fmod",
        "the sign follows the divisor",
        _plain(
            "Mod",
            np.array([-5.5, 5.5], np.float32),
            np.array([-2.5, 2.5], np.float32),
            {"by": np.array([3, -3], np.float32)},
            "x by",
            fmod=1,
        ),
    ),
    Specimen(
        "NaN in Clip",
        "NaN becomes a bound",
        _plain(
            "Clip",
            _NAN,
            np.clip(_NAN, 0, 1),
            {"low": _scalar(0), "high": _scalar(1)},
            "x low high",
        ),
    ),
    Specimen(
        "NaN in Max",
        "NaN is dropped",
        _plain("Max", _NAN, np.maximum(_NAN, 0), {"by": _scalar(0)}, "x by"),
    ),
    Specimen("NaN in Relu", "NaN becomes 0", _plain("Relu", _NAN, np.maximum(_NAN, 0))),
    Specimen(
        "NaN in ReduceMax",
        "NaN is dropped",
        _plain("ReduceMax", _NAN, np.array([math.nan], np.float32)),
    ),
    Specimen("TopK among equals", "another one of equals comes first", _top_k),
    Specimen("ArgMax among equals", "the last is taken", lambda: _arg_max(0)),
    Specimen("ArgMax among equals, last", "the first is taken", lambda: _arg_max(1)),
    Specimen(
        "LeakyRelu by default",
        "its slope is not 0.01",
        _plain(
            "LeakyRelu", _RAMP, np.where(_RAMP < 0, _RAMP * np.float32(0.01), _RAMP)
        ),
    ),
    Specimen(
        "HardSigmoid by default",
        "its slope is not 0.2",
        _plain("HardSigmoid", _RAMP, np.clip(0.2 * _RAMP + 0.5, 0, 1)),
    ),
    Specimen("LRN", "alpha is not divided by the number of channels", _norm_sizes),
    Specimen(
        "CumSum, exclusive and reversed",
        "an element counts itself, or the wrong side",
        _plain(
            "CumSum",
            np.array([1, 2, 4], np.float32),
            np.array([6, 4, 0], np.float32),
            {"axis": np.array(0, np.int64)},
            "x axis",
            exclusive=1,
            reverse=1,
        ),
    ),
)
