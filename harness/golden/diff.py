"""What changed between two golden sets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.golden.fingerprints import row_hashes, text_hashes
from harness.golden.source import open_golden

if TYPE_CHECKING:
    from harness.core.protocols import GoldenChunk, GoldenSource, IntArray
    from harness.core.specs import GoldenSpec

_ROWS = 256
_SHOWN = 10
_ODD = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class LabelChange:
    """A sample whose label is another.

    Attributes:
        sample: Its name, or its place in the new set.
        before: Class in the old set.
        after: Class in the new set.
    """

    sample: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class GoldenDiff:
    """How one golden set differs from another.

    Samples are told by their sample_id where both sets have such, else by the values
    of their inputs; then none counts as changed, but as removed and added.

    Attributes:
        n_before: Samples of the old set.
        n_after: Samples of the new set.
        added: Names or places of the first that are new.
        n_added: How many.
        removed: Of the first that are gone.
        n_removed: How many.
        changed: Of the first whose inputs are others.
        n_changed: How many.
        relabelled: The first whose label is another.
        n_relabelled: How many.
        classes: Class -> samples before and after, where the numbers differ.
    """

    n_before: int
    n_after: int
    added: tuple[str, ...] = ()
    n_added: int = 0
    removed: tuple[str, ...] = ()
    n_removed: int = 0
    changed: tuple[str, ...] = ()
    n_changed: int = 0
    relabelled: tuple[LabelChange, ...] = ()
    n_relabelled: int = 0
    classes: tuple[tuple[str, int, int], ...] = ()

    @property
    def same(self) -> bool:
        """Whether the samples and their labels are the same, in any order."""
        moved = self.n_added + self.n_removed + self.n_changed + self.n_relabelled
        return moved == 0


@dataclass(frozen=True, slots=True, eq=False)
class _Census:
    """A set, 24 bytes a sample, in its order.

    Attributes:
        source: The set.
        keys: Hash of each sample's name, or of its inputs; each is there once.
        rows: Hash of each sample's inputs.
        labels: Index in the classes of both sets; -1 without labels.
    """

    source: GoldenSource
    keys: IntArray
    rows: IntArray
    labels: IntArray


def diff(before: GoldenSpec, after: GoldenSpec) -> GoldenDiff:
    """Hold one golden set against another, in memory of some 24 bytes a sample.

    Raises:
        GoldenError: One of them cannot be read.
    """
    old, new = open_golden(before), open_golden(after)
    named = _is_named(old) and _is_named(new)
    classes = _all_classes(old, new)
    one, two = (_census(source, classes, named=named) for source in (old, new))
    _, mine, theirs = np.intersect1d(
        one.keys, two.keys, assume_unique=True, return_indices=True
    )
    gone, fresh = _others(one, mine), _others(two, theirs)
    changed = np.sort(theirs[one.rows[mine] != two.rows[theirs]])
    moved = one.labels[mine] != two.labels[theirs]
    return GoldenDiff(
        n_before=old.n_samples,
        n_after=new.n_samples,
        added=_names(new, fresh),
        n_added=len(fresh),
        removed=_names(old, gone),
        n_removed=len(gone),
        changed=_names(new, changed),
        n_changed=len(changed),
        relabelled=_changes(one, two, mine[moved], theirs[moved], classes),
        n_relabelled=int(moved.sum()),
        classes=_class_counts(one, two, classes),
    )


def _is_named(source: GoldenSource) -> bool:
    return next(source.chunks(1)).sample_ids is not None


def _all_classes(old: GoldenSource, new: GoldenSource) -> tuple[str, ...] | None:
    """Names of the classes of both; None where one of them has none."""
    if old.class_names is None or new.class_names is None:
        return None
    return tuple(dict.fromkeys((*old.class_names, *new.class_names)))


def _census(
    source: GoldenSource, classes: tuple[str, ...] | None, *, named: bool
) -> _Census:
    keys, rows, labels = [], [], []
    for chunk in source.chunks(_ROWS):
        hashes = row_hashes(chunk.inputs)
        ids = chunk.sample_ids
        rows.append(hashes)
        keys.append(text_hashes(ids) if named and ids is not None else hashes)
        labels.append(_codes(source, chunk, classes))
    return _Census(
        source,
        _once(np.concatenate(keys)),
        np.concatenate(rows),
        np.concatenate(labels),
    )


def _codes(
    source: GoldenSource, chunk: GoldenChunk, classes: tuple[str, ...] | None
) -> IntArray:
    if chunk.labels is None:
        return np.full(chunk.rows.stop - chunk.rows.start, -1)
    if classes is None or source.class_names is None:
        return chunk.labels
    place = np.array([classes.index(name) for name in source.class_names])
    return place[chunk.labels]


def _once(keys: IntArray) -> IntArray:
    """Keys of which the second, third, ... of a kind have become others."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    first = np.searchsorted(ranked, ranked)
    times = np.empty(len(keys), np.uint64)
    times[order] = np.arange(len(keys)) - first
    return keys ^ (times * np.uint64(_ODD))


def _others(census: _Census, matched: IntArray) -> IntArray:
    left = np.ones(len(census.keys), bool)
    left[matched] = False
    return np.flatnonzero(left)


def _changes(
    one: _Census,
    two: _Census,
    mine: IntArray,
    theirs: IntArray,
    classes: tuple[str, ...] | None,
) -> tuple[LabelChange, ...]:
    first = np.argsort(theirs)[:_SHOWN]
    names = _names(two.source, theirs[first])
    before, after = one.labels[mine[first]], two.labels[theirs[first]]
    return tuple(
        LabelChange(name, _word(classes, b), _word(classes, a))
        for name, b, a in zip(names, before.tolist(), after.tolist(), strict=True)
    )


def _class_counts(
    one: _Census, two: _Census, classes: tuple[str, ...] | None
) -> tuple[tuple[str, int, int], ...]:
    before, after = Counter(one.labels.tolist()), Counter(two.labels.tolist())
    return tuple(
        (_word(classes, code), before[code], after[code])
        for code in sorted({*before, *after})
        if before[code] != after[code]
    )


def _word(classes: tuple[str, ...] | None, code: int) -> str:
    if code < 0:
        return "no label"
    return str(code) if classes is None else classes[code]


def _names(source: GoldenSource, places: IntArray) -> tuple[str, ...]:
    """Names of the first few of these samples, in the order of `places`."""
    wanted = places[:_SHOWN].tolist()
    found = {place: f"#{place}" for place in wanted}
    if not wanted or not _is_named(source):
        return tuple(found.values())
    for chunk in source.chunks(_ROWS):
        ids = chunk.sample_ids
        for place in wanted:
            if ids is not None and chunk.rows.start <= place < chunk.rows.stop:
                found[place] = str(ids[place - chunk.rows.start])
        if chunk.rows.stop > max(wanted):
            break
    return tuple(found.values())
