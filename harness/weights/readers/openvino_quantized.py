"""Integer constants of OpenVINO that stand for floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.protocols import StoredCodes
from harness.formats.malformed import Malformed
from harness.weights.readers.affine import whole_numbers
from harness.weights.readers.elements import code_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array, FloatArray, IntArray
    from harness.formats.openvino_xml import Layer
    from harness.weights.readers.openvino_graph import Graph, Key


@dataclass(frozen=True, slots=True)
class Decompression:
    """The layers that turn the integers of a constant into floats.

    Attributes:
        scale: Factor, a constant; None for 1.
        zero_point: What is subtracted before, a constant; None for 0.
        fake: A FakeQuantize that does both, in their place.
    """

    scale: Layer | None
    zero_point: Layer | None
    fake: Layer | None = None


def decompression_of(key: Key, graph: Graph) -> Decompression | None:
    """How an integer constant becomes floats; None where it does not.

    Convert, then Subtract and Multiply by constants, or FakeQuantize.
    """
    step = _only_taker(key, graph, "Convert")
    if step is None:
        return None
    if fake := _only_taker(step.key, graph, "FakeQuantize"):
        return Decompression(None, None, fake)
    zero_point = None
    if minus := _only_taker(step.key, graph, "Subtract"):
        zero_point, step = _constant_behind(minus, graph), minus
    times = _only_taker(step.key, graph, "Multiply")
    if times is None:
        return None if zero_point is None else Decompression(None, zero_point)
    return Decompression(_constant_behind(times, graph), zero_point)


def meaning(
    how: Decompression, graph: Graph, value: Callable[[Layer], Array]
) -> tuple[FloatArray, FloatArray]:
    """Scale and zero point, float32, each in a shape that broadcasts.

    Raises:
        Malformed: A constant cannot be read.
    """
    if how.fake is not None:
        return _of_fake(how.fake, graph, value)
    scale = np.ones(1) if how.scale is None else value(how.scale)
    zero = np.zeros(1) if how.zero_point is None else value(how.zero_point)
    with np.errstate(over="ignore", invalid="ignore"):
        return scale.astype(np.float32), zero.astype(np.float32)


def decompressed(
    codes: FloatArray, scale: FloatArray, zero_point: FloatArray
) -> FloatArray:
    """The floats that codes, given as floats, mean; float32, in the codes' shape.

    Raises:
        Malformed: Scale or zero point does not fit the codes.
    """
    values: FloatArray = codes.astype(np.float32)
    try:
        # A damaged scale may be anything: statistics tell what came of it.
        with np.errstate(over="ignore", invalid="ignore"):
            values -= zero_point
            values *= scale
    except ValueError as error:
        raise Malformed(f"its scale does not fit its shape: {error}") from error
    return values


def stored_codes(
    codes: Callable[[], IntArray],
    shape: tuple[int, ...],
    dtype: str,
    scale: FloatArray,
    zero_point: FloatArray,
) -> StoredCodes | None:
    """The same for those who judge codes.

    Returns:
        None where groups of elements have a scale each, or a zero point is no integer.

    Raises:
        Malformed: Scale or zero point does not fit the tensor.
    """
    for parameter in (scale, zero_point):
        if not _fits(parameter.shape, shape):
            raise Malformed(
                f"its scale or zero point of shape {list(parameter.shape)} does not fit"
                f" its shape {list(shape)}"
            )
    whole = whole_numbers(zero_point)
    if whole is None:
        return None
    axes = _long_axes(scale, shape) | _long_axes(zero_point, shape)
    if len(axes) > 1:
        return None
    axis = next(iter(axes), None)
    n = 1 if axis is None else shape[axis]
    low, high = code_range(dtype)
    return StoredCodes(
        scale=np.broadcast_to(scale.reshape(-1), (n,)),
        zero_point=np.broadcast_to(whole.reshape(-1), (n,)),
        axis=axis,
        low=low,
        high=high,
        codes=codes,
    )


def _fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether a parameter's shape is stretched to the tensor's."""
    axes = zip(reversed(shape), reversed(whole), strict=False)
    return len(shape) <= len(whole) and all(n in (1, length) for n, length in axes)


def _long_axes(parameter: FloatArray, shape: tuple[int, ...]) -> set[int]:
    """Axes of the tensor along which a parameter differs; it is aligned at the end."""
    start = len(shape) - parameter.ndim
    return {start + axis for axis, n in enumerate(parameter.shape) if n > 1}


def _only_taker(key: Key, graph: Graph, kind: str) -> Layer | None:
    """The layer of a kind that takes `key` first and a constant second."""
    for layer, port in graph.takers(key):
        if layer.type == kind and port == 0:
            other = graph.input(layer.key, 1)
            if other is None or graph.is_constant(other):
                return layer
    return None


def _constant_behind(layer: Layer, graph: Graph) -> Layer | None:
    """The Const that the second input comes from, as it is or converted."""
    found = graph.input(layer.key, 1)
    if found is not None and found.type == "Convert":
        found = graph.input(found.key, 0)
    if found is None or found.type != "Const":
        raise Malformed(f"the scale of layer {layer.name!r} is no constant")
    return found


def _of_fake(
    fake: Layer, graph: Graph, value: Callable[[Layer], Array]
) -> tuple[FloatArray, FloatArray]:
    """Of ``(x - il) / (ih - il) * (oh - ol) + ol``, for x on the grid of its levels."""
    ends = [graph.input(fake.key, port) for port in (1, 2, 3, 4)]
    known = [end for end in ends if end is not None and end.type == "Const"]
    if len(known) < len(ends):
        raise Malformed(f"the ranges of layer {fake.name!r} are no constants")
    il, ih, ol, oh = (value(end).astype(np.float64) for end in known)
    # A channel of zeros alone has an empty range.
    with np.errstate(all="ignore"):
        scale = (oh - ol) / (ih - il)
        zero = np.where(scale == 0, 0, il - ol / scale)
        return scale.astype(np.float32), zero.astype(np.float32)
