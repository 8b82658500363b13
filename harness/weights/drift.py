"""Weights of a candidate held against the reference's, whatever they are called."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.core.results import WeightComparison
from harness.weights.faults import file_faults
from harness.weights.matching import match
from harness.weights.measuring import Measured, measured
from harness.weights.sketch import sketches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.core.protocols import WeightTensor
    from harness.weights.sketch import Sketch


def compare_weights(
    reference: Iterable[WeightTensor],
    candidate: Iterable[WeightTensor],
    reference_name: str,
) -> WeightComparison:
    """Match the tensors of two models, measure each pair and name what is wrong.

    A tensor is read once for its fingerprints, and once more when its pair is
    compared; no more than one pair is in memory at a time. Tensors that only look
    alike after a batch norm was folded, gates were reordered or several were merged
    are read some more times.

    Args:
        reference: Weights of the model that others are held against.
        candidate: Weights of the model that is judged.
        reference_name: Name of the reference's variant, for the record.

    Raises:
        ModelLoadError: A tensor's bytes cannot be read.
    """
    return compare_sketches(sketches(reference), sketches(candidate), reference_name)


def compare_sketches(
    theirs: Sequence[Sketch], ours: Sequence[Sketch], reference_name: str
) -> WeightComparison:
    """`compare_weights` of tensors whose fingerprints were taken before.

    Raises:
        ModelLoadError: A tensor's bytes cannot be read.
    """
    found = match(theirs, ours)
    pairs = sorted(map(measured, found.matches), key=_worst_first)
    faults, notes = file_faults(found, pairs, theirs, ours)
    return WeightComparison(
        reference=reference_name,
        drift=tuple(pair.drift for pair in pairs),
        unmatched_reference=_names(found.unmatched_reference),
        unmatched_candidate=_names(found.unmatched_candidate),
        foldings=found.foldings,
        accounted=found.accounted,
        faults=faults,
        notes=notes,
    )


def _worst_first(pair: Measured) -> tuple[float, str]:
    drift = pair.drift
    # Equal pairs have no ratio, and neither have those of which all is error.
    equal = math.inf if drift.n_changed == 0 else -math.inf
    return (equal if drift.sqnr_db is None else drift.sqnr_db, drift.name)


def _names(sketches_left: Iterable[Sketch]) -> tuple[str, ...]:
    return tuple(sketch.tensor.name for sketch in sketches_left)
