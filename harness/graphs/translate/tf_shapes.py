"""TensorFlow's operators that move, cut and join, as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.translate.slicing import Masks, strided

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.graphs.translate.tf_call import TfCall

_INT64 = 9
_MASKS = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")


def _reshape(call: TfCall) -> str:
    return call.e.emit("Reshape", call.x, call.longs(1))


def _squeeze(call: TfCall) -> str:
    axes = call.node.integers("squeeze_dims")
    return call.e.emit("Squeeze", call.x, *([call.e.ints(axes)] if axes else []))


def _expand(call: TfCall) -> str:
    return call.e.emit("Unsqueeze", call.x, call.e.ints(call.numbers(1)))


def _shape(call: TfCall) -> str:
    lengths = call.e.emit("Shape", call.x)
    if call.node.integer("out_type", 3) == _INT64:
        return lengths
    return call.e.emit("Cast", lengths, to=6)


def _joined(call: TfCall) -> str:
    axis = call.numbers(len(call.operands) - 1)[0]
    parts = [operand.name(call.e) for operand in call.operands[:-1]]
    return call.e.emit("Concat", *parts, axis=axis)


def _pack(call: TfCall) -> str:
    axis = call.node.integer("axis")
    at = call.e.ints([axis])
    parts = [call.e.emit("Unsqueeze", name, at) for name in call.names]
    return call.e.emit("Concat", *parts, axis=axis)


def _unpack(call: TfCall) -> tuple[str, ...]:
    axis, n = call.node.integer("axis"), call.node.integer("num")
    sizes = call.e.ints([1] * n)
    parts = call.e.emit_many("Split", [call.x, sizes], n, axis=axis)
    return tuple(call.e.emit("Squeeze", part, call.e.ints([axis])) for part in parts)


def _split(call: TfCall) -> tuple[str, ...]:
    axis, n = call.numbers(0)[0], call.node.integer("num_split")
    return call.e.emit_many("Split", [call.operands[1].name(call.e)], n, axis=axis)


def _split_v(call: TfCall) -> tuple[str, ...]:
    axis, sizes = call.numbers(2)[0], call.longs(1)
    n = call.node.integer("num_split")
    return call.e.emit_many("Split", [call.x, sizes], n, axis=axis)


def _strided_slice(call: TfCall) -> str:
    begin, end, strides = (call.numbers(at) for at in (1, 2, 3))
    masks = Masks(*(call.node.integer(f"{word}_mask") for word in _MASKS))
    return strided(call.e, call.x, (begin, end, strides), masks)


def _slice(call: TfCall) -> str:
    e, begin, sizes = call.e, call.numbers(1), call.numbers(2)
    far = int(np.iinfo(np.int64).max)
    pairs = zip(begin, sizes, strict=True)
    ends = [far if size < 0 else first + size for first, size in pairs]
    return e.emit("Slice", call.x, e.ints(begin), e.ints(ends))


def _pads(call: TfCall) -> str:
    """(rank, 2) of begins and ends as all begins, then all ends."""
    return call.e.ints([int(n) for n in call.content(1).transpose().reshape(-1)])


def _pad(call: TfCall) -> str:
    value = [operand.name(call.e) for operand in call.operands[2:]]
    return call.e.emit("Pad", call.x, _pads(call), *value)


def _mirror_pad(call: TfCall) -> str:
    mode = "reflect"
    if call.node.text("mode") == "SYMMETRIC":
        # What is mirrored with its edge is its edge, one deep.
        if call.content(1).max() > 1:
            raise call.refused("it mirrors with the edge, more than one deep")
        mode = "edge"
    return call.e.emit("Pad", call.x, _pads(call), mode=mode)


def _gather(call: TfCall) -> str:
    if call.node.integer("batch_dims"):
        raise call.refused("it gathers batch by batch")
    table, rows = call.names[:2]
    return call.e.emit("Gather", table, rows, axis=call.numbers(2)[0])


def _transpose(call: TfCall) -> str:
    return call.e.emit("Transpose", call.x, perm=list(call.numbers(1)))


def _filled(call: TfCall) -> str:
    value = call.operands[1].name(call.e)
    return call.e.emit("Expand", value, call.longs(0))


def _to_batch(call: TfCall) -> str:
    """Its padding alone: windows behind it are dilated instead."""
    pads = call.content(2)
    begins, ends = ([int(n) for n in pads[:, side]] for side in (0, 1))
    axes = call.e.ints([0, *begins, 0, 0, *ends, 0])
    return call.e.emit("Pad", call.x, axes)


def _from_batch(call: TfCall) -> str:
    """Its crops alone."""
    crops, e = call.content(2), call.e
    far = int(np.iinfo(np.int64).max)
    starts = [int(n) for n in crops[:, 0]]
    ends = [-int(n) if n else far for n in crops[:, 1]]
    axes = e.ints(range(1, len(starts) + 1))
    return e.emit("Slice", call.x, e.ints(starts), e.ints(ends), axes)


SHAPES: dict[str, Callable[[TfCall], str | tuple[str, ...]]] = {
    "BatchToSpaceND": _from_batch,
    "BroadcastTo": lambda call: call.e.emit("Expand", call.x, call.longs(1)),
    "ConcatV2": _joined,
    "ExpandDims": _expand,
    "Fill": _filled,
    "GatherV2": _gather,
    "MirrorPad": _mirror_pad,
    "Pack": _pack,
    "Pad": _pad,
    "PadV2": _pad,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "SpaceToBatchND": _to_batch,
    "Split": _split,
    "SplitV": _split_v,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Tile": lambda call: call.e.emit("Tile", call.x, call.longs(1)),
    "Transpose": _transpose,
    "Unpack": _unpack,
}
