"""LiteRT's operators that move, cut and join, as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.translate.slicing import Masks, strided

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.graphs.translate.lite_call import Call

_SYMMETRIC = 1
_MASK_SLOTS = 5


def _reshape(call: Call) -> str:
    if call.has(1):
        shape = call.longs(1)
    else:
        shape = call.e.ints(call.integers(0) or call.output().shape)
    return call.e.emit("Reshape", call.floats(), shape)


def _squeeze(call: Call) -> str:
    axes = call.integers(0)
    operands = [call.e.ints(axes)] if axes else []
    return call.e.emit("Squeeze", call.floats(), *operands)


def _shape(call: Call) -> str:
    lengths = call.e.emit("Shape", call.stored())
    if call.output().dtype == "int64":
        return lengths
    return call.e.emit("Cast", lengths, to=6)


def _concatenation(call: Call) -> str:
    parts = [call.floats(at) for at in range(call.n_inputs)]
    joined = call.e.emit("Concat", *parts, axis=call.integer(0, "i"))
    return call.activated(joined, 1)


def _pack(call: Call) -> str:
    axis = call.integer(1, "i")
    at = call.e.ints([axis])
    parts = [call.e.emit("Unsqueeze", call.floats(i), at) for i in range(call.n_inputs)]
    return call.e.emit("Concat", *parts, axis=axis)


def _unpack(call: Call) -> tuple[str, ...]:
    axis, n = call.integer(1, "i"), call.integer(0, "i")
    sizes = call.e.ints([1] * n)
    parts = call.e.emit_many("Split", [call.floats(), sizes], n, axis=axis)
    return tuple(call.e.emit("Squeeze", part, call.e.ints([axis])) for part in parts)


def _split(call: Call) -> tuple[str, ...]:
    axis, n = call.numbers(0)[0], call.integer(0, "i")
    length = call.tensor(1).shape[axis]
    sizes = call.e.ints([length // n] * n)
    return call.e.emit_many("Split", [call.floats(1), sizes], n, axis=axis)


def _split_v(call: Call) -> tuple[str, ...]:
    axis, sizes = call.numbers(2)[0], call.longs(1)
    n = len(call.operator.outputs)
    return call.e.emit_many("Split", [call.floats(), sizes], n, axis=axis)


def _strided_slice(call: Call) -> str:
    begin, end, strides = (call.numbers(at) for at in (1, 2, 3))
    if call.integer(_MASK_SLOTS):
        raise call.refused("its end counts from its begin")
    masks = Masks(*(call.integer(slot, "i") for slot in range(_MASK_SLOTS)))
    return strided(call.e, call.floats(), (begin, end, strides), masks)


def _slice(call: Call) -> str:
    e, begin, size = call.e, call.longs(1), call.longs(2)
    axes = e.ints(range(call.rank()))
    if call.tensor(2).content is None:
        return e.emit("Slice", call.floats(), begin, e.emit("Add", begin, size), axes)
    sizes = np.array(call.numbers(2), np.int64)
    far = np.where(sizes < 0, np.iinfo(np.int64).max // 2, sizes)
    end = e.emit("Add", begin, e.constant(far, "sizes"))
    return e.emit("Slice", call.floats(), begin, end, axes)


def _pads(call: Call) -> str:
    """(rank, 2) of begins and ends as all begins, then all ends."""
    return call.e.ints([int(n) for n in call.content(1).transpose().reshape(-1)])


def _pad(call: Call) -> str:
    value = [call.floats(2)] if call.has(2) else []
    if value and call.rank(2):
        value = [call.e.emit("Reshape", value[0], call.e.ints([]))]
    return call.e.emit("Pad", call.floats(), _pads(call), *value)


def _mirror_pad(call: Call) -> str:
    mode = "reflect"
    if call.integer(0) == _SYMMETRIC:
        # What is mirrored with its edge is its edge, one deep.
        if call.content(1).max() > 1:
            raise call.refused("it mirrors with the edge, more than one deep")
        mode = "edge"
    return call.e.emit("Pad", call.floats(), _pads(call), mode=mode)


def _gather(call: Call) -> str:
    if call.integer(1, "i"):
        raise call.refused("it gathers batch by batch")
    operands = call.floats(), call.stored(1)
    return call.e.emit("Gather", *operands, axis=call.integer(0, "i"))


def _filled(call: Call) -> str:
    return call.e.emit("Expand", call.floats(1), call.longs(0))


SHAPES: dict[str, Callable[[Call], str | tuple[str, ...]]] = {
    "BROADCAST_TO": lambda c: c.e.emit("Expand", c.floats(), c.longs(1)),
    "CONCATENATION": _concatenation,
    "EXPAND_DIMS": lambda c: c.e.emit("Unsqueeze", c.floats(), c.e.ints(c.numbers(1))),
    "FILL": _filled,
    "GATHER": _gather,
    "MIRROR_PAD": _mirror_pad,
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _reshape,
    "SHAPE": _shape,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "TILE": lambda c: c.e.emit("Tile", c.floats(), c.longs(1)),
    "TRANSPOSE": lambda c: c.e.emit("Transpose", c.floats(), perm=list(c.numbers(1))),
    "UNPACK": _unpack,
}
