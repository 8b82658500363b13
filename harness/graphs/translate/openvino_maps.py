"""OpenVINO's elementwise layers and reductions, as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.translate.openvino_codes import fake_quantized, rule_of_ranges
from harness.graphs.translate.words import ACTIVATIONS, gelu, reduce, square

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.graphs.translate.emitter import Emitter
    from harness.graphs.translate.openvino_call import IrCall

_BROADCASTS = frozenset({"", "numpy", "none"})


def _one(op_type: str) -> Callable[[IrCall], str]:
    return lambda call: call.e.emit(op_type, call.x)


def _by(act: Callable[[Emitter, str], str]) -> Callable[[IrCall], str]:
    return lambda call: act(call.e, call.x)


def _two(op_type: str) -> Callable[[IrCall], str]:
    def translate(call: IrCall) -> str:
        _require_numpy(call)
        return call.e.emit(op_type, call.name(0), call.name(1))

    return translate


def _require_numpy(call: IrCall) -> None:
    if call.text("auto_broadcast") not in _BROADCASTS:
        raise call.refused(f"it broadcasts as {call.text('auto_broadcast')} does")


def _divided(call: IrCall) -> str:
    """Of whole numbers the floor, as Python has it."""
    _require_numpy(call)
    e, left, right = call.e, call.name(0), call.name(1)
    if "int" in call.operand().dtype and call.flag("m_pythondiv", default=True):
        left = e.emit("Sub", left, e.emit("Mod", left, right))
    return e.emit("Div", left, right)


def _remainder(*, floored: bool) -> Callable[[IrCall], str]:
    def translate(call: IrCall) -> str:
        e, left, right = call.e, call.name(0), call.name(1)
        if not floored:
            return e.emit("Mod", left, right, fmod=1)
        if "int" in call.operand().dtype:
            return e.emit("Mod", left, right)
        whole = e.emit("Floor", e.emit("Div", left, right))
        return e.emit("Sub", left, e.emit("Mul", whole, right))

    return translate


def _not_equal(call: IrCall) -> str:
    return call.e.emit("Not", call.e.emit("Equal", call.name(0), call.name(1)))


def _squared_difference(call: IrCall) -> str:
    return square(call.e, call.e.emit("Sub", call.name(0), call.name(1)))


def _clamped(call: IrCall) -> str:
    low, high = call.real("min"), call.real("max")
    if "int" in call.operand().dtype:
        limits = np.iinfo(call.operand().dtype)
        low, high = max(np.ceil(low), limits.min), min(np.floor(high), limits.max)
    return call.e.emit("Clip", call.x, call.number(low), call.number(high))


def _elu(call: IrCall) -> str:
    return call.e.emit("Elu", call.x, alpha=call.real("alpha", 1.0))


def _selu(call: IrCall) -> str:
    alpha, gamma = (float(call.content(at).reshape(-1)[0]) for at in (1, 2))
    return call.e.emit("Selu", call.x, alpha=alpha, gamma=gamma)


def _hard_sigmoid(call: IrCall) -> str:
    alpha, beta = (float(call.content(at).reshape(-1)[0]) for at in (1, 2))
    return call.e.emit("HardSigmoid", call.x, alpha=alpha, beta=beta)


def _prelu(call: IrCall) -> str:
    """One slope is LeakyRelu's; one a channel lies along the second axis."""
    operand = call.operand(1)
    slopes = operand.content
    if slopes is not None and slopes.size == 1:
        alpha = float(slopes.reshape(-1)[0])
        return call.e.emit("LeakyRelu", call.x, alpha=alpha)
    if call.rank(1) != 1 or call.rank() <= 2:
        return call.e.emit("PRelu", call.x, call.name(1))
    shape = (-1, *(1,) * (call.rank() - 2))
    if slopes is None:
        wide = call.e.emit("Reshape", call.name(1), call.e.ints(shape))
    else:
        wide = call.moved(1, slopes.reshape(shape))
    return call.e.emit("PRelu", call.x, wide)


def _gelu(call: IrCall) -> str:
    approximate = call.text("approximation_mode", "ERF").upper() == "TANH"
    return gelu(call.e, call.x, approximate=approximate)


def _swish(call: IrCall) -> str:
    bent = call.x
    if call.has(1):
        beta = call.operand(1).content
        if beta is None or np.any(beta != 1):
            bent = call.e.emit("Mul", call.x, call.name(1))
    return call.e.emit("Mul", call.x, call.e.emit("Sigmoid", bent))


def _mish(call: IrCall) -> str:
    """Mish, x tanh(ln(1 + exp(x))) (arXiv:1908.08681)."""
    e = call.e
    return e.emit("Mul", call.x, e.emit("Tanh", e.emit("Softplus", call.x)))


def _rounded(call: IrCall) -> str:
    e, x = call.e, call.x
    if call.text("mode", "half_to_even") == "half_to_even":
        return e.emit("Round", x)
    away = e.emit("Floor", e.emit("Add", e.emit("Abs", x), e.scalar(0.5)))
    return e.emit("Mul", e.emit("Sign", x), away)


