"""Which tensor of the candidate is which of the reference.

Names are the least of it: converters rename, quantizers append, exporters number.
Rules are tried from the surest to the least sure; what an earlier rule took is gone
for the later ones: equal numbers (as they stand, transposed, in another order), batch
norms and multiplications folded, gates in another order, names with like numbers, like
numbers, merged and split tensors, tied ones, and last names and places alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.weights.flattening import flattened
from harness.weights.folding import match_folded
from harness.weights.gates import gate_arrangement
from harness.weights.layouts import arranged, arrangements, as_it_is
from harness.weights.leftovers import (
    account_for_leftovers,
    match_by_place,
    match_the_last,
)
from harness.weights.likeness import (
    SIMILAR,
    best_layout,
    likely_pairs,
    sorted_axes,
)
from harness.weights.multipliers import match_multiplied
from harness.weights.pieces import match_pieces
from harness.weights.pool import Match, Pool, grouped
from harness.weights.reordering import reordering

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from harness.weights.layouts import Arrangement
    from harness.weights.pool import Matching
    from harness.weights.sketch import Sketch

# Other orders of fewer distinct numbers come about by chance.
_DISTINCT = 4
# Of one name, this much likeness says that nothing else is the better match.
_ALIKE = 0.5
# Of more tensors of one size than this, only those of the same name are read in pairs.
_FEW = 16


def match(references: Iterable[Sketch], candidates: Iterable[Sketch]) -> Matching:
    """Pair the tensors of two files; see the module for the rules."""
    pool = Pool(references, candidates)
    pool.pair("exact", lambda s: s.digest, _exact)
    pool.pair("transposed", lambda s: s.multiset, _transposed)
    pool.pair("flattened", lambda s: s.multiset, flattened)
    pool.pair("permuted", lambda s: s.multiset, _permuted)
    match_folded(pool)
    match_multiplied(pool)
    pool.pair("gates", _lengths, gate_arrangement, _FEW)
    pool.pair("name", lambda s: s.stem, _named_and_alike)
    _match_similar(pool)
    pool.pair("similar", lambda s: s.size, _reshaped_and_alike, _FEW)
    pool.pair("flattened", _lengths, flattened, _FEW)
    match_pieces(pool)
    pool.pair("exact", lambda s: s.digest, _constant)
    account_for_leftovers(pool)
    pool.pair("name", lambda s: s.stem, _named)
    match_by_place(pool)
    match_the_last(pool)
    return pool.result()


def _exact(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    same_shape = reference.squeezed == candidate.squeezed
    if reference.constant and not (same_shape and _same_place(reference, candidate)):
        return None
    return as_it_is(reference.tensor.shape)


def _lengths(sketch: Sketch) -> Hashable:
    return sorted_axes(sketch.squeezed)


def _same_place(reference: Sketch, candidate: Sketch) -> bool:
    """Whether tensors that are all one number may be taken for one another at once."""
    return reference.stem == candidate.stem


def _constant(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    """Tensors that are all one number, when nothing else explains them."""
    same_shape = reference.squeezed == candidate.squeezed
    if same_shape and roles_agree(reference, candidate):
        return as_it_is(reference.tensor.shape)
    return None


def roles_agree(reference: Sketch, candidate: Sketch) -> bool:
    """Whether both may be the same thing to their layer."""
    roles = {reference.tensor.role, candidate.tensor.role}
    return len(roles) == 1 or "constant" in roles


def _transposed(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    same_rank = len(reference.squeezed) == len(candidate.squeezed)
    theirs = ours = None
    for how in arrangements(reference.squeezed, candidate.squeezed):
        if same_rank and not np.array_equal(
            reference.sample.transpose(how.axes), candidate.sample
        ):
            continue
        if theirs is None or ours is None:
            theirs, ours = _single(reference), _single(candidate)
        if np.array_equal(arranged(theirs, how, ours.shape), ours):
            return how
    return None


def _single(sketch: Sketch) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return sketch.tensor.load().astype(np.float32, copy=False)


def _permuted(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    telling = np.unique(candidate.sample).size >= _DISTINCT
    if not telling and reference.stem != candidate.stem:
        return None
    if gates := gate_arrangement(reference, candidate):
        return gates
    return _reordered(reference, candidate) or _named(reference, candidate)


def _reordered(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    """The layout in which whole slices changed places; None where none explains it."""
    theirs, ours = _single(reference), _single(candidate)
    for how in arrangements(reference.squeezed, candidate.squeezed):
        if reordering(arranged(theirs, how, ours.shape), ours).orders:
            return how
    return None


def _named_and_alike(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    likeness, how = best_layout(reference, candidate)
    return how if likeness >= _ALIKE else None


def _reshaped_and_alike(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    """Of other ranks, which samples do not tell: both are read."""
    ranks = len(reference.squeezed), len(candidate.squeezed)
    if ranks[0] == ranks[1] or not roles_agree(reference, candidate):
        return None
    likeness, how = best_layout(reference, candidate)
    return how if likeness >= SIMILAR else None


def _named(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    likeness, how = best_layout(reference, candidate)
    return how if likeness > -1 else None


def _match_similar(pool: Pool) -> None:
    """Take the most alike pairs first."""
    found = []
    for reference, candidate in _worth_a_look(pool):
        if roles_agree(reference, candidate):
            likeness, how = best_layout(reference, candidate)
            if likeness >= SIMILAR:
                order = (-likeness, candidate.index, reference.index)
                found.append((order, Match(reference, candidate, "similar", how)))
    for _, pair in sorted(found, key=lambda item: item[0]):
        if pool.reference.has(pair.reference) and pool.candidate.has(pair.candidate):
            pool.match(pair)


def _worth_a_look(pool: Pool) -> Iterator[tuple[Sketch, Sketch]]:
    references = grouped(pool.reference.open, lambda s: s.squeezed)
    candidates = grouped(pool.candidate.open, lambda s: s.squeezed)
    for theirs in references.values():
        for ours in candidates.values():
            if _lengths(theirs[0]) == _lengths(ours[0]):
                yield from likely_pairs(theirs, ours)
