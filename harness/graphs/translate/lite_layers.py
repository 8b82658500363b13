"""LiteRT's operators with weights or windows, as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.graphs.translate.dynamic import dynamically_quantized
from harness.graphs.translate.lite_call import is_coded
from harness.graphs.translate.windows import Window, conv, pool, transposed_conv
from harness.graphs.translate.words import (
    channels_first,
    channels_last,
    lrn,
    sized,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array
    from harness.graphs.translate.lite_call import Call

# Their kernels quantize floats themselves where their weights are codes.
WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
_PADDING = ("SAME", "VALID")
_OHWI_TO_OIHW = (0, 3, 1, 2)
_ONE_HWO_TO_OIHW = (3, 0, 1, 2)
_OHWI_TO_IOHW = (3, 0, 1, 2)


def _window(call: Call, kernel: tuple[int, ...], dilated_at: int = 0) -> Window:
    """Of operators whose options begin with padding, stride_w, stride_h."""
    dilations = (1, 1)
    if dilated_at:
        across, down = (call.integer(dilated_at + i, "i", 1) for i in (0, 1))
        dilations = (down, across)
    return Window(
        kernel=kernel,
        strides=(call.integer(2, "i", 1), call.integer(1, "i", 1)),
        padding=_PADDING[call.integer(0)],
        dilations=dilations,
        spatial=call.tensor(0).lengths[1:3],
    )


def _input(call: Call, weights_at: int, axes: tuple[int, ...]) -> str:
    """The input; where weights alone are codes, quantized as the kernels do."""
    coded = is_coded(call.tensor(weights_at)) and not is_coded(call.tensor(0))
    x = call.floats(0)
    return dynamically_quantized(call.e, x, axes) if coded else x


def _conv(call: Call) -> str:
    _, height, width, channels = call.tensor(1).shape
    window = _window(call, (height, width), dilated_at=4)
    x = _input(call, 1, (1, 2, 3))
    weights, bias = call.weights(1, _OHWI_TO_OIHW), call.floats(2)
    group = call.tensor(0).shape[3] // channels
    return call.activated(conv(call.e, x, weights, bias, window, group), 3)


def _depthwise(call: Call) -> str:
    _, height, width, _ = call.tensor(1).shape
    window = _window(call, (height, width), dilated_at=5)
    x = _input(call, 1, (1, 2, 3))
    weights, bias = call.weights(1, _ONE_HWO_TO_OIHW), call.floats(2)
    group = call.tensor(0).shape[3]
    return call.activated(conv(call.e, x, weights, bias, window, group), 4)


def _transposed(call: Call) -> str:
    _, height, width, _ = call.tensor(1).shape
    window = Window(
        kernel=(height, width),
        strides=(call.integer(2, "i", 1), call.integer(1, "i", 1)),
        padding=_PADDING[call.integer(0)],
        spatial=call.tensor(2).lengths[1:3],
    )
    weights, bias = call.weights(1, _OHWI_TO_IOHW), call.floats(3)
    lengths = call.output().lengths[1:3]
    x = call.floats(2)
    done = transposed_conv(call.e, x, weights, bias, window, lengths)
    return call.activated(done, 3)


def _fully_connected(call: Call) -> str:
    e = call.e
    n_outputs, n_inputs = call.tensor(1).shape
    x = _input(call, 1, (-1,))
    flat = call.rank() == 2
    if not flat:
        x = e.emit("Reshape", x, e.ints([-1, n_inputs]))
    operands = [x, call.floats(1), *filter(None, [call.floats(2)])]
    done = e.emit("Gemm", *operands, transB=1)
    if not flat and call.integer(2):
        lengths = e.emit("Slice", e.emit("Shape", call.floats()), *_all_but_last(call))
        whole = e.emit("Concat", lengths, e.ints([n_outputs]), axis=0)
        done = e.emit("Reshape", done, whole)
    return call.activated(done, 0)


def _all_but_last(call: Call) -> tuple[str, str]:
    return call.e.ints([0]), call.e.ints([call.rank() - 1])


def _pool(op_type: str) -> Callable[[Call], str]:
    def translate(call: Call) -> str:
        window = _window(call, (call.integer(4, "i"), call.integer(3, "i")))
        return call.activated(pool(call.e, op_type, call.floats(), window), 5)

    return translate


def _matmul(call: Call) -> str:
    sides = []
    for at in (0, 1):
        side, rank = call.floats(at), call.rank(at)
        if call.integer(at):
            perm = [*range(rank - 2), rank - 1, rank - 2]
            side = call.e.emit("Transpose", side, perm=perm)
        sides.append(side)
    return call.e.emit("MatMul", *sides)


def _resize(kind: str, first_slot: int) -> Callable[[Call], str]:
    def translate(call: Call) -> str:
        align, half = (bool(call.integer(first_slot + i)) for i in (0, 1))
        return sized(call.e, call.floats(), call.longs(1), (kind, align, half))

    return translate


def _blocks(op_type: str) -> Callable[[Call], str]:
    def translate(call: Call) -> str:
        inner = channels_first(call.e, call.floats(), 4)
        done = call.e.emit(op_type, inner, blocksize=call.integer(0, "i"))
        return channels_last(call.e, done, 4)

    return translate


def _lrn(call: Call) -> str:
    parameters = (call.number(1), call.number(2), call.number(3))
    return lrn(call.e, call.floats(), call.integer(0, "i"), parameters)


def _softmax(call: Call) -> str:
    x, beta = call.floats(), call.number(0, 1.0)
    if beta != 1:
        x = call.e.emit("Mul", x, call.e.scalar(beta))
    return call.e.emit("Softmax", x, axis=-1)


def _to_batch(call: Call) -> str:
    """Blocks of space become samples, of which there are more then."""
    e, blocks = call.e, call.numbers(1)
    paddings = call.content(2)
    padded = e.emit("Pad", call.floats(), e.ints(_spatial_pads(call, paddings)))
    _, *lengths, channels = call.tensor(0).shape
    whole = [n + int(sum(p)) for n, p in zip(lengths, paddings, strict=True)]
    split = [d for n, b in zip(whole, blocks, strict=True) for d in (n // b, b)]
    x = e.emit("Reshape", padded, e.ints([0, *split, channels]))
    rank = len(blocks)
    inner, outer = range(2, 2 * rank + 1, 2), range(1, 2 * rank + 1, 2)
    x = e.emit("Transpose", x, perm=[*inner, 0, *outer, 2 * rank + 1])
    small = [n // b for n, b in zip(whole, blocks, strict=True)]
    return e.emit("Reshape", x, e.ints([-1, *small, channels]))


def _spatial_pads(call: Call, paddings: Array) -> list[int]:
    begins, ends = ([int(n) for n in paddings[:, side]] for side in (0, 1))
    more = [0] * (call.rank() - 1 - len(begins))
    return [0, *begins, *more, 0, *ends, *more]


def _from_batch(call: Call) -> str:
    """The way back."""
    e, blocks, crops = call.e, call.numbers(1), call.content(2)
    _, *lengths, channels = call.tensor(0).shape
    rank = len(blocks)
    x = e.emit("Reshape", call.floats(), e.ints([*blocks, -1, *lengths, channels]))
    pairs = [axis for i in range(rank) for axis in (rank + 1 + i, i)]
    x = e.emit("Transpose", x, perm=[rank, *pairs, 2 * rank + 1])
    whole = [n * b for n, b in zip(lengths, blocks, strict=True)]
    x = e.emit("Reshape", x, e.ints([-1, *whole, channels]))
    starts = [int(n) for n in crops[:, 0]]
    ends = [n - int(c) for n, c in zip(whole, crops[:, 1], strict=True)]
    axes = e.ints(range(1, rank + 1))
    return e.emit("Slice", x, e.ints(starts), e.ints(ends), axes)


LAYERS: dict[str, Callable[[Call], str]] = {
    "AVERAGE_POOL_2D": _pool("AveragePool"),
    "BATCH_MATMUL": _matmul,
    "BATCH_TO_SPACE_ND": _from_batch,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEPTH_TO_SPACE": _blocks("DepthToSpace"),
    "FULLY_CONNECTED": _fully_connected,
    "L2_NORMALIZATION": lambda call: call.e.emit("LpNormalization", call.floats()),
    "LOCAL_RESPONSE_NORMALIZATION": _lrn,
    "LOG_SOFTMAX": lambda call: call.e.emit("LogSoftmax", call.floats(), axis=-1),
    "MAX_POOL_2D": _pool("MaxPool"),
    "RESIZE_BILINEAR": _resize("linear", 2),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest", 0),
    "SOFTMAX": _softmax,
    "SPACE_TO_BATCH_ND": _to_batch,
    "SPACE_TO_DEPTH": _blocks("SpaceToDepth"),
    "TRANSPOSE_CONV": _transposed,
}
