"""Putting the reference's parameters into the candidate, where its file keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.edits import set_constant, together
from harness.graphs.layers import SLOTS, stored_form
from harness.graphs.tensors import exactly

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray
    from harness.diagnose.edits import Change
    from harness.graphs.affine import AffineStep
    from harness.graphs.layers import Layer
    from harness.graphs.model import Graph, Node


def restore(
    graph: Graph, candidate: Layer, reference: Layer, part: str | None = None
) -> Change | None:
    """A change that makes the candidate's layer compute what the reference's does.

    Args:
        graph: The candidate's.
        candidate: Its layer, as the file has it or without what is edited elsewhere.
        reference: The layer that it should be.
        part: kernel, gain or bias alone; None restores whatever differs.

    Returns:
        None where the file keeps the parameter as integers, or has no place for it.
    """
    kernel, gain, bias = reference.folded()
    mine = candidate.folded()
    changes: list[Change | None] = []
    if part in {None, "kernel"} and kernel is not None and mine[0] is not None:
        if not kernel.matches(mine[0]):
            changes.append(_set_kernel(graph, candidate, kernel.values))
    elif part in {None, "gain"} and not gain.matches(mine[1]):
        changes.append(_set_gain(graph, candidate, gain.values))
        candidate = candidate.with_gain(gain)
    if part in {None, "bias"} and not bias.matches(candidate.folded()[2]):
        missing = bias.values - candidate.folded()[2].values
        changes.append(_add_bias(graph, candidate, missing))
    made = [change for change in changes if change is not None]
    return together(made) if made and len(made) == len(changes) else None


def parameter_place(layer: Layer, part: str) -> tuple[Node, str]:
    """Node and file's name of the tensor that hold a layer's kernel, gain or bias.

    The name is empty where there is no such tensor.
    """
    if part == "kernel":
        return layer.node, layer.node.input(SLOTS[layer.node.op_type].kernel)
    if part == "gain":
        step = _first_gain(layer)
        return (
            (step.node, step.node.input(_gain_input(step)))
            if step
            else (layer.node, "")
        )
    place = _bias_place(layer)
    return (place[0], place[0].input(place[1])) if place else (layer.node, "")


def _set_kernel(graph: Graph, layer: Layer, folded: FloatArray) -> Change | None:
    slots = SLOTS[layer.node.op_type]
    if slots.integer or layer.kernel is None:
        return None
    gain = layer.folded()[1].values.reshape(-1, *(1,) * (folded.ndim - 1))
    kept = np.where(gain, folded / np.where(gain, gain, 1.0), layer.kernel.values)
    stored = stored_form(layer.node, kept, layer.flattened)
    dtype = _dtype(graph, layer.node, slots.kernel)
    return set_constant(layer.node.key, slots.kernel, stored.astype(dtype))


def _set_gain(graph: Graph, layer: Layer, gain: FloatArray) -> Change | None:
    step = _first_gain(layer)
    if step is None:
        return None
    factor = gain / layer.folded()[1].values
    if step.node.op_type == "Div":
        factor = 1 / factor
    return _set_vector(graph, step.node, _gain_input(step), factor=factor)


def _add_bias(graph: Graph, layer: Layer, missing: FloatArray) -> Change | None:
    """Add to the folded bias, at the first place that takes one."""
    place = _bias_place(layer)
    if place is None:
        return None
    node, index, after = place
    gain = exactly(np.ones(missing.size))
    for step in layer.steps[after:]:
        gain = gain.times(step.gain)
    amount = missing / np.where(gain.values, gain.values, 1.0)
    if node.op_type == "Sub":
        amount = -amount
    if layer.kernel is None or node is not layer.node:
        return _set_vector(graph, node, index, amount=amount)
    whole = (layer.bias.values + amount) / float(node.attributes.get("beta", 1.0))
    dtype = _dtype(graph, node, SLOTS[node.op_type].kernel)
    return set_constant(node.key, index, whole.astype(dtype))


def _bias_place(layer: Layer) -> tuple[Node, int, int] | None:
    """Node, input, and the index of the first step behind it."""
    slots = SLOTS.get(layer.node.op_type)
    if slots and layer.kernel is not None and not slots.integer and slots.bias:
        return layer.node, slots.bias, 0
    for i, step in enumerate(layer.steps):
        if step.norm is not None or not step.multiplies:
            return step.node, step.constant, i + 1
    return None


def _first_gain(layer: Layer) -> AffineStep | None:
    return next((step for step in layer.steps if step.multiplies), None)


def _gain_input(step: AffineStep) -> int:
    """The input that holds its gain: gamma of a batch norm."""
    return 1 if step.norm else step.constant


def _set_vector(
    graph: Graph,
    node: Node,
    index: int,
    *,
    factor: FloatArray | None = None,
    amount: FloatArray | None = None,
) -> Change | None:
    """Scale or shift a constant of one number a channel, in its own shape."""
    array = graph.constant(node.input(index))
    if array is None:
        return None
    vector = factor if factor is not None else amount
    assert vector is not None
    if array.size != vector.size:
        return None
    moved = vector.reshape(array.shape)
    changed = array * moved if factor is not None else array + moved
    return set_constant(node.key, index, changed.astype(array.dtype))


def _dtype(graph: Graph, node: Node, index: int) -> np.dtype[np.generic]:
    array = graph.constant(node.input(index))
    assert array is not None
    return np.dtype(array.dtype)
