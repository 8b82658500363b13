"""Per-channel gain and offset: batch norms, and Mul and Add with constants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.tensors import Tensor, exactly, tensor_of
from harness.graphs.walk import EXACT

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray
    from harness.graphs.model import Graph, Node

_ARITHMETIC = frozenset({"Mul", "Div", "Add", "Sub"})
EPSILON_DEFAULT = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm:
    """Parameters of a batch norm in inference; each tensor has shape (channels,)."""

    gamma: Tensor
    beta: Tensor
    mean: Tensor
    variance: Tensor
    epsilon: float

    @property
    def gain(self) -> Tensor:
        """``gamma / sqrt(variance + epsilon)``."""
        deviation = np.sqrt(self.variance.values + self.epsilon)
        # d(1/sqrt(v)) = -dv / (2 v^1.5)
        blur = self.variance.slack / (2 * deviation**3)
        return self.gamma.times(Tensor(1 / deviation, blur))

    @property
    def offset(self) -> Tensor:
        """``beta - mean * gain``."""
        return self.beta.plus(self.mean.times(self.gain).times(_minus_one()))


@dataclass(frozen=True, slots=True, eq=False)
class AffineStep:
    """One node that maps each channel x to ``gain * x + offset``.

    Attributes:
        node: The node.
        constant: Index of the constant input; a batch norm's beta.
        gain: Shape (channels,).
        offset: Shape (channels,).
        norm: The batch norm that it is, None for arithmetic.
    """

    node: Node
    constant: int
    gain: Tensor
    offset: Tensor
    norm: BatchNorm | None = None

    def with_epsilon(self, epsilon: float) -> AffineStep:
        """The step with another epsilon, where it is a batch norm."""
        if self.norm is None:
            return self
        norm = replace(self.norm, epsilon=epsilon)
        return replace(self, gain=norm.gain, offset=norm.offset, norm=norm)

    @property
    def multiplies(self) -> bool:
        """Whether it has a gain that an edit could change."""
        return self.node.op_type not in {"Add", "Sub"}

    def scaled(self, factor: FloatArray) -> AffineStep:
        """The step with its gain times `factor`; a batch norm's gamma carries it."""
        if self.norm is None:
            return replace(self, gain=self.gain.times(exactly(factor)))
        norm = replace(self.norm, gamma=self.norm.gamma.times(exactly(factor)))
        return replace(self, gain=norm.gain, offset=norm.offset, norm=norm)


def affine_steps(
    graph: Graph, name: str, channels: int, axis: int
) -> tuple[AffineStep, ...]:
    """The affine maps that a value alone goes through, in order.

    Args:
        graph: Where to look.
        name: The value.
        channels: Length of its channel axis.
        axis: Its channel axis; followed through transposes.
    """
    steps = []
    node = graph.only_consumer(name)
    while node is not None:
        if node.op_type == "Transpose":
            perm = node.ints("perm", ())
            if axis % max(len(perm), 1) not in perm:
                break
            axis = perm.index(axis % len(perm))
        elif node.op_type not in EXACT or node.input(0) != name:
            step = affine_step(graph, node, channels, axis)
            if step is None:
                break
            steps.append(step)
        name = node.key
        node = graph.only_consumer(name)
    return tuple(steps)


def affine_step(
    graph: Graph, node: Node, channels: int, axis: int
) -> AffineStep | None:
    """The node as an affine map of a channel axis; None where it is none."""
    if node.op_type == "BatchNormalization":
        norm = _batch_norm(graph, node)
        if norm is None or norm.gamma.size != channels:
            return None
        return AffineStep(node, 2, norm.gain, norm.offset, norm)
    if node.op_type not in _ARITHMETIC or node.domain:
        return None
    index = _constant_input(graph, node)
    vector = None if index is None else _vector(graph, node, index, channels, axis)
    if index is None or vector is None:
        return None
    return _arithmetic(node, index, vector)


def channel_axis(graph: Graph, node: Node) -> tuple[int, int] | None:
    """(axis, channels) of a node that starts an affine map of its own."""
    if node.op_type == "BatchNormalization":
        gamma = graph.constant(node.input(1))
        return None if gamma is None else (1, gamma.size)
    if node.op_type not in _ARITHMETIC or node.domain:
        return None
    index = _constant_input(graph, node)
    shape = graph.values[node.key].shape
    if index is None or shape is None:
        return None
    constant = graph.constant(node.input(index))
    if constant is None or not constant.ndim or constant.size != max(constant.shape):
        return None
    from_right = constant.ndim - constant.shape.index(max(constant.shape))
    fits = constant.size > 1 and from_right < len(shape)
    return (len(shape) - from_right, constant.size) if fits else None


def _minus_one() -> Tensor:
    return exactly(np.array(-1.0))


def _batch_norm(graph: Graph, node: Node) -> BatchNorm | None:
    fixed = all(_fixed(graph, name) for name in node.inputs[1:5])
    if not fixed or len(node.inputs) < 5 or node.attributes.get("training_mode", 0):
        return None
    gamma, beta, mean, variance = (tensor_of(graph.values[k]) for k in node.inputs[1:5])
    epsilon = float(node.attributes.get("epsilon", EPSILON_DEFAULT))
    return BatchNorm(gamma, beta, mean, variance, epsilon)


def _constant_input(graph: Graph, node: Node) -> int | None:
    fixed = [i for i, name in enumerate(node.inputs) if _fixed(graph, name)]
    if len(fixed) != 1 or len(node.inputs) != 2:
        return None
    swapped = node.op_type in {"Div", "Sub"} and fixed[0] == 0
    return None if swapped else fixed[0]


def _fixed(graph: Graph, name: str) -> bool:
    return graph.constant(name) is not None


def _vector(
    graph: Graph, node: Node, index: int, channels: int, axis: int
) -> Tensor | None:
    """The constant as one number a channel; None where it varies otherwise."""
    constant = tensor_of(graph.values[node.input(index)])
    shape = graph.values[node.key].shape
    rank = len(shape) if shape else max(constant.values.ndim, axis + 1)
    padded = (1,) * (rank - constant.values.ndim) + constant.values.shape
    others = padded[: axis % rank] + padded[axis % rank + 1 :]
    if len(padded) != rank or max(others, default=1) != 1:
        return None
    if constant.size not in {1, channels}:
        return None
    flat = constant.reshaped(-1)
    return flat.times(exactly(np.ones(channels)))


def _arithmetic(node: Node, index: int, vector: Tensor) -> AffineStep:
    none, one = exactly(np.zeros(vector.size)), exactly(np.ones(vector.size))
    if node.op_type == "Mul":
        return AffineStep(node, index, vector, none)
    if node.op_type == "Add":
        return AffineStep(node, index, one, vector)
    if node.op_type == "Sub":
        return AffineStep(node, index, one, vector.times(_minus_one()))
    inverse = Tensor(1 / vector.values, vector.slack / vector.values**2)
    return AffineStep(node, index, inverse, none)
