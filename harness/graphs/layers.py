"""Layers with weights, and the per-channel affine maps that follow them.

Convolution + batch norm, convolution + Mul + Add, and a convolution with both folded
in are one thing; so are Gemm and MatMul + Add. A `Layer` holds the parts as the file
has them, and `Layer.folded` what they come to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.affine import affine_step, affine_steps, channel_axis
from harness.graphs.layout import flattening
from harness.graphs.tensors import Tensor, exactly, tensor_of
from harness.graphs.walk import EXACT

if TYPE_CHECKING:
    from collections.abc import Container

    from harness.core.protocols import FloatArray
    from harness.graphs.affine import AffineStep, BatchNorm
    from harness.graphs.layout import Flattening
    from harness.graphs.model import Graph, Node


@dataclass(frozen=True, slots=True)
class Slots:
    """Where an operator takes its parameters: indices of its inputs."""

    kernel: int
    bias: int | None = None
    scale: int | None = None
    zero_point: int | None = None
    integer: bool = False


SLOTS = {
    "Conv": Slots(1, 2),
    "ConvTranspose": Slots(1, 2),
    "Gemm": Slots(1, 2),
    "MatMul": Slots(1),
    "QLinearConv": Slots(3, 8, 4, 5, integer=True),
    "QLinearMatMul": Slots(3, None, 4, 5, integer=True),
    "QGemm": Slots(3, 6, 4, 5, integer=True),
    "ConvInteger": Slots(1, None, None, 3, integer=True),
    "MatMulInteger": Slots(1, None, None, 3, integer=True),
    "DynamicQuantizeMatMul": Slots(1, 4, 2, 3, integer=True),
    "MatMulIntegerToFloat": Slots(1, 6, 3, 5, integer=True),
}


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A node with weights and what scales and shifts its channels afterwards.

    Attributes:
        node: The convolution or matrix product; for an affine map alone its first
            node.
        kind: conv, deconv, dense or affine.
        kernel: (out, in per group, *spatial); None for an affine map. A dense
            kernel's inputs stand in the order of the activation before it was
            flattened.
        bias: (out,), before `steps`.
        steps: The affine maps that follow, in order.
        flattened: How a spatial input was flattened; dense layers only.
        scaled: False where an integer kernel's scale is only known at run time: the
            kernel is known but for a factor.
        shifted: Whether the bias is known.
        blocked: Whether the runtime stored the kernel in blocks of channels.
        cut: Whether a quantization parts it from what follows, so that `steps` may
            be fewer than in the float model.
    """

    node: Node
    kind: str
    kernel: Tensor | None
    bias: Tensor
    steps: tuple[AffineStep, ...]
    flattened: Flattening | None = None
    scaled: bool = True
    shifted: bool = True
    blocked: bool = False
    cut: bool = False

    @property
    def norm(self) -> BatchNorm | None:
        """The batch norm among the steps, where there is exactly one."""
        found = [step.norm for step in self.steps if step.norm is not None]
        return found[0] if len(found) == 1 else None

    def with_epsilon(self, epsilon: float) -> Layer:
        """The layer as it were with another epsilon in its batch norm."""
        return replace(self, steps=tuple(s.with_epsilon(epsilon) for s in self.steps))

    def with_gain(self, gain: Tensor) -> Layer:
        """The layer as it were with another total gain (channels,).

        It changes in the first step that multiplies; with none, nothing does.
        """
        scaling = next((i for i, s in enumerate(self.steps) if s.multiplies), None)
        if scaling is None:
            return self
        factor = gain.values / self.folded()[1].values
        steps = list(self.steps)
        steps[scaling] = steps[scaling].scaled(factor)
        return replace(self, steps=tuple(steps))

    def folded(self) -> tuple[Tensor | None, Tensor, Tensor]:
        """Kernel with gain, the gain alone, and the bias that the layer comes to."""
        gain, bias = exactly(np.ones(self.bias.size)), self.bias
        for step in self.steps:
            gain = gain.times(step.gain)
            bias = bias.times(step.gain).plus(step.offset)
        if self.kernel is None:
            return None, gain, bias
        shape = (-1,) + (1,) * (self.kernel.values.ndim - 1)
        return self.kernel.times(gain.reshaped(*shape)), gain, bias


def read_layer(
    graph: Graph, node: Node, inside: Container[str] | None = None
) -> Layer | None:
    """The layer that starts at a node; None where none does.

    Args:
        graph: Where to look.
        node: Its first node.
        inside: Keys of nodes it may reach; what follows beyond them is left out.
    """
    layer = _weighted(graph, node) or _affine(graph, node)
    if layer is None or inside is None:
        return layer
    kept = [step.node.key in inside for step in layer.steps]
    count = kept.index(False) if False in kept else len(kept)
    shifted = layer.scaled or count > 0
    return replace(layer, steps=layer.steps[:count], shifted=shifted)


def _weighted(graph: Graph, node: Node) -> Layer | None:
    slots = SLOTS.get(node.op_type)
    value = graph.values.get(node.input(slots.kernel)) if slots else None
    if slots is None or value is None or value.constant is None:
        return None
    if kind_of(node) == "dense" and value.constant.ndim != 2:
        return None
    stored = _stored(graph, node, slots)
    flat = _flattening(graph, node, stored)
    kernel = canonical(node, stored, flat)
    channels = len(kernel.values)
    scaled = not slots.integer or slots.scale is not None
    steps = _steps(graph, node, channels, scaled=scaled)
    return Layer(
        node=node,
        kind=kind_of(node),
        kernel=kernel,
        bias=_bias(graph, node, slots, channels),
        steps=steps,
        flattened=flat,
        scaled=scaled,
        shifted=scaled or bool(steps),
        blocked=node.domain.endswith("nchwc"),
        cut=slots.integer or _quantized_next(graph, node, steps),
    )


