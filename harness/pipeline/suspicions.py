"""What looks wrong with data, labels and reference: told, and never a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from harness.golden.watch import SampleWatch, read_calibration
from harness.pipeline.fed_ranges import RangeWatch, watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.core.protocols import Array, Arrays, GoldenSource, TensorSpec
    from harness.core.results import VariantResult
    from harness.core.specs import Preprocess, Suite
    from harness.pipeline.fed_ranges import Fed
    from harness.run import RunFacts, Window

_SURE = 0.99
_NEARLY_ALL = 0.99
_SUSPECTS = 10
# Fewer samples say nothing of a model that always answers the same.
_ENOUGH = 20
_BLIND = 0.5
# Relative to the largest value: less is the rounding of float32.
_STILL = 1e-6


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A sample whose label the reference is sure is wrong."""

    score: float
    sample: int
    name: str
    label: int
    top: int


class Suspicions:
    """Watches samples and the reference's answers in the one pass.

    Args:
        n_samples: Samples in all.
        calibration: Names of samples that a variant was calibrated with.
        fed: Inputs whose declared ranges are watched.
        decides: Whether the reference chooses classes.
    """

    def __init__(
        self,
        n_samples: int,
        calibration: frozenset[str] | None = None,
        fed: tuple[Fed, ...] = (),
        *,
        decides: bool,
    ) -> None:
        self.samples = SampleWatch(n_samples, calibration)
        self._ranges = RangeWatch(fed)
        self._decides = decides
        # One that answers NaN is told of elsewhere, and nothing else it says counts.
        self._is_yardstick = True
        self._first: dict[str, Array] = {}
        self._moved: dict[str, float] = {}
        self._tops: dict[int, int] = {}
        self._labels: dict[int, int] = {}
        self._n = 0
        self._n_right = 0
        self._suspects: list[_Suspect] = []

    def update(self, window: Window) -> None:
        """Take in one window."""
        self.samples.update(window.chunk)
        self._ranges.update(window.chunk, self.samples.latest)
        self._n += window.chunk.rows.stop - window.chunk.rows.start
        if not self._is_yardstick:
            return
        for name, array in window.reference.items():
            # What has moved once is not constant; large outputs cost time.
            if self._moved.get(name, 0.0) <= _STILL:
                self._follow(name, array)
        scores = _scores(window.reference) if self._decides else None
        if scores is not None:
            self._decide(scores, window)

    def merge(self, other: Self) -> None:
        """Take in what was seen of samples that come after all of ours."""
        self.samples.merge(other.samples)
        self._ranges.merge(other._ranges)
        self._n += other._n
        self._n_right += other._n_right
        self._is_yardstick &= other._is_yardstick
        for name in other._moved:
            self._join(name, other)
        for mine, theirs in ((self._tops, other._tops), (self._labels, other._labels)):
            for value, n in theirs.items():
                mine[value] = mine.get(value, 0) + n
        self._keep([*self._suspects, *other._suspects])

    def notices(self, suite: Suite, source: GoldenSource) -> Iterator[str]:
        """What a reader should know, a line each."""
        yield from self.samples.notices()
        yield from self._out_of_range(suite, source)
        yield from self._ranges.notices()
        if not self._is_yardstick:
            return
        yield from self._constant()
        yield from self._always_one_class(source)
        yield from self._suspected(source)
        yield from self._unscaled(suite, source)

    def _follow(self, name: str, array: Array) -> None:
        """How far an output ever is from its answer on the first sample."""
        if array.dtype.kind not in "biuf" or not array.size:
            self._moved[name] = np.inf
            return
        first = self._first.setdefault(name, array[:1].astype(np.float64))
        if first.shape[1:] != array.shape[1:]:
            self._moved[name] = np.inf
            return
        moved = float(np.abs(array - first).max()) / max(1.0, float(abs(first).max()))
        if np.isnan(moved):
            self._is_yardstick = False
        self._moved[name] = max(self._moved.get(name, 0.0), moved)

    def _join(self, name: str, other: Self) -> None:
        """An output that stood still on both parts may have moved between them."""
        if name in self._first and name in other._first:
            self._follow(name, other._first[name])
        elif name in other._first:
            self._first[name] = other._first[name]
        moved = (self._moved.get(name, 0.0), other._moved.get(name, 0.0))
        self._moved[name] = max(moved)

    def _keep(self, suspects: list[_Suspect]) -> None:
        ranked = sorted(suspects, key=lambda s: (-s.score, s.sample))
        self._suspects = ranked[:_SUSPECTS]

    def _decide(self, scores: Array, window: Window) -> None:
        if np.isnan(scores).any():
            self._is_yardstick = False
            return
        tops = scores.argmax(axis=1)
        _count(self._tops, tops)
        labels = window.chunk.labels
        if labels is None:
            return
        _count(self._labels, labels)
        wrong = tops != labels
        self._n_right += int((~wrong).sum())
        best = scores[np.arange(len(tops)), tops]
        sure = wrong & (best > _SURE) & _are_shares(scores)
        for row in np.flatnonzero(sure).tolist():
            self._suspect(window, row, float(best[row]), int(tops[row]))
        self._keep(self._suspects)

    def _suspect(self, window: Window, row: int, score: float, top: int) -> None:
        chunk = window.chunk
        assert chunk.labels is not None  # the caller looked
        sample = chunk.rows.start + row
        ids = chunk.sample_ids
        name = f"sample {sample}" if ids is None else str(ids[row])
        label = int(chunk.labels[row])
        self._suspects.append(_Suspect(score, sample, name, label, top))

    def _constant(self) -> Iterator[str]:
        for name, moved in self._moved.items():
            if moved <= _STILL and self._n >= _ENOUGH:
                yield (
                    f"The reference's output {name!r} is the same on all {self._n}"
                    " samples: any candidate that answers it passes."
                )

    def _always_one_class(self, source: GoldenSource) -> Iterator[str]:
        most = max(self._tops.values(), default=0)
        commonest = max(self._labels.values(), default=0)
        alike = self._n >= _ENOUGH and most >= _NEARLY_ALL * self._n
        if alike and commonest < 0.9 * self._n and len(self._labels) != 1:
            top = max(self._tops, key=lambda key: self._tops[key])
            yield (
                f"The reference says {_class(source, top)} on {most} of {self._n}"
                " samples: agreement with it means little."
            )

    def _suspected(self, source: GoldenSource) -> Iterator[str]:
        if not self._suspects or self._n_right < 0.5 * self._n:
            return
        told = ", ".join(
            f"{s.name} ({_class(source, s.label)}, reference {_class(source, s.top)})"
            for s in self._suspects
        )
        yield (
            "Labels to look at again, where the reference is more than"
            f" {_SURE:.0%} sure of another class: {told}."
        )

    def _out_of_range(self, suite: Suite, source: GoldenSource) -> Iterator[str]:
        for spec in suite.variants:
            own = spec.preprocess
            preprocess = suite.golden.preprocess if own is None else own
            for array in source.inputs:
                limits = self.samples.ranges.get(array.name)
                if limits is not None:
                    yield from _saturating(spec.name, array, limits, preprocess)

    def _unscaled(self, suite: Suite, source: GoldenSource) -> Iterator[str]:
        """Bytes that are fed as they are, where the reference makes nothing of them."""
        preprocess = suite.golden.preprocess
        plain = preprocess.scale is None and preprocess.offset is None
        lost = bool(self._labels) and self._n_right < _BLIND * self._n
        for array in source.inputs:
            high = self.samples.ranges.get(array.name, (0.0, 0.0))[1]
            if plain and lost and array.dtype == "uint8" and high > 1:
                yield (
                    f"Golden input {array.name!r} goes up to {high:g}, is fed without"
                    f" scaling, and the reference is right on {self._n_right} of"
                    f" {self._n} samples: is golden.preprocess.scale missing?"
                )


