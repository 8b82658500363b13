"""Another epsilon in a normalization, also where it is folded into weights.

A batch norm's gain is ``gamma / sqrt(variance + epsilon)``. Where one file keeps the
batch norm and the other has multiplied it out, the gains of both and the variance of
one give the other's epsilon, once a channel: they must agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray
    from harness.graphs.affine import BatchNorm
    from harness.graphs.layers import Layer
    from harness.graphs.tensors import Tensor

# Without a variance in either file, so many channels must lean to one side.
_FEWEST_CHANNELS = 8
# In use somewhere (1.001e-5: Keras applications); the nearest within certainty wins.
_USUAL = (1e-3, 1.001e-5, 1e-5, 1e-4, 1e-6, 2e-5, 1e-2, 1e-7, 1e-8, 1e-12)
_LARGEST_RATIO = 10.0  # sqrt(1e-3 / 1e-5): both epsilons in use, at no variance


@dataclass(frozen=True, slots=True, eq=False)
class OtherEpsilon:
    """The candidate normalizes with another epsilon.

    Attributes:
        reference: The reference's layer.
        candidate: The candidate's layer.
        reference_epsilon: None where it cannot be told.
        candidate_epsilon: None where it cannot be told.
        ratio: Candidate's gain over the reference's, a channel.
    """

    reference: Layer
    candidate: Layer
    reference_epsilon: float | None
    candidate_epsilon: float | None
    ratio: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """What an epsilon explains, and the layers as they were without that."""

    difference: OtherEpsilon
    reference: Layer
    candidate: Layer


def find_epsilon(reference: Layer, candidate: Layer) -> Explained | None:
    """An epsilon that explains the gains of two layers; None where none does."""
    mine, other = reference.norm, candidate.norm
    if mine is not None and other is not None:
        if mine.epsilon == other.epsilon:
            return None
        ratio = other.gain.values / mine.gain.values
        now = candidate.with_epsilon(mine.epsilon)
        told = OtherEpsilon(reference, candidate, mine.epsilon, other.epsilon, ratio)
        return Explained(told, reference, now)
    found = _gain_ratio(reference, candidate)
    return None if found is None else _from_gains(reference, candidate, *found)


def _from_gains(
    reference: Layer, candidate: Layer, ratio: FloatArray, blur: FloatArray
) -> Explained | None:
    mine, other = reference.norm, candidate.norm
    if other is not None and (epsilon := _solve(other, ratio**2, blur)):
        told = OtherEpsilon(reference, candidate, epsilon, other.epsilon, ratio)
        return Explained(told, reference, candidate.with_epsilon(epsilon))
    if mine is not None and (epsilon := _solve(mine, ratio**-2, blur)):
        told = OtherEpsilon(reference, candidate, mine.epsilon, epsilon, ratio)
        return Explained(told, reference.with_epsilon(epsilon), candidate)
    if mine is None and other is None and _leans(ratio, blur):
        # Nothing is known of means and shifts: the bias goes with the gain.
        told = OtherEpsilon(reference, candidate, None, None, ratio)
        return Explained(told, candidate, candidate)
    return None


def _gain_ratio(
    reference: Layer, candidate: Layer
) -> tuple[FloatArray, FloatArray] | None:
    """Candidate's gain over the reference's, and its relative uncertainty, a channel.

    None where the layers differ by more than a positive gain a channel.
    """
    mine, other = reference.folded(), candidate.folded()
    if mine[0] is None or other[0] is None:
        return _ratio(mine[1].reshaped(-1, 1), other[1].reshaped(-1, 1))
    channels = len(mine[0].values)
    return _ratio(mine[0].reshaped(channels, -1), other[0].reshaped(channels, -1))


def _ratio(mine: Tensor, other: Tensor) -> tuple[FloatArray, FloatArray] | None:
    square = np.sum(mine.values**2, axis=1)
    alive = square > 0
    ratio = np.where(alive, np.sum(mine.values * other.values, axis=1), 1.0)
    ratio = ratio / np.where(alive, square, 1.0)
    slack = other.slack + np.abs(ratio)[:, None] * mine.slack
    left = np.abs(other.values - ratio[:, None] * mine.values)
    if (ratio <= 0).any() or (left > slack).any():
        return None
    size = np.abs(other.values).sum(axis=1)
    blur = np.broadcast_to(slack, other.values.shape).sum(axis=1)
    blur = np.where(size > 0, blur / np.where(size > 0, size, 1.0), 1.0)
    return (ratio, blur) if (np.abs(ratio - 1) > blur).any() else None


def _solve(norm: BatchNorm, factor: FloatArray, blur: FloatArray) -> float | None:
    """The epsilon with ``variance + epsilon' = (variance + epsilon) * factor``.

    Each channel gives one; their mean, weighted by certainty, must fit them all.
    """
    total = norm.variance.values + norm.epsilon
    sigma = 4 * np.maximum(blur, 1e-12) * total
    each = total * factor - norm.variance.values
    mean = float(np.sum(each / sigma**2) / np.sum(1 / sigma**2))
    certainty = float(1 / np.sqrt(np.sum(1 / sigma**2)))
    if mean <= 0 or (np.abs(each - mean) > sigma).any():
        return None
    if abs(mean - norm.epsilon) <= certainty:
        return None
    near = [e for e in _USUAL if abs(e - mean) <= certainty]
    return min(near, key=lambda e: abs(e - mean)) if near else mean


def _leans(ratio: FloatArray, blur: FloatArray) -> bool:
    """Whether gains are all larger or all smaller, by amounts that vary.

    That is what an epsilon does where variances differ; a common factor is another
    cause.
    """
    logs = np.log(ratio)
    if ratio.size < _FEWEST_CHANNELS or np.abs(logs).max() > np.log(_LARGEST_RATIO):
        return False
    clear = np.abs(logs) > blur
    one_sided = (logs[clear] > 0).all() or (logs[clear] < 0).all()
    varies = logs.std() > 0.02 * np.abs(logs).mean()
    return bool(one_sided and varies and clear.mean() >= 0.5)