def _steps(
    graph: Graph, node: Node, channels: int, *, scaled: bool
) -> tuple[AffineStep, ...]:
    axis = -1 if kind_of(node) == "dense" else 1
    # A fused activation stands between the layer and what follows it.
    if node.attributes.get("activation"):
        return ()
    if scaled:
        return affine_steps(graph, node.key, channels, axis)
    product = _rescaled(graph, node)
    steps = affine_steps(graph, product, channels, axis) if product else ()
    # A gain would be one with the factor that is not known.
    return () if any(step.multiplies for step in steps) else steps


def _rescaled(graph: Graph, node: Node) -> str | None:
    """Where the integers of a product become numbers: a Mul with a scale as fed."""
    after = graph.only_consumer(node.key)
    while after is not None and after.op_type in EXACT:
        after = graph.only_consumer(after.key)
    if after is None or after.op_type != "Mul":
        return None
    fixed = any(graph.constant(name) is not None for name in after.inputs)
    return None if fixed else after.key


def _affine(graph: Graph, node: Node) -> Layer | None:
    place = channel_axis(graph, node)
    first = place and affine_step(graph, node, place[1], place[0])
    if not place or not first:
        return None
    axis, channels = place
    steps = (first, *affine_steps(graph, node.key, channels, axis))
    cut = _quantized_next(graph, node, steps)
    return Layer(node, "affine", None, exactly(np.zeros(channels)), steps, cut=cut)


def _quantized_next(graph: Graph, node: Node, steps: tuple[AffineStep, ...]) -> bool:
    last = steps[-1].node if steps else node
    return any(n.op_type == "QuantizeLinear" for n in graph.consumers(last.key))


def _flattening(graph: Graph, node: Node, stored: Tensor) -> Flattening | None:
    """How a dense layer's input was flattened; None where it does not fit."""
    if kind_of(node) != "dense":
        return None
    flat = flattening(graph, node.input(0))
    wanted = stored.values.shape[1 if node.attributes.get("transB", 0) else 0]
    return flat if flat is not None and flat.order.size == wanted else None


def kind_of(node: Node) -> str:
    """conv, deconv or dense."""
    if node.op_type == "ConvTranspose":
        return "deconv"
    return "conv" if "Conv" in node.op_type else "dense"


def canonical(node: Node, stored: Tensor, flat: Flattening | None) -> Tensor:
    """A stored kernel as (out, in per group, *spatial), see `Layer.kernel`."""
    values, slack = stored.values, np.broadcast_to(stored.slack, stored.values.shape)
    moved = Tensor(_outputs_first(node, values), _outputs_first(node, slack))
    return moved if flat is None else moved.taken(np.argsort(flat.order), 1)


def stored_form(node: Node, kernel: FloatArray, flat: Flattening | None) -> FloatArray:
    """The inverse of `canonical`: a kernel as the node's file keeps it."""
    if flat is not None:
        kernel = kernel.take(flat.order, 1)
    if kind_of(node) == "deconv":
        group = int(node.attributes.get("group", 1))
        parted = kernel.reshape(group, -1, *kernel.shape[1:]).swapaxes(1, 2)
        return parted.reshape(-1, *parted.shape[2:])
    if kind_of(node) == "dense":
        kernel = kernel / float(node.attributes.get("alpha", 1.0))
        return kernel if node.attributes.get("transB", 0) else kernel.T
    return kernel


def _outputs_first(node: Node, array: FloatArray) -> FloatArray:
    if kind_of(node) == "deconv":
        group = int(node.attributes.get("group", 1))
        parted = array.reshape(group, -1, *array.shape[1:]).swapaxes(1, 2)
        return parted.reshape(-1, *parted.shape[2:])
    if kind_of(node) == "dense":
        array = array * float(node.attributes.get("alpha", 1.0))
        return array if node.attributes.get("transB", 0) else array.T
    return array


def _stored(graph: Graph, node: Node, slots: Slots) -> Tensor:
    """The kernel in the file's shape, as numbers."""
    stored = tensor_of(graph.values[node.input(slots.kernel)])
    if not slots.integer:
        return stored
    along = [1] * stored.values.ndim
    last = kind_of(node) == "dense" and not node.attributes.get("transB", 0)
    along[-1 if last else 0] = -1
    zero = _parameter(graph, node, slots.zero_point, 0.0).reshape(along)
    scale = np.abs(_parameter(graph, node, slots.scale, 1.0)).reshape(along)
    return Tensor((stored.values - zero) * scale, 0.505 * scale)


def _parameter(
    graph: Graph, node: Node, index: int | None, default: float
) -> FloatArray:
    array = graph.constant(node.input(index)) if index is not None else None
    return np.asarray(default if array is None else array, np.float64).reshape(-1)


def _bias(graph: Graph, node: Node, slots: Slots, channels: int) -> Tensor:
    value = graph.values.get(node.input(slots.bias)) if slots.bias else None
    if value is None or value.constant is None:
        return exactly(np.zeros(channels))
    bias = tensor_of(value)
    if value.constant.dtype.kind in "iu":
        # QLinearConv and QGemm: int32 in steps of input scale times weight scale.
        step = _parameter(graph, node, 1, 1.0) * _parameter(graph, node, slots.scale, 1)
        bias = Tensor(bias.values * step, np.abs(step) / 2)
    beta = float(node.attributes.get("beta", 1.0))
    flat = bias.reshaped(-1).times(exactly(np.full(channels, beta)))
    # Folding sums products: what cancels leaves the rounding of the largest.
    blur = np.abs(flat.values).max(initial=0.0) * 1e-6
    return Tensor(flat.values, flat.slack + blur)
