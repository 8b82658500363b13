"""Where two aligned layers part, told by cause.

A layer pair is explained once: what a flatten order explains is no changed weight,
what an epsilon explains neither, and what rounding explains is nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from harness.diagnose.epsilon import OtherEpsilon, find_epsilon
from harness.graphs.layout import Flattening
from harness.graphs.tensors import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray, IntArray
    from harness.graphs.layers import Layer

# Rows of a dense kernel that are looked at in order to tell a layout.
_PROBED_ROWS = 64


@dataclass(frozen=True, slots=True, eq=False)
class LayerPair:
    """Layers that stand for each other."""

    reference: Layer
    candidate: Layer


@dataclass(frozen=True, slots=True, eq=False)
class OtherLayout:
    """The candidate flattens a spatial activation in another order.

    Attributes:
        reference: The reference's layer.
        candidate: The candidate's layer.
        shape: What a sample is before the candidate's dense layer, when unfolded.
        axes: Order of its axes that would meet the weights.
        order: The flattening that the weights expect.
    """

    reference: Layer
    candidate: Layer
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    order: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class OtherWeights:
    """A parameter of the candidate is not the reference's, beyond rounding.

    Attributes:
        reference: The reference's layer.
        candidate: The candidate's layer, without what other causes explain.
        part: kernel, gain (of an affine map) or bias, each as `Layer.folded` has it.
    """

    reference: Layer
    candidate: Layer
    part: str


Difference: TypeAlias = OtherLayout | OtherEpsilon | OtherWeights


def compare_layers(pair: LayerPair) -> tuple[Difference, ...]:
    """All causes why the layers of a pair differ; none where rounding explains it."""
    if pair.reference.blocked or pair.candidate.blocked:
        return ()
    reference, candidate = _stored_alike(_scaled(pair.reference, pair.candidate))
    found: list[Difference] = []
    if same(reference, candidate):
        return ()
    if layout := find_layout(reference, candidate):
        found.append(layout)
        candidate = _reordered(candidate, layout.order)
    unexplained = not same(reference, candidate) and candidate.scaled
    if unexplained and (epsilon := find_epsilon(reference, candidate)):
        found.append(epsilon.difference)
        reference, candidate = epsilon.reference, epsilon.candidate
    found.extend(_weights(reference, candidate))
    return tuple(found)


def same(reference: Layer, candidate: Layer) -> bool:
    """Whether rounding explains every difference of two layers.

    Where a quantization in one file parts a layer from what follows in the other, it
    is enough that what both have in common agrees.
    """
    if _same_parts(reference, candidate):
        return True
    if reference.cut == candidate.cut:
        return False
    if reference.kernel is None or candidate.kernel is None:
        return reference.folded()[1].matches(candidate.folded()[1])
    bare = replace(reference, steps=()), replace(candidate, steps=())
    return not (reference.steps and candidate.steps) and _same_parts(*bare)


def _same_parts(reference: Layer, candidate: Layer) -> bool:
    mine, other = reference.folded(), candidate.folded()
    if mine[0] is not None and other[0] is not None:
        kernels = mine[0].matches(other[0])
        return kernels and (not candidate.shifted or mine[2].matches(other[2]))
    return mine[1].matches(other[1]) and mine[2].matches(other[2])


def _scaled(reference: Layer, candidate: Layer) -> tuple[Layer, Layer]:
    """An integer kernel of unknown scale at the scale that fits best."""
    target = reference.folded()[0]
    if candidate.scaled or candidate.kernel is None or target is None:
        return reference, candidate
    codes = candidate.kernel
    by_channel = tuple(range(1, codes.values.ndim))
    fitted = candidate
    for axes in (by_channel, None):
        step = best_step(target.values, codes.values, axes)
        kernel = Tensor(codes.values * step, codes.slack * step)
        fitted = replace(candidate, kernel=kernel)
        if target.matches(kernel):
            break
    return reference, fitted


def best_step(
    values: FloatArray, codes: FloatArray, axes: tuple[int, ...] | None
) -> FloatArray:
    """The step s with ``|values - codes * s| <= s / 2``, as nearly as there is one.

    A code q other than 0 bounds it: ``|v| / (|q| + 1/2) <= s <= |v| / (|q| - 1/2)``;
    taken is the middle between the largest lower and the smallest upper bound.

    Args:
        values: What was quantized.
        codes: Integers less their zero point, same shape.
        axes: Axes that share a step; None for one step for all.
    """
    size, code = np.abs(values), np.abs(codes)
    used = code >= 1
    low = np.where(used, size / (code + 0.5), 0.0).max(axis=axes, keepdims=True)
    wide = size / np.where(used, code - 0.5, 1.0)
    high = np.where(used, wide, np.inf).min(axis=axes, keepdims=True)
    return np.asarray((low + np.where(np.isfinite(high), high, low)) / 2)


def _stored_alike(layers: tuple[Layer, Layer]) -> tuple[Layer, Layer]:
    """Both kernels in stored order where only one side's flattening is known."""
    reference, candidate = layers
    if (reference.flattened is None) == (candidate.flattened is None):
        return layers
    return _as_stored(reference), _as_stored(candidate)


