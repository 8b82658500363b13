"""Weights of a candidate held against the reference's, whatever they are called."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.core.results import TensorDrift, WeightComparison
from harness.weights.difference import Difference, difference
from harness.weights.layouts import arranged
from harness.weights.matching import match
from harness.weights.notes import note
from harness.weights.reordering import reordering
from harness.weights.sketch import sketches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.core.protocols import FloatArray, WeightTensor
    from harness.weights.matching import Match
    from harness.weights.sketch import Sketch


def compare_weights(
    reference: Iterable[WeightTensor],
    candidate: Iterable[WeightTensor],
    reference_name: str,
) -> WeightComparison:
    """Match the tensors of two models one to one and measure each pair.

    A tensor is read once for its fingerprints, and once more when its pair is
    compared; no more than one pair is in memory at a time.

    Args:
        reference: Weights of the model that others are held against.
        candidate: Weights of the model that is judged.
        reference_name: Name of the reference's variant, for the record.

    Raises:
        ModelLoadError: A tensor's bytes cannot be read.
    """
    found = match(sketches(reference), sketches(candidate))
    drift = sorted(map(_drift, found.matches), key=_worst_first)
    return WeightComparison(
        reference=reference_name,
        drift=tuple(drift),
        unmatched_reference=_names(found.unmatched_reference),
        unmatched_candidate=_names(found.unmatched_candidate),
    )


def _worst_first(drift: TensorDrift) -> tuple[float, str]:
    return (math.inf if drift.sqnr_db is None else drift.sqnr_db, drift.name)


def _names(sketches_left: Iterable[Sketch]) -> tuple[str, ...]:
    return tuple(sketch.tensor.name for sketch in sketches_left)


def _drift(pair: Match) -> TensorDrift:
    notes = [_storage_note(pair), _layout_note(pair)]
    if pair.matched_by == "exact":
        return _record(pair, Difference(), None if pair.candidate.zero else 1.0, notes)
    ours = pair.candidate.tensor.load()
    theirs = arranged(pair.reference.tensor.load(), pair.axes, ours.shape)
    found = difference(theirs, ours)
    notes.append(_change_note(pair, theirs, ours, found))
    return _record(pair, found, found.cosine_similarity, notes)


def _record(
    pair: Match, found: Difference, cosine: float | None, notes: Iterable[str | None]
) -> TensorDrift:
    return TensorDrift(
        name=pair.candidate.tensor.name,
        reference_name=pair.reference.tensor.name,
        matched_by=pair.matched_by,
        max_abs_error=found.max_abs_error,
        mean_abs_error=found.mean_abs_error,
        sqnr_db=found.sqnr_db,
        cosine_similarity=cosine,
        n_changed=found.n_changed,
        note="; ".join(filter(None, notes)) or None,
    )


def _storage_note(pair: Match) -> str | None:
    dtype = pair.candidate.tensor.dtype
    return None if dtype == pair.reference.tensor.dtype else f"stored as {dtype}"


def _layout_note(pair: Match) -> str | None:
    if pair.axes != tuple(sorted(pair.axes)):
        if len(pair.axes) == 2:
            return "transposed"
        return f"axes in the order {', '.join(map(str, pair.axes))}"
    if pair.reference.squeezed != pair.candidate.squeezed:
        theirs, ours = pair.reference.tensor.shape, pair.candidate.tensor.shape
        return f"reshaped from {list(theirs)} to {list(ours)}"
    return None


def _change_note(
    pair: Match, theirs: FloatArray, ours: FloatArray, found: Difference
) -> str | None:
    if found.n_changed == 0:
        return None
    if pair.matched_by == "permuted":
        return reordering(theirs, ours)
    return note(theirs, ours, found, pair.candidate.tensor.dtype)
