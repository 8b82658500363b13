"""Samples behind decisions: what a cell of a matrix opens, and the foremost of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import quantity
from harness.report.view.page import Decided

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from harness.core.results import Flip, LabelComparison
    from harness.report.view.counts import Counts

_MAX_CELLS = 1_000
_FOREMOST = 12


def decided(
    found: LabelComparison,
    counts: Counts | None,
    place: str,
    shown: Collection[int],
) -> Decided:
    """The samples that the record holds of one candidate's decisions.

    Args:
        found: Its decisions.
        counts: Their confusion matrices; None without labels.
        place: Id of the candidate.
        shown: Samples whose inputs the record holds.
    """
    told = {flip.sample: flip for flip in (*found.examples, *found.flips)}
    names = _Names(counts.names if counts else ())
    samples = [_sample(told[sample], names) for sample in sorted(told)]
    foremost = _foremost(found, shown)
    return Decided(
        place=place,
        title=_title(found, len(foremost)),
        names=names.all,
        cells=counts.cells[:_MAX_CELLS] if counts else (),
        samples=tuple(samples),
        foremost=foremost,
    )


def _title(found: LabelComparison, n: int) -> str:
    moved = quantity(found.n_flipped, "sample")
    return f"Samples that moved: {n} of {moved}" if n else ""


def _foremost(found: LabelComparison, shown: Collection[int]) -> tuple[int, ...]:
    """One of each of the largest flows, then the surest."""
    sizes = {(flow.true, flow.old, flow.new): flow.n for flow in found.flows}
    moved = [flip for flip in found.examples if flip.old != flip.new]
    moved.sort(key=lambda f: (-sizes.get(_kind(f), 0), f.sample))
    first: dict[tuple[str | None, str, str], int] = {}
    for flip in (*moved, *found.flips):
        if flip.sample in shown:
            first.setdefault(_kind(flip), flip.sample)
    rest = (flip.sample for flip in (*found.flips, *moved) if flip.sample in shown)
    return tuple(dict.fromkeys((*first.values(), *rest)))[:_FOREMOST]


def _kind(flip: Flip) -> tuple[str | None, str, str]:
    return flip.true, flip.old, flip.new


class _Names:
    """Classes by number; what is none of them (a NaN's) gets a number of its own."""

    def __init__(self, names: Iterable[str]) -> None:
        self.all = tuple(names)
        self._places = {name: place for place, name in enumerate(self.all)}

    def place(self, name: str | None) -> int:
        if name is None:
            return -1
        if name not in self._places:
            self._places[name] = len(self.all)
            self.all = (*self.all, name)
        return self._places[name]


def _sample(flip: Flip, names: _Names) -> tuple[int, int, int, int, float, str]:
    true, old, new = map(names.place, (flip.true, flip.old, flip.new))
    return flip.sample, true, old, new, flip.margin, flip.sample_id or ""
