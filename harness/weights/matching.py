"""Which tensor of the candidate is which of the reference, one to one.

Names are the least of it: converters rename, quantizers append, exporters number.
Rules are tried from the surest to the least sure; what an earlier rule took is gone
for the later ones. Within a rule a pair of the same name goes before others, and then
the order of the files decides.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.layouts import arranged, best_layout, layouts

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from harness.weights.layouts import Axes
    from harness.weights.sketch import Sketch

_SIMILAR = 0.9
# Other orders of fewer distinct numbers come about by chance.
_DISTINCT = 4


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A tensor of the candidate and the one of the reference that it comes from.

    Attributes:
        reference: Of the reference.
        candidate: Of the candidate.
        matched_by: exact, transposed, permuted, name or similar.
        axes: Order of the reference's axes (those longer than 1) in the candidate.
    """

    reference: Sketch
    candidate: Sketch
    matched_by: str
    axes: Axes


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """All matches, and what is left on either side in the order of the files."""

    matches: tuple[Match, ...]
    unmatched_reference: tuple[Sketch, ...]
    unmatched_candidate: tuple[Sketch, ...]


def match(references: Iterable[Sketch], candidates: Iterable[Sketch]) -> Matching:
    """Pair the tensors of two files; see the module for the rules."""
    pool = _Pool(references, candidates)
    pool.pair("exact", lambda s: s.digest, _exact)
    pool.pair("transposed", lambda s: s.multiset, _transposed)
    pool.pair("permuted", lambda s: s.multiset, _permuted)
    pool.pair("name", lambda s: s.stem, _any_layout)
    pool.pair_similar()
    return pool.result()


class _Pool:
    """Tensors that are still to be matched."""

    def __init__(
        self, references: Iterable[Sketch], candidates: Iterable[Sketch]
    ) -> None:
        self._references = {sketch.index: sketch for sketch in references}
        self._candidates = {sketch.index: sketch for sketch in candidates}
        self._matches: list[Match] = []

    def pair(
        self,
        matched_by: str,
        key: Callable[[Sketch], Hashable],
        confirm: Callable[[Sketch, Sketch], Axes | None],
    ) -> None:
        """Take the pairs that have the same key and that `confirm` agrees to."""
        for same_stem in (True, False):
            groups = _grouped(self._references.values(), key)
            for candidate in list(self._candidates.values()):
                for reference in groups[key(candidate)]:
                    if (reference.stem == candidate.stem) is not same_stem:
                        continue
                    axes = confirm(reference, candidate)
                    if axes is not None:
                        self._take(reference, candidate, matched_by, axes)
                        groups[key(candidate)].remove(reference)
                        break

    def pair_similar(self) -> None:
        """Take the most alike pairs first."""
        references = _grouped(self._references.values(), _same_size)
        candidates = _grouped(self._candidates.values(), _same_size)
        found = []
        for size in candidates:
            for reference, candidate in product(references[size], candidates[size]):
                if not _roles_agree(reference, candidate):
                    continue
                best = best_layout(reference, candidate)
                if best and best[0] >= _SIMILAR:
                    order = (-best[0], candidate.index, reference.index)
                    found.append((order, reference, candidate, best[1]))
        for _, reference, candidate, axes in sorted(found, key=lambda item: item[0]):
            open_still = (
                reference.index in self._references
                and candidate.index in self._candidates
            )
            if open_still:
                self._take(reference, candidate, "similar", axes)

    def result(self) -> Matching:
        return Matching(
            tuple(self._matches),
            tuple(self._references.values()),
            tuple(self._candidates.values()),
        )

    def _take(
        self, reference: Sketch, candidate: Sketch, matched_by: str, axes: Axes
    ) -> None:
        self._matches.append(Match(reference, candidate, matched_by, axes))
        del self._references[reference.index]
        del self._candidates[candidate.index]


def _grouped(
    sketches: Iterable[Sketch], key: Callable[[Sketch], Hashable]
) -> defaultdict[Hashable, list[Sketch]]:
    groups: defaultdict[Hashable, list[Sketch]] = defaultdict(list)
    for sketch in sketches:
        groups[key(sketch)].append(sketch)
    return groups


def _same_size(sketch: Sketch) -> Hashable:
    return tuple(sorted(sketch.squeezed))


def _roles_agree(reference: Sketch, candidate: Sketch) -> bool:
    roles = {reference.tensor.role, candidate.tensor.role}
    return len(roles) == 1 or "constant" in roles


def _exact(reference: Sketch, candidate: Sketch) -> Axes | None:
    same_shape = reference.squeezed == candidate.squeezed
    # The same numbers in another shape are a reshape, unless they are all one number.
    if same_shape or not reference.constant:
        return tuple(range(len(reference.squeezed)))
    return None


def _transposed(reference: Sketch, candidate: Sketch) -> Axes | None:
    orders = [
        axes
        for axes in layouts(reference.squeezed, candidate.squeezed)
        if np.array_equal(reference.sample.transpose(axes), candidate.sample)
    ]
    if not orders:
        return None
    theirs, ours = (
        sketch.tensor.load().astype(np.float32, copy=False)
        for sketch in (reference, candidate)
    )
    for axes in orders:
        if np.array_equal(arranged(theirs, axes, ours.shape), ours):
            return axes
    return None


def _permuted(reference: Sketch, candidate: Sketch) -> Axes | None:
    telling = np.unique(candidate.sample).size >= _DISTINCT
    if telling or reference.stem == candidate.stem:
        return _any_layout(reference, candidate)
    return None


def _any_layout(reference: Sketch, candidate: Sketch) -> Axes | None:
    best = best_layout(reference, candidate)
    return best[1] if best else None