def _as_stored(layer: Layer) -> Layer:
    if layer.flattened is None or layer.kernel is None:
        return layer
    kernel = layer.kernel.taken(layer.flattened.order, 1)
    return replace(layer, kernel=kernel, flattened=None)


def find_layout(reference: Layer, candidate: Layer) -> OtherLayout | None:
    """The order of flattening under which a dense kernel becomes the reference's.

    It must leave less than half of the difference, and kernels that correlate.
    """
    mine, flat = reference.folded()[0], candidate.flattened
    if mine is None or flat is None or candidate.kernel is None:
        return None
    target = mine.values[:_PROBED_ROWS]
    if target.shape[1] != flat.order.size:
        return None
    other = candidate.folded()[0]
    assert other is not None
    stored = other.values[:_PROBED_ROWS, flat.order]
    away = float(np.linalg.norm(stored - target[:, flat.order]))
    best: tuple[float, OtherLayout] | None = None
    for shape, axes, places in _rearrangements(flat.shape):
        order = flat.order[places]
        left = float(np.linalg.norm(stored - target[:, order]))
        if left < 0.5 * away and (best is None or left < best[0]):
            best = left, OtherLayout(reference, candidate, shape, axes, order)
    return best[1] if best else None


def _rearrangements(
    shape: tuple[int, ...],
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], IntArray]]:
    """All transpositions of a sample of these axes, however they are ordered now."""
    places = np.arange(int(np.prod(shape)))
    for now in dict.fromkeys(permutations(shape)):
        for axes in permutations(range(len(shape))):
            moved = places.reshape(now).transpose(axes).ravel()
            if not np.array_equal(moved, places):
                yield now, axes, moved


def _reordered(layer: Layer, order: IntArray) -> Layer:
    """The layer as it were behind another flattening."""
    assert layer.flattened is not None
    assert layer.kernel is not None
    stored = layer.kernel.taken(layer.flattened.order, 1)
    flat = Flattening(layer.flattened.shape, order)
    return replace(layer, kernel=stored.taken(np.argsort(order), 1), flattened=flat)


def _weights(reference: Layer, candidate: Layer) -> Iterator[OtherWeights]:
    if same(reference, candidate):
        return
    mine, other = reference.folded(), candidate.folded()
    if mine[0] is not None and other[0] is not None:
        if not mine[0].matches(other[0]):
            yield OtherWeights(reference, candidate, "kernel")
    elif not mine[1].matches(other[1]):
        yield OtherWeights(reference, candidate, "gain")
        candidate = candidate.with_gain(mine[1])
    if candidate.shifted and not mine[2].matches(candidate.folded()[2]):
        yield OtherWeights(reference, candidate, "bias")
