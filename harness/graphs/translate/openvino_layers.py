"""OpenVINO's convolutions, pools and products, as ONNX; channels come first in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.graphs.translate.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.graphs.translate.openvino_call import IrCall

_LOWER = "same_lower"
_PADS = ("pads_begin", "pads_end")
_SAME = frozenset({"same_upper", _LOWER})


def _window(call: IrCall, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Attributes of Conv and the pools."""
    rank, mode = len(kernel), call.text("auto_pad", "explicit")
    padding: str | tuple[tuple[int, int], ...] = "SAME" if mode in _SAME else "VALID"
    if mode not in _SAME and mode != "valid":
        padding = _pads(call, rank)
    window = Window(
        kernel=kernel,
        strides=call.integers("strides") or (1,) * rank,
        padding=padding,
        dilations=call.integers("dilations") or (1,) * rank,
        spatial=call.lengths()[2:],
    )
    told = window.attributes()
    return _odd_first(told) if mode == _LOWER else told


def _pads(call: IrCall, rank: int) -> tuple[tuple[int, int], ...]:
    begins, ends = (call.integers(key) or (0,) * rank for key in _PADS)
    return tuple(zip(begins, ends, strict=True))


def _odd_first(told: dict[str, Any]) -> dict[str, Any]:
    """SAME with the odd row before."""
    if "auto_pad" in told:
        return {**told, "auto_pad": "SAME_LOWER"}
    pads = told.get("pads", [])
    half = len(pads) // 2
    return {**told, "pads": pads[half:] + pads[:half]} if pads else told


def _conv(call: IrCall) -> str:
    kernel = call.fixed(1, slice(2, None))
    return call.e.emit("Conv", call.x, call.name(1), **_window(call, kernel))


def _grouped(call: IrCall) -> tuple[str, int]:
    """Weights whose groups have an axis of their own, as ONNX has them."""
    groups, rows, *rest = call.fixed(1, slice(None))
    operand, shape = call.operand(1), [groups * rows, *rest]
    if operand.content is None:
        return call.e.emit("Reshape", call.name(1), call.e.ints(shape)), groups
    return call.moved(1, operand.content.reshape(shape)), groups


def _group_conv(call: IrCall) -> str:
    weights, groups = _grouped(call)
    told = _window(call, call.fixed(1, slice(3, None)))
    return call.e.emit("Conv", call.x, weights, group=groups, **told)


def _transposed(call: IrCall) -> str:
    told = _cropped(call, call.fixed(1, slice(2, None)))
    return call.e.emit("ConvTranspose", call.x, call.name(1), **told)


def _group_transposed(call: IrCall) -> str:
    weights, groups = _grouped(call)
    told = _cropped(call, call.fixed(1, slice(3, None)))
    return call.e.emit("ConvTranspose", call.x, weights, group=groups, **told)


