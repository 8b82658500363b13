"""OpenVINO's layers that move, cut, join and choose, as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.translate.slicing import Masks, strided
from harness.graphs.translate.words import full_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.graphs.translate.openvino_call import IrCall

_MASKS = (
    *("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask"),
    "shrink_axis_mask",
)


def _reshaped(call: IrCall) -> str:
    special = call.flag("special_zero")
    content = call.operand(1).content
    # ONNX' zeros copy a length unless they are told not to.
    literal = not special and (content is None or not content.all())
    told = {"allowzero": 1} if literal else {}
    return call.e.emit("Reshape", call.x, call.longs(1), **told)


def _squeezed(call: IrCall) -> str:
    operands = [call.e.ints(call.axes(1))] if call.has(1) else []
    return call.e.emit("Squeeze", call.x, *operands)


def _unsqueezed(call: IrCall) -> str:
    return call.e.emit("Unsqueeze", call.x, call.longs(1))


def _transposed(call: IrCall) -> str:
    order = call.numbers(1) or tuple(reversed(range(call.rank())))
    return call.e.emit("Transpose", call.x, perm=list(order))


def _shape(call: IrCall) -> str:
    lengths = call.e.emit("Shape", call.x)
    wide = call.layer.outputs[0].precision.casefold() == "i64"
    return lengths if wide else call.cast(lengths)


def _joined(call: IrCall) -> str:
    return call.e.emit("Concat", *call.names, axis=call.integer("axis"))


def _split(call: IrCall) -> tuple[str, ...]:
    axis, n = call.numbers(1)[0], len(call.layer.outputs)
    # ONNX takes even parts where no lengths are told.
    return call.e.emit_many("Split", [call.x], n, axis=axis)


def _variadic(call: IrCall) -> tuple[str, ...]:
    axis, n = call.numbers(1)[0], len(call.layer.outputs)
    known = [port.lengths[axis] for port in call.layer.outputs]
    told = [length for length in known if length is not None]
    sizes = call.e.ints(told) if len(told) == n else _filled_up(call, axis)
    return call.e.emit_many("Split", [call.x, sizes], n, axis=axis)


def _filled_up(call: IrCall, axis: int) -> str:
    """Lengths of the parts, of which one may be -1: what is left."""
    e, sizes = call.e, call.longs(2)
    content = call.operand(2).content
    if content is not None and (content >= 0).all():
        return sizes
    zero = e.ints([0])
    whole = e.emit("Gather", e.emit("Shape", call.x), e.ints([axis]))
    told = e.emit("ReduceSum", e.emit("Max", sizes, zero), keepdims=1)
    rest = e.emit("Sub", whole, told)
    return e.emit("Where", e.emit("Less", sizes, zero), rest, sizes)


def _strided(call: IrCall) -> str:
    bits = [
        sum(1 << at for at, bit in enumerate(call.integers(key)) if bit)
        for key in _MASKS
    ]
    masks = Masks(*bits)
    fixed = all(call.operand(at).content is not None for at in (1, 2))
    if not fixed:
        return _computed_slice(call, masks)
    begin, end = call.numbers(1), call.numbers(2)
    steps = call.numbers(3) if call.has(3) else (1,) * len(begin)
    return strided(call.e, call.x, (begin, end, steps), masks)


def _computed_slice(call: IrCall, masks: Masks) -> str:
    """Ends that are computed; what masks leave open is not."""
    if masks.ellipsis or masks.new_axis or masks.shrink:
        raise call.refused("its ends are computed, and it adds or drops axes")
    e = call.e
    (n,) = call.fixed(1, slice(None))
    steps = call.numbers(3) if call.has(3) else (1,) * n
    ends = []
    for at, mask in ((1, masks.begin), (2, masks.end)):
        is_open = [bool(mask >> axis & 1) for axis in range(n)]
        far = [full_range(negative=step < 0) for step in steps]
        near = [full_range(negative=False) if step < 0 else 0 for step in steps]
        limits = e.ints(near if at == 1 else far)
        where = e.constant(np.array(is_open), "open")
        ends.append(e.emit("Where", where, limits, call.longs(at)))
    return e.emit("Slice", call.x, *ends, e.ints(range(n)), e.ints(steps))


def _sliced(call: IrCall) -> str:
    start, stop, step = (call.longs(at) for at in (1, 2, 3))
    (n,) = call.fixed(1, slice(None))
    axes = call.longs(4) if call.has(4) else call.e.ints(range(n))
    return call.e.emit("Slice", call.x, start, stop, axes, step)


def _padded(call: IrCall) -> str:
    mode = call.text("pad_mode", "constant")
    if all(call.operand(at).content is not None for at in (1, 2)):
        pads = call.e.ints([*call.numbers(1), *call.numbers(2)])
    else:
        pads = call.e.emit("Concat", call.longs(1), call.longs(2), axis=0)
    if mode == "symmetric":
        # What is mirrored with its edge is its edge, one deep.
        if max((*call.numbers(1), *call.numbers(2)), default=0) > 1:
            raise call.refused("it mirrors with the edge, more than one deep")
        mode = "edge"
    value = [call.name(3)] if mode == "constant" and call.has(3) else []
    return call.e.emit("Pad", call.x, pads, *value, mode=mode)


def _gathered(call: IrCall) -> str:
    if call.integer("batch_dims"):
        raise call.refused("it gathers batch by batch")
    axis = call.numbers(2)[0]
    return call.e.emit("Gather", call.x, call.name(1), axis=axis)


def _gathered_nd(call: IrCall) -> str:
    depth = call.integer("batch_dims")
    if depth > 1 and call.version < _NEW_GATHER_ND:
        raise call.refused("it joins the axes of batches")
    indices = call.e.emit("Cast", call.name(1), to=7)
    return call.e.emit("GatherND", call.x, indices, batch_dims=depth)


_NEW_GATHER_ND = 8


def _gathered_elements(call: IrCall) -> str:
    axis = call.integer("axis")
    return call.e.emit("GatherElements", call.x, call.name(1), axis=axis)


def _scattered_elements(call: IrCall) -> str:
    if call.text("reduction", "none") != "none":
        raise call.refused(f"it reduces by {call.text('reduction')}")
    axis = call.numbers(3)[0]
    return call.e.emit("ScatterElements", *call.names[:3], axis=axis)


def _scattered_nd(call: IrCall) -> str:
    if call.text("reduction", "none") != "none":
        raise call.refused(f"it reduces by {call.text('reduction')}")
    indices = call.e.emit("Cast", call.name(1), to=7)
    return call.e.emit("ScatterND", call.x, indices, call.name(2))


def _broadcast(call: IrCall) -> str:
    x, mode = call.x, call.text("mode", "numpy")
    if mode == "explicit":
        (rank,) = call.fixed(1, slice(None))
        kept = call.numbers(2)
        fresh = [axis for axis in range(rank) if axis not in kept]
        x = call.e.emit("Unsqueeze", x, call.e.ints(fresh)) if fresh else x
    elif mode not in {"numpy", "bidirectional"}:
        raise call.refused(f"it broadcasts as {mode} does")
    return call.e.emit("Expand", x, call.longs(1))


def _tiled(call: IrCall) -> str:
    """The shorter of shape and repeats is filled up with ones before it."""
    (n,) = call.fixed(1, slice(None))
    rank, x, repeats = call.rank(), call.x, call.longs(1)
    if rank < n:
        x = call.e.emit("Unsqueeze", x, call.e.ints(range(n - rank)))
    elif n < rank:
        ones = call.e.ints([1] * (rank - n))
        repeats = call.e.emit("Concat", ones, repeats, axis=0)
    return call.e.emit("Tile", x, repeats)


def _top(call: IrCall) -> tuple[str, ...]:
    order = call.text("sort", "value")
    if order == "index":
        raise call.refused("it sorts by index")
    largest = int(call.text("mode", "max") == "max")
    told = {"axis": call.integer("axis", -1), "largest": largest}
    k = call.e.emit("Reshape", call.longs(1), call.e.ints([1]))
    values, places = call.e.emit_many("TopK", [call.x, k], 2, **told)
    return values, call.cast(places, 1)


def _counted(call: IrCall) -> str:
    """Range; its ends may be of other types than what it answers."""
    ends = [call.cast(name) for name in call.names]
    return call.e.emit("Range", *(_scalar(call, end) for end in ends))


def _scalar(call: IrCall, x: str) -> str:
    return call.e.emit("Reshape", x, call.e.ints([]))


def _summed_up(call: IrCall) -> str:
    told = {key: int(call.flag(key)) for key in ("exclusive", "reverse")}
    axis = call.e.emit("Cast", call.name(1), to=7)
    return call.e.emit("CumSum", call.x, axis, **told)


def _one_hot(call: IrCall) -> str:
    e = call.e
    one = e.ints([1])
    off, on = (e.emit("Reshape", call.name(at), one) for at in (3, 2))
    values = e.emit("Concat", off, on, axis=0)
    indices = e.emit("Cast", call.x, to=7)
    axis = call.integer("axis", -1)
    return e.emit("OneHot", indices, call.longs(1), values, axis=axis)


def _rolled(call: IrCall) -> str:
    e, x = call.e, call.x
    for shift, axis in zip(call.numbers(1), call.numbers(2), strict=True):
        if shift:
            at = e.ints([axis])
            last = e.ints([full_range(negative=False)])
            tail = e.emit("Slice", x, e.ints([-shift]), last, at)
            head = e.emit("Slice", x, e.ints([0]), e.ints([-shift]), at)
            x = e.emit("Concat", tail, head, axis=axis)
    return x


def _reversed(call: IrCall) -> str:
    batch, time = call.integer("batch_axis"), call.integer("seq_axis", 1)
    lengths = call.longs(1)
    told = {"batch_axis": batch, "time_axis": time}
    return call.e.emit("ReverseSequence", call.x, lengths, **told)


def _suppressed(call: IrCall) -> str:
    """Indices alone, which come in ONNX' order where they are not sorted."""
    if call.flag("sort_result_descending", default=True):
        raise call.refused("it sorts what it selects over batches and classes")
    if call.has(5) and call.content(5).any():
        raise call.refused("it softens scores")
    centre = int(call.text("box_encoding", "corner") == "center")
    limits = [call.longs(2), *(call.name(at) for at in (3, 4) if call.has(at))]
    boxes = call.name(0), call.name(1)
    found = call.e.emit("NonMaxSuppression", *boxes, *limits, center_point_box=centre)
    return call.cast(found)


SHAPES: dict[str, Callable[[IrCall], str | tuple[str, ...]]] = {
    "Broadcast": _broadcast,
    "Concat": _joined,
    "CumSum": _summed_up,
    "Gather": _gathered,
    "GatherElements": _gathered_elements,
    "GatherND": _gathered_nd,
    "NonMaxSuppression": _suppressed,
    "NonZero": lambda call: call.cast(call.e.emit("NonZero", call.x)),
    "OneHot": _one_hot,
    "Pad": _padded,
    "Range": _counted,
    "Reshape": _reshaped,
    "ReverseSequence": _reversed,
    "Roll": _rolled,
    "ScatterElementsUpdate": _scattered_elements,
    "ScatterNDUpdate": _scattered_nd,
    "ShapeOf": _shape,
    "Slice": _sliced,
    "Split": _split,
    "Squeeze": _squeezed,
    "StridedSlice": _strided,
    "Tile": _tiled,
    "TopK": _top,
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,
    "VariadicSplit": _variadic,
}