def suspicions_of(
    suite: Suite, source: GoldenSource, everyone: Mapping[str, RunFacts]
) -> Suspicions:
    """Suspicions that have seen nothing.

    Args:
        suite: What was asked.
        source: The golden data.
        everyone: Who is fed with it; ranges that their files declare are watched.

    Raises:
        GoldenError: The suite's list of calibration samples cannot be read.
    """
    file = suite.golden.calibration
    names = None if file is None else read_calibration(file)
    decides = suite.task == "classification"
    fed = watched(suite, everyone)
    return Suspicions(source.n_samples, names, fed, decides=decides)


def _class(source: GoldenSource, index: int) -> str:
    names = source.class_names
    return names[index] if names and index < len(names) else f"class {index}"


def too_small(variants: tuple[VariantResult, ...]) -> Iterator[str]:
    """Classes of so few samples that not even half of them lost could be shown."""
    small: dict[str, int] = {}
    for variant in variants:
        for row in variant.labels.per_class if variant.labels else ():
            least = row.min_detectable_drop
            if row.n and row.recall_reference and (least is None or least > _BLIND):
                small[row.class_name] = row.n
    if small:
        shown = sorted(small.items(), key=lambda pair: (pair[1], pair[0]))
        told = ", ".join(f"{name} ({n})" for name, n in shown[:_SUSPECTS])
        more = f" and {len(shown) - _SUSPECTS} more" if len(shown) > _SUSPECTS else ""
        yield (
            "Classes of too few samples to show a drop of recall below"
            f" {_BLIND:.0%}: {told}{more}."
        )


def _saturating(
    variant: str,
    array: TensorSpec,
    limits: tuple[float, float],
    preprocess: Preprocess,
) -> Iterator[str]:
    """A cast to whole numbers saturates: what does not fit is lost without a word."""
    dtype = None if preprocess.dtype is None else np.dtype(preprocess.dtype)
    if dtype is None or dtype.kind not in "iu" or not np.isfinite(limits).all():
        return
    scale = 1.0 if preprocess.scale is None else preprocess.scale
    offset = preprocess.offset or 0.0
    low, high = sorted(limit * scale + offset for limit in limits)
    held = np.iinfo(dtype)
    # Half a step is rounding, and rounding is meant.
    if low < held.min - 0.5 or high > held.max + 0.5:
        yield (
            f"{variant}: golden input {array.name!r} becomes {low:g} to {high:g}, and"
            f" {dtype} holds {held.min} to {held.max}: what is beyond is cut off."
        )


def _scores(answers: Arrays) -> Array | None:
    """The one output with a score a class, None where there is none or several."""
    found = [a for a in answers.values() if a.dtype.kind == "f" and a.ndim == 2]
    return found[0] if len(found) == 1 and found[0].shape[1] > 1 else None


def _are_shares(scores: Array) -> Array:
    """Whether each row is of probabilities, shape (n,)."""
    inside = ((scores >= 0) & (scores <= 1)).all(axis=1)
    shares: Array = inside & np.isclose(scores.sum(axis=1), 1, atol=1e-2)
    return shares


def _count(counts: dict[int, int], values: Array) -> None:
    found, times = np.unique(values, return_counts=True)
    for value, n in zip(found.tolist(), times.tolist(), strict=True):
        counts[value] = counts.get(value, 0) + n
