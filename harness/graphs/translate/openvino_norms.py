"""OpenVINO's normalizations and its attention, as ONNX."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.translate.words import reduce, square

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.graphs.translate.emitter import Emitter
    from harness.graphs.translate.openvino_call import IrCall

_FIRST_SET_WITH_DATA_FIRST = 5
_LRN = {"alpha": 1e-4, "beta": 0.75, "bias": 1.0}


def _batch_norm(call: IrCall) -> str:
    gamma, beta, x, mean, variance = call.names[:5]
    if call.version >= _FIRST_SET_WITH_DATA_FIRST:
        x, gamma, beta, mean, variance = call.names[:5]
    epsilon = call.real("epsilon", 1e-5)
    operands = (x, gamma, beta, mean, variance)
    return call.e.emit("BatchNormalization", *operands, epsilon=epsilon)


def _ones(call: IrCall, shape: tuple[int, ...], value: float = 1.0) -> str:
    return call.e.constant(np.full(shape, value, np.float32), f"{value:g}")


def _mvn(call: IrCall) -> str:
    """(x - mean) / sqrt(variance + eps); as a norm that ONNX has, where it is one."""
    axes, epsilon = _mvn_axes(call), call.real("eps", 1e-9)
    inside = call.text("eps_mode", "inside_sqrt").casefold() == "inside_sqrt"
    if not call.flag("normalize_variance", default=True) or not inside:
        return _written_out(call, axes, epsilon, inside=inside)
    rank, lengths = call.rank(), call.lengths()
    last = axes == tuple(range(rank - len(axes), rank))
    kept = [n for n in lengths[rank - len(axes) :] if n is not None]
    if last and kept and len(kept) == len(axes):
        ones, told = _ones(call, tuple(kept)), {"axis": -len(axes), "epsilon": epsilon}
        return call.e.emit("LayerNormalization", call.x, ones, **told)
    if axes == tuple(range(2, rank)) and lengths[1]:
        return _instance_norm(call, call.x, lengths[1], epsilon)
    return _written_out(call, axes, epsilon, inside=True)


def _mvn_axes(call: IrCall) -> tuple[int, ...]:
    if call.has(1):
        return call.axes(1)
    across = call.flag("across_channels", default=True)
    return tuple(range(1 if across else 2, call.rank()))


def _instance_norm(call: IrCall, x: str, channels: int, epsilon: float) -> str:
    parts = (_ones(call, (channels,)), _ones(call, (channels,), 0.0))
    return call.e.emit("InstanceNormalization", x, *parts, epsilon=epsilon)


def _written_out(
    call: IrCall, axes: tuple[int, ...], epsilon: float, *, inside: bool
) -> str:
    e, x = call.e, call.x
    centred = e.emit("Sub", x, reduce(e, "ReduceMean", x, axes, keep=True))
    if not call.flag("normalize_variance", default=True):
        return centred
    variance = reduce(e, "ReduceMean", square(e, centred), axes, keep=True)
    if inside:
        root = e.emit("Sqrt", e.emit("Add", variance, e.scalar(epsilon)))
    else:
        root = e.emit("Add", e.emit("Sqrt", variance), e.scalar(epsilon))
    return e.emit("Div", centred, root)


def _group_norm(call: IrCall) -> str:
    """As PyTorch's exporter writes it: instances of groups, then each channel."""
    e, groups = call.e, call.integer("num_groups", 1)
    apart = e.emit("Reshape", call.x, e.ints([0, groups, -1]))
    normal = _instance_norm(call, apart, groups, call.real("epsilon", 1e-5))
    x = e.emit("Reshape", normal, e.emit("Shape", call.x))
    shape = (-1, *(1,) * (call.rank() - 2))
    for op_type, at in (("Mul", 1), ("Add", 2)):
        operand = call.operand(at)
        if operand.content is not None:
            wide = call.moved(at, operand.content.reshape(shape))
        else:
            wide = e.emit("Reshape", call.name(at), e.ints(shape))
        x = e.emit(op_type, x, wide)
    return x