def _chosen(call: IrCall) -> str:
    _require_numpy(call)
    return call.e.emit("Where", *call.names)


def _converted(call: IrCall) -> str:
    return call.cast(call.x)


def _reduced(op_type: str) -> Callable[[IrCall], str]:
    def translate(call: IrCall) -> str:
        axes, keep = call.axes(1), call.flag("keep_dims")
        if not axes:
            return call.e.emit("Identity", call.x)
        return reduce(call.e, op_type, call.x, axes, keep=keep)

    return translate


def _all_or_any(op_type: str) -> Callable[[IrCall], str]:
    def translate(call: IrCall) -> str:
        e, keep = call.e, call.flag("keep_dims")
        whole = e.emit("Cast", call.x, to=6)
        found = reduce(e, op_type, whole, call.axes(1), keep=keep)
        return e.emit("Cast", found, to=9)

    return translate


def _fake_quantized(call: IrCall) -> str:
    """As codes and back where it is that; else its formula."""
    e, levels = call.e, call.integer("levels", 2)
    contents = [call.operand(at).content for at in range(1, 5)]
    low, high, first, last = contents
    if low is not None and high is not None and first is not None and last is not None:
        ends = (low, high, first, last)
        if rule := rule_of_ranges(ends, levels, call.lengths()):
            return fake_quantized(e, call.x, rule)
    return _by_formula(call, levels)


def _by_formula(call: IrCall, levels: int) -> str:
    e = call.e
    x, low, high, first, last = call.names[:5]
    steps = e.scalar(levels - 1)
    inside = e.emit("Min", e.emit("Max", x, low), high)
    place = e.emit("Div", e.emit("Sub", inside, low), e.emit("Sub", high, low))
    code = e.emit("Round", e.emit("Mul", place, steps))
    reach = e.emit("Sub", last, first)
    back = e.emit("Mul", e.emit("Div", code, steps), reach)
    return e.emit("Add", back, first)


MAPS: dict[str, Callable[[IrCall], str | tuple[str, ...]]] = {
    **{
        kind: _one(kind)
        for kind in (
            *("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh"),
            *("Erf", "Exp", "Floor", "Identity", "IsNaN", "Log", "Relu"),
            *("Sigmoid", "Sign", "Sin", "Sinh", "Sqrt", "Tan", "Tanh"),
        )
    },
    "Add": _two("Add"),
    "Ceiling": _one("Ceil"),
    "Clamp": _clamped,
    "Convert": _converted,
    "ConvertLike": _converted,
    "Divide": _divided,
    "Elu": _elu,
    "Equal": _two("Equal"),
    "FakeQuantize": _fake_quantized,
    "FloorMod": _remainder(floored=True),
    "Gelu": _gelu,
    "Greater": _two("Greater"),
    "GreaterEqual": _two("GreaterOrEqual"),
    "HSigmoid": _by(ACTIVATIONS["hard_sigmoid"]),
    "HSwish": _one("HardSwish"),
    "HardSigmoid": _hard_sigmoid,
    "IsFinite": lambda c: c.e.emit(
        "Not",
        c.e.emit("Or", c.e.emit("IsNaN", c.x), c.e.emit("IsInf", c.x)),
    ),
    "Less": _two("Less"),
    "LessEqual": _two("LessOrEqual"),
    "LogicalAnd": _two("And"),
    "LogicalNot": _one("Not"),
    "LogicalOr": _two("Or"),
    "LogicalXor": _two("Xor"),
    "Maximum": _two("Max"),
    "Minimum": _two("Min"),
    "Mish": _mish,
    "Mod": _remainder(floored=False),
    "Multiply": _two("Mul"),
    "Negative": _one("Neg"),
    "NotEqual": _not_equal,
    "PReLU": _prelu,
    "PRelu": _prelu,
    "Power": _two("Pow"),
    "ReLU": _one("Relu"),
    "Round": _rounded,
    "Select": _chosen,
    "Selu": _selu,
    "SoftPlus": _one("Softplus"),
    "SoftSign": _one("Softsign"),
    "SquaredDifference": _squared_difference,
    "Subtract": _two("Sub"),
    "Swish": _swish,
}
REDUCTIONS: dict[str, Callable[[IrCall], str | tuple[str, ...]]] = {
    "ReduceL1": _reduced("ReduceL1"),
    "ReduceL2": _reduced("ReduceL2"),
    "ReduceLogicalAnd": _all_or_any("ReduceMin"),
    "ReduceLogicalOr": _all_or_any("ReduceMax"),
    "ReduceMax": _reduced("ReduceMax"),
    "ReduceMean": _reduced("ReduceMean"),
    "ReduceMin": _reduced("ReduceMin"),
    "ReduceProd": _reduced("ReduceProd"),
    "ReduceSum": _reduced("ReduceSum"),
}
