"""One matched pair: how far apart, whether rounding explains it, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.results import TensorDrift
from harness.weights.causes import cause_of, rearranged, reshaped, untransposed_text
from harness.weights.difference import Difference, difference
from harness.weights.distances import SAME, distances
from harness.weights.gates import told
from harness.weights.notes import note
from harness.weights.reordering import Reordering, reordering
from harness.weights.tolerance import tolerance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.core.protocols import FloatArray
    from harness.weights.distances import Distances
    from harness.weights.pool import Match

_PROVEN = frozenset({"exact", "transposed"})
_COMPUTED = frozenset({"folded", "summed"})


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A pair's record, and what the whole file's faults are told from.

    Attributes:
        drift: The record.
        match: The pair.
        orders: Axis of the candidate -> order of its indices, where they moved.
        likeness: Cosine of both, 0 where there is none.
    """

    drift: TensorDrift
    match: Match
    orders: dict[int, tuple[int, ...]]

    @property
    def likeness(self) -> float:
        """Cosine of both, 0 where there is none."""
        return self.drift.cosine_similarity or 0.0


def measured(pair: Match) -> Measured:
    """Read both and compare them; pairs of equal fingerprints are not read again.

    Raises:
        ModelLoadError: A tensor's bytes cannot be read.
    """
    if pair.matched_by in _PROVEN:
        return _equal(pair)
    ours = pair.candidate.tensor.load()
    theirs = rearranged(pair, ours)
    found = difference(theirs, ours)
    if pair.matched_by == "permuted" and not pair.how.blocks and found.n_changed:
        return _permuted(pair, theirs, ours, found)
    return _compared(pair, theirs, ours, found)


def _equal(pair: Match) -> Measured:
    n = pair.candidate.size
    cosine = None if pair.candidate.zero else 1.0
    notes = [*_notes(pair)]
    cause = None
    if reshaped(pair):
        cause = "weights.transposed"
        notes = [untransposed_text(pair)]
    drift = _record(pair, Difference(n=n), notes, SAME, (cosine, cause))
    return Measured(drift, pair, {})


def _permuted(
    pair: Match, theirs: FloatArray, ours: FloatArray, found: Difference
) -> Measured:
    how: Reordering = reordering(theirs, ours)
    notes = [*_notes(pair), how.told]
    cosine = found.cosine_similarity
    drift = _record(pair, found, notes, SAME, (cosine, "layout.permutation"))
    return Measured(drift, pair, how.orders)


def _compared(
    pair: Match, theirs: FloatArray, ours: FloatArray, found: Difference
) -> Measured:
    allowed = tolerance(pair, ours, pair.matched_by in _COMPUTED)
    ratio = allowed.ratio(theirs, ours)
    changed = found.n_changed > 0
    rounding = ratio is not None and ratio <= 1
    named = None
    if not rounding or pair.how.blocks:
        named = cause_of(pair, theirs, ours)
    cause, text = named or (None, None)
    if changed and text is None and not rounding:
        text = note(theirs, ours, found, pair.candidate.tensor.dtype)
    spread = distances(theirs, ours) if changed else SAME
    drift = _record(
        pair,
        found,
        [*_notes(pair), text],
        spread,
        (found.cosine_similarity, cause),
        (ratio, allowed.source),
    )
    return Measured(drift, pair, {})


def _record(
    pair: Match,
    found: Difference,
    notes: Iterable[str | None],
    spread: Distances | None,
    told: tuple[float | None, str | None],
    limit: tuple[float | None, str] = (None, ""),
) -> TensorDrift:
    return TensorDrift(
        name=pair.candidate.tensor.name,
        reference_name=pair.reference.tensor.name,
        matched_by=pair.matched_by,
        max_abs_error=found.max_abs_error,
        mean_abs_error=found.mean_abs_error,
        sqnr_db=found.sqnr_db,
        cosine_similarity=told[0],
        n_changed=found.n_changed,
        note="; ".join(dict.fromkeys(filter(None, notes))) or None,
        n=pair.candidate.size,
        wasserstein=spread.wasserstein if spread else None,
        ks_distance=spread.ks if spread else None,
        psi=spread.psi if spread else None,
        n_sign_flips=found.n_sign_flips,
        verdict=_verdict(found, limit[0]),
        error_ratio=limit[0],
        tolerance=limit[1],
        cause=told[1],
    )


def _verdict(found: Difference, ratio: float | None) -> str:
    if found.n_changed == 0:
        return "same"
    return "rounding" if ratio is not None and ratio <= 1 else "drifted"


def _notes(pair: Match) -> list[str | None]:
    return [_storage_note(pair), _layout_note(pair), pair.note]


def _storage_note(pair: Match) -> str | None:
    dtype = pair.candidate.tensor.dtype
    return None if dtype == pair.reference.tensor.dtype else f"stored as {dtype}"


def _layout_note(pair: Match) -> str | None:
    if pair.how.blocks:
        return told(pair.how.blocks)[0]
    if pair.matched_by == "flattened":
        return "rows in the order of the other layout of the flatten before it"
    if pair.how.transposes:
        if len(pair.how.axes) == 2:
            return "transposed"
        return f"axes in the order {', '.join(map(str, pair.how.axes))}"
    if pair.reference.squeezed != pair.candidate.squeezed:
        theirs, ours = pair.reference.tensor.shape, pair.candidate.tensor.shape
        return f"reshaped from {list(theirs)} to {list(ours)}"
    return None