def _lrn(call: IrCall) -> str:
    if call.axes(1) != (1,):
        raise call.refused(f"it sums over the axes {list(call.axes(1))}")
    told = {key: call.real(key, default) for key, default in _LRN.items()}
    return call.e.emit("LRN", call.x, size=call.integer("size", 1), **told)


def _normalized(call: IrCall) -> str:
    """L2 norm, x / sqrt(sum of squares + eps), or of whichever is larger."""
    e, x = call.e, call.x
    total = reduce(e, "ReduceSum", square(e, x), call.axes(1), keep=True)
    op_type = "Max" if call.text("eps_mode", "add") == "max" else "Add"
    safe = e.emit(op_type, total, e.scalar(call.real("eps", 1e-10)))
    return e.emit("Div", x, e.emit("Sqrt", safe))


def _softmax(op_type: str) -> Callable[[IrCall], str]:
    def translate(call: IrCall) -> str:
        axis = call.integer("axis", 1)
        # Counted from the end, as exporters do for the last one.
        axis = axis - call.rank() if axis == call.rank() - 1 else axis
        return call.e.emit(op_type, call.x, axis=axis)

    return translate


def _attention(call: IrCall) -> str:
    """softmax(q k^T scale + mask) v (arXiv:1706.03762)."""
    e, rank = call.e, call.rank(1)
    turned = e.emit(
        "Transpose", call.name(1), perm=[*range(rank - 2), rank - 1, rank - 2]
    )
    scores = e.emit("MatMul", call.x, turned)
    scores = e.emit("Mul", scores, _scale(call))
    if call.flag("causal"):
        scores = e.emit("Add", scores, _triangle(e, scores))
    elif call.has(3) and not _is_nothing(call):
        scores = e.emit("Add", scores, _mask(call))
    return e.emit("MatMul", e.emit("Softmax", scores, axis=-1), call.name(2))


def _scale(call: IrCall) -> str:
    e = call.e
    if call.has(4):
        return call.name(4)
    width = call.lengths()[-1] or call.lengths(1)[-1]
    if width:
        return e.scalar(1 / math.sqrt(width))
    last = e.emit("Slice", e.emit("Shape", call.x), e.ints([-1]), e.ints([1 << 60]))
    return e.emit("Reciprocal", e.emit("Sqrt", e.emit("Cast", last, to=1)))


def _is_nothing(call: IrCall) -> bool:
    content = call.operand(3).content
    return content is not None and content.dtype != bool and not content.any()


def _mask(call: IrCall) -> str:
    if call.operand(3).dtype != "bool":
        return call.name(3)
    return _closed(call.e, call.name(3))


def _closed(e: Emitter, where: str) -> str:
    return e.emit("Where", where, e.scalar(0.0), e.scalar(-math.inf))


def _triangle(e: Emitter, scores: str) -> str:
    """What each place may see: those before it, and itself."""
    shape = e.emit("Shape", scores)
    last = e.emit("Slice", shape, e.ints([-2]), e.ints([1 << 60]))
    ones = e.emit("Expand", e.constant(np.array(1, np.int64), "1"), last)
    lower = e.emit("Trilu", ones, upper=0)
    return _closed(e, e.emit("Cast", lower, to=9))


NORMS: dict[str, Callable[[IrCall], str | tuple[str, ...]]] = {
    "BatchNormInference": _batch_norm,
    "GroupNormalization": _group_norm,
    "LRN": _lrn,
    "LogSoftmax": _softmax("LogSoftmax"),
    "MVN": _mvn,
    "NormalizeL2": _normalized,
    "ScaledDotProductAttention": _attention,
    "SoftMax": _softmax("Softmax"),
    "Softmax": _softmax("Softmax"),
}
