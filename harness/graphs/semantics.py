"""What sliding-window operators compute, however their padding is spelled.

Padding comes as ``pads``, as ``auto_pad`` (which needs the input's shape), or as a
Pad node in front. All become one `Window`; two windows that sample the same places
are equal, also where trailing padding differs that no window ever reaches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from harness.graphs.padding import zero_padding
from harness.graphs.walk import data_producer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.graphs.model import Graph, Node

POOLS = frozenset({"MaxPool", "AveragePool", "LpPool", "QLinearAveragePool"})
_WINDOWED = POOLS | {"Conv", "ConvInteger", "QLinearConv", "ConvTranspose"}
# Where an operator's weight stands among its inputs, for its kernel's lengths.
_WEIGHT_INPUT = {"QLinearConv": 3}


@dataclass(frozen=True, slots=True)
class Axis:
    """A window along one spatial axis.

    Attributes:
        kernel: Length of the window.
        stride: Step between windows.
        dilation: Distance between its elements.
        begin: Padding before the input, a Pad node in front included. A transposed
            convolution crops its output by it.
        end: Padding behind it, as the file asks for.
        used_end: Padding behind it as far as a window reaches, negative where input
            is left over; None where the input's length is unknown.
        count: Windows along the axis; None where unknown.
    """

    kernel: int
    stride: int
    dilation: int
    begin: int = 0
    end: int = 0
    used_end: int | None = None
    count: int | None = None

    @property
    def span(self) -> int:
        """Elements from a window's first to its last."""
        return (self.kernel - 1) * self.dilation + 1

    def same_steps(self, other: Axis) -> bool:
        """Whether kernel, stride and dilation agree."""
        mine = (self.kernel, self.stride, self.dilation)
        return mine == (other.kernel, other.stride, other.dilation)

    def same_padding(self, other: Axis) -> bool:
        """Whether both pad alike as far as any window reaches."""
        if self.used_end is None or other.used_end is None:
            return (self.begin, self.end) == (other.begin, other.end)
        return (self.begin, self.used_end) == (other.begin, other.used_end)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Where a sliding window samples its input.

    Attributes:
        axes: One entry a spatial axis.
        padding: The Pad node in front that was taken in.
    """

    axes: tuple[Axis, ...]
    padding: Node | None = None

    @property
    def pads(self) -> tuple[int, ...]:
        """As ONNX writes them: all begins, then all ends."""
        return tuple(a.begin for a in self.axes) + tuple(a.end for a in self.axes)

    def same_steps(self, other: Window) -> bool:
        """Whether kernel, strides and dilations agree."""
        return len(self.axes) == len(other.axes) and all(
            a.same_steps(b) for a, b in zip(self.axes, other.axes, strict=True)
        )

    def same_padding(self, other: Window) -> bool:
        """Whether both pad alike as far as any window reaches."""
        return len(self.axes) == len(other.axes) and all(
            a.same_padding(b) for a, b in zip(self.axes, other.axes, strict=True)
        )


def window_of(graph: Graph, node: Node) -> Window | None:
    """The window of a convolution or pooling node.

    Returns:
        None for other operators, and where the kernel, or with ``auto_pad`` the
        input's shape, is unknown.
    """
    found = own_window(graph, node)
    if found is None or node.op_type == "ConvTranspose":
        return found
    return _with_pad_in_front(graph, node, found.axes)


def own_window(graph: Graph, node: Node) -> Window | None:
    """The same without the padding that a Pad node in front does for it."""
    bare = _bare(graph, node) if node.op_type in _WINDOWED else None
    if bare is None:
        return None
    lengths = lengths_of(graph, node.input(0), len(bare))
    auto = node.attributes.get("auto_pad", "NOTSET")
    if node.op_type == "ConvTranspose":
        return Window(_cropped(node, bare, lengths))
    if auto.startswith("SAME") and None in lengths:
        return None
    upper = auto == "SAME_UPPER"
    if auto.startswith("SAME"):
        bare = [
            _with(a, same_pads(n or 0, a.span, a.stride, upper=upper))
            for a, n in zip(bare, lengths, strict=True)
        ]
    elif auto == "NOTSET":
        bare = _explicit(node, bare)
    ceiling = bool(node.attributes.get("ceil_mode", 0))
    reached = (_reach(a, n, ceiling) for a, n in zip(bare, lengths, strict=True))
    return Window(tuple(reached))


def same_pads(length: int, span: int, stride: int, *, upper: bool) -> tuple[int, int]:
    """Padding of SAME: ``max((ceil(n / s) - 1) s + span - n, 0)``, split in two.

    `upper` puts the odd element behind the input (TensorFlow's rule), otherwise
    before it. Source: ONNX's operator reference, Conv.
    """
    total = max((ceil(length / stride) - 1) * stride + span - length, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if upper else (large, small)


def _bare(graph: Graph, node: Node) -> list[Axis] | None:
    kernel = node.ints("kernel_shape", ())
    if not kernel:
        weight = node.input(_WEIGHT_INPUT.get(node.op_type, 1))
        kernel = (graph.static_shape(weight) or ())[2:]
    ones = (1,) * len(kernel)
    strides, dilations = node.ints("strides", ones), node.ints("dilations", ones)
    steps = zip(kernel, strides, dilations, strict=True)
    return [Axis(*item) for item in steps] or None


def lengths_of(graph: Graph, name: str, rank: int) -> tuple[int | None, ...]:
    """Lengths of the `rank` axes behind sample and channels, None where unknown."""
    value = graph.values.get(name)
    if value is None or value.shape is None or len(value.shape) != rank + 2:
        return (None,) * rank
    return tuple(n if isinstance(n, int) else None for n in value.shape[2:])


def _explicit(node: Node, bare: list[Axis]) -> list[Axis]:
    pads = node.ints("pads", (0,) * (2 * len(bare)))
    pairs = zip(pads[: len(bare)], pads[len(bare) :], strict=True)
    return [_with(axis, pair) for axis, pair in zip(bare, pairs, strict=True)]


def _with(axis: Axis, pads: tuple[int, int]) -> Axis:
    return replace(axis, begin=pads[0], end=pads[1])


def _reach(axis: Axis, length: int | None, ceiling: bool) -> Axis:
    """The axis with its used end; a last, partial window counts with `ceiling`."""
    if length is None:
        return axis
    inner = length + axis.begin
    steps = inner + axis.end - axis.span
    last = steps // axis.stride
    # A window that would start in the padding behind the input is left out.
    if ceiling and steps % axis.stride and (last + 1) * axis.stride < inner:
        last += 1
    used_end = last * axis.stride + axis.span - inner
    return replace(axis, used_end=used_end, count=last + 1)


def _cropped(
    node: Node, bare: list[Axis], lengths: tuple[int | None, ...]
) -> tuple[Axis, ...]:
    """Cropping of a ConvTranspose; `output_padding` takes from the end's cropping."""
    rank = len(bare)
    extra = node.ints("output_padding", (0,) * rank)
    wanted = node.ints("output_shape", ())[-rank:]
    auto = node.attributes.get("auto_pad", "NOTSET")
    axes = _explicit(node, bare)
    if (wanted or auto.startswith("SAME")) and None not in lengths:
        axes = []
        for i, (axis, n) in enumerate(zip(bare, lengths, strict=True)):
            length = wanted[i] if wanted else (n or 0) * axis.stride
            total = axis.stride * ((n or 0) - 1) + extra[i] + axis.span - length
            small, large = total // 2, total - total // 2
            pair = (small, large) if auto == "SAME_UPPER" else (large, small)
            axes.append(_with(axis, pair))
    return tuple(
        replace(axis, used_end=axis.end - more)
        for axis, more in zip(axes, extra, strict=True)
    )


def _with_pad_in_front(graph: Graph, node: Node, axes: tuple[Axis, ...]) -> Window:
    pad = data_producer(graph, node.input(0))
    amounts = None
    if pad is not None and pad.op_type == "Pad":
        amounts = zero_padding(graph, pad, len(axes) + 2)
    if pad is None or amounts is None or any(map(any, amounts[:2])):
        return Window(axes)
    return grown(axes, amounts[2:], pad)


def grown(
    axes: Sequence[Axis], amounts: Sequence[tuple[int, int]], pad: Node
) -> Window:
    """A window with the (begin, end) that a Pad node adds to its spatial axes."""
    made = (
        replace(
            axis,
            begin=axis.begin + begin,
            end=axis.end + end,
            used_end=None if axis.used_end is None else axis.used_end + end,
        )
        for axis, (begin, end) in zip(axes, amounts, strict=True)
    )
    return Window(tuple(made), pad)
