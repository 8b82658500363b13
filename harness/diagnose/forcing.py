"""Teacher forcing: the candidate's steps, each fed with the reference's values.

Error that shows up there was injected by that step alone; what came from before is
gone. Both graphs run piece by piece in one go, and the reference's values are kept
only until their last reader has had them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.traces import Trace, trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.core.protocols import Array, FloatArray
    from harness.diagnose.cuts import Cut
    from harness.diagnose.stream import Side


@dataclass(frozen=True, slots=True)
class Apart:
    """How far a value is from the reference's.

    Attributes:
        relative: Root mean square of the difference over that of the reference.
        peak: Largest difference over the largest of the reference.
    """

    relative: float
    peak: float

    def beyond(self, other: Apart) -> bool:
        """Whether it is larger in either measure."""
        return self.relative > other.relative or self.peak > other.peak

    def times(self, factor: float) -> Apart:
        """Both measures scaled."""
        return Apart(self.relative * factor, self.peak * factor)


# Elements at a time: what is worked on stays in the processor's cache.
_BLOCK = 1 << 16


def apart(reference: Array, candidate: Array) -> Apart:
    """How far two arrays of one shape are; inf where one alone is not finite."""
    if reference.shape != candidate.shape:
        return Apart(np.inf, np.inf)
    mine, other = reference.ravel(), candidate.ravel()
    noise = signal = peak = largest = 0.0
    for start in range(0, mine.size, _BLOCK):
        r, c = mine[start : start + _BLOCK], other[start : start + _BLOCK]
        if r.dtype.kind != "f" or r.dtype != c.dtype or r.dtype.itemsize < 4:
            r, c = r.astype(np.float64), c.astype(np.float64)
        # Most forced values are the reference's to the last bit.
        equal = np.array_equal(r, c)
        with np.errstate(invalid="ignore", over="ignore"):
            gap = r[:0] if equal else c - r
            power, error = float(r @ r), float(gap @ gap)
        if not np.isfinite(power + error):
            found = _finite_alike(r, c)
            if found is None:
                return Apart(np.inf, np.inf)
            r, gap = found
            power, error = float(r @ r), float(gap @ gap)
        noise, signal = noise + error, signal + power
        peak = max(peak, _largest(gap))
        largest = max(largest, _largest(r))
    return Apart(_share(np.sqrt(noise), np.sqrt(signal)), _share(peak, largest))


def _finite_alike(r: Array, c: Array) -> tuple[FloatArray, FloatArray] | None:
    """Finite elements and their gaps; None where one side alone is not finite."""
    kept = np.isfinite(r)
    same = np.isfinite(c) == kept
    if not (same & (kept | (r == c) | (np.isnan(r) & np.isnan(c)))).all():
        return None
    mine, other = r[kept].astype(np.float64), c[kept].astype(np.float64)
    return mine, other - mine


def _largest(values: Array) -> float:
    if not values.size:
        return 0.0
    return max(float(values.max()), -float(values.min()))


def _share(part: float, whole: float) -> float:
    if whole:
        return float(part / whole)
    return 0.0 if part == 0 else np.inf


class Supply:
    """The reference's values on demand, in the candidate's layout.

    Args:
        reference: Runs as far as it is asked to.
        cuts: By the candidate's names.
        uses: How often each of the candidate's names will be asked for.
    """

    def __init__(
        self, reference: Side, cuts: Mapping[str, Cut], uses: Mapping[str, int]
    ) -> None:
        self._cuts = cuts
        self._left: Counter[str] = Counter()
        for name, count in uses.items():
            self._left[cuts[name].reference] += count
        self._held: dict[str, Array] = {
            k: a for k, a in reference.feeds.items() if self._left[k]
        }
        self._coming = reference.values()

    def __call__(self, name: str) -> Array:
        """The reference's value for one of the candidate's."""
        cut = self._cuts[name]
        self._advance(cut.reference)
        array = cut.layout.apply(self._held[cut.reference])
        self._left[cut.reference] -= 1
        if self._left[cut.reference] <= 0:
            del self._held[cut.reference]
        return array

    def _advance(self, wanted: str) -> None:
        while wanted not in self._held:
            name, array = next(self._coming)
            if self._left[name] > 0:
                self._held[name] = array


@dataclass(frozen=True, slots=True, eq=False)
class Forced:
    """What a forced run found.

    Attributes:
        injected: Cut's name in the candidate -> how far its own value is.
        traces: All other values of the candidate, and cuts that are far.
    """

    injected: Mapping[str, Apart]
    traces: Mapping[str, Trace]


def force(
    reference: Side, candidate: Side, cuts: Mapping[str, Cut], *, traced: float
) -> Forced:
    """Run the candidate with the reference's values at every cut.

    Args:
        reference: The reference.
        candidate: The candidate.
        cuts: Where to feed and to compare.
        traced: Cuts farther than this are traced as well, to be aligned anew.
    """
    wanted = dict(cuts)
    supply = Supply(reference, wanted, _uses(candidate, wanted))
    injected, traces = {}, {}
    for name, own in _own_values(candidate, wanted, supply):
        if name in wanted:
            injected[name] = apart(supply(name), own)
        far = name not in wanted or injected[name].relative > traced
        if far and own.dtype.kind in "fiub":
            traces[name] = trace(name, own)
    return Forced(injected, traces)


def _own_values(
    candidate: Side, cuts: Mapping[str, Cut], supply: Supply
) -> Iterator[tuple[str, Array]]:
    for name in candidate.feeds:
        if name in cuts:
            yield name, candidate.feeds[name]
    yield from candidate.values(cuts, supply)


def _uses(candidate: Side, cuts: Mapping[str, Cut]) -> Counter[str]:
    """Once a piece that reads it, and once to compare."""
    uses = Counter(dict.fromkeys(cuts, 1))
    for read in candidate.read_by_piece(cuts):
        uses.update(name for name in read if name in cuts)
    return uses


def traces_of(side: Side) -> dict[str, Trace]:
    """Everything a side computes and is fed, looked at once, in its own run."""
    found = {k: trace(k, a) for k, a in side.feeds.items() if a.dtype.kind in "fiub"}
    for name, array in side.values():
        if array.dtype.kind in "fiub":
            found[name] = trace(name, array)
    return found