def _cropped(call: IrCall, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Attributes of a ConvTranspose."""
    rank, mode = len(kernel), call.text("auto_pad", "explicit")
    strides = call.integers("strides") or (1,) * rank
    dilations = call.integers("dilations") or (1,) * rank
    extras = list(call.integers("output_padding") or (0,) * rank)
    pairs = list(_pads(call, rank)) if mode not in {*_SAME, "valid"} else []
    if call.has(2):
        sizes = zip(kernel, strides, dilations, strict=True)
        spans = [(k - 1) * d + 1 - s for k, s, d in sizes]
        pairs, extras = _fitted(call, spans, strides, extras)
    elif mode in _SAME:
        raise call.refused(f"its padding is {mode}, and no size is told")
    pairs = pairs or [(0, 0)] * rank
    return {
        "kernel_shape": list(kernel),
        "strides": list(strides),
        "dilations": list(dilations),
        "pads": [p[0] for p in pairs] + [p[1] for p in pairs],
        "output_padding": extras,
    }


def _fitted(
    call: IrCall, spans: list[int], strides: tuple[int, ...], extras: list[int]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Crops that give the spatial lengths that the third input asks for."""
    lengths, wanted = call.fixed(0, slice(2, None)), _wanted(call)
    lower = call.text("auto_pad") == _LOWER
    pairs, more = [], []
    for axis, span in enumerate(spans):
        whole = lengths[axis] * strides[axis] + span + extras[axis]
        crop = max(whole - wanted[axis], 0)
        small, large = crop // 2, crop - crop // 2
        pairs.append((small, large) if lower else (large, small))
        more.append(extras[axis] + max(wanted[axis] - whole, 0))
    return pairs, more


def _wanted(call: IrCall) -> tuple[int, ...]:
    """Told by the third input, or computed there and known to the file."""
    known = [n for n in call.layer.outputs[0].lengths[2:] if n is not None]
    if call.operand(2).content is None and len(known) == call.rank() - 2:
        return tuple(known)
    return call.numbers(2)


def _max_pool(call: IrCall) -> str:
    kernel = call.integers("kernel")
    told = {**_window(call, kernel), **_rounding(call)}
    return call.e.emit("MaxPool", call.x, **told)


def _average_pool(call: IrCall) -> str:
    kernel = call.integers("kernel")
    told = {**_window(call, kernel), **_rounding(call)}
    if told.get("pads") or "auto_pad" in told:
        told["count_include_pad"] = int(not call.flag("exclude-pad"))
    return call.e.emit("AveragePool", call.x, **told)


def _rounding(call: IrCall) -> dict[str, int]:
    return {"ceil_mode": 1} if call.text("rounding_type").startswith("ceil") else {}


def _adaptive(op_type: str) -> Callable[[IrCall], str]:
    """Windows that are all alike; others ONNX does not have."""

    def translate(call: IrCall) -> str:
        wanted = call.numbers(1)
        if set(wanted) == {1}:
            return call.e.emit(f"Global{op_type}", call.x)
        lengths = call.fixed(0, slice(2, None))
        if any(n % max(m, 1) for n, m in zip(lengths, wanted, strict=True)):
            raise call.refused(f"it makes {wanted} of {lengths}, of uneven windows")
        kernel = [n // m for n, m in zip(lengths, wanted, strict=True)]
        return call.e.emit(op_type, call.x, kernel_shape=kernel, strides=kernel)

    return translate


def _matmul(call: IrCall) -> str:
    flags = ("transpose_a", "transpose_b")
    sides = [_side(call, at, turned=call.flag(flag)) for at, flag in enumerate(flags)]
    return call.e.emit("MatMul", *sides)


def _side(call: IrCall, at: int, *, turned: bool) -> str:
    rank, operand = call.rank(at), call.operand(at)
    if not turned or rank < 2:
        return call.name(at)
    if operand.content is not None and operand.codes is None:
        return call.moved(at, operand.content.swapaxes(-1, -2))
    perm = [*range(rank - 2), rank - 1, rank - 2]
    return call.e.emit("Transpose", call.name(at), perm=perm)


def _einsum(call: IrCall) -> str:
    return call.e.emit("Einsum", *call.names, equation=call.text("equation"))


def _to_space(call: IrCall) -> str:
    mode = "DCR" if call.text("mode") == "blocks_first" else "CRD"
    size = call.integer("block_size", 1)
    return call.e.emit("DepthToSpace", call.x, blocksize=size, mode=mode)


def _to_depth(call: IrCall) -> str:
    if call.text("mode") != "blocks_first":
        raise call.refused(f"its mode is {call.text('mode')}")
    size = call.integer("block_size", 1)
    return call.e.emit("SpaceToDepth", call.x, blocksize=size)


LAYERS: dict[str, Callable[[IrCall], str | tuple[str, ...]]] = {
    "AdaptiveAvgPool": _adaptive("AveragePool"),
    "AdaptiveMaxPool": _adaptive("MaxPool"),
    "AvgPool": _average_pool,
    "Convolution": _conv,
    "ConvolutionBackpropData": _transposed,
    "DepthToSpace": _to_space,
    "Einsum": _einsum,
    "GroupConvolution": _group_conv,
    "GroupConvolutionBackpropData": _group_transposed,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "SpaceToDepth": _to_depth,
}
