"""Whether models are fed what their files say they are meant to be fed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from harness.backends.detect import detect_form
from harness.core.errors import HarnessError
from harness.golden.preprocess import prepare
from harness.inspection.ranges.table import declared_ranges
from harness.pipeline.opening import preprocess_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.core.model_facts import InputRange
    from harness.core.protocols import Array, GoldenChunk
    from harness.core.specs import Preprocess, Suite, VariantSpec
    from harness.run import RunFacts

_NAMED = 3
# A range that was measured on calibration samples leaves some numbers out on purpose.
_CLIPPED = 1e-3
# A range of which so little is used is one of other units: 0 to 1 of 0 to 255.
_CORNER = 1 / 64
# Fewer samples may all be dark.
_ENOUGH = 20
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Fed:
    """One input of one variant whose file declares a range.

    Attributes:
        variant: Name of the variant.
        golden: Golden input that it is fed with.
        preprocess: What is done to that before; steps that move numbers left out.
        declared: What its file says.
    """

    variant: str
    golden: str
    preprocess: Preprocess
    declared: InputRange

    def limits(self) -> tuple[float, float]:
        """Least and largest number that is not beyond; rounding is not."""
        room = self.declared.step / 2
        room += _ROUNDING * (self.declared.high - self.declared.low)
        return self.declared.low - room, self.declared.high + room


@dataclass(slots=True)
class _Tally:
    """What an input was fed so far; `named` are the first samples beyond."""

    low: float = np.inf
    high: float = -np.inf
    n_samples: int = 0
    n_numbers: int = 0
    n_beyond: int = 0
    n_samples_beyond: int = 0
    named: list[tuple[int, str]] = field(default_factory=list)

    def merge(self, other: _Tally) -> None:
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.n_samples += other.n_samples
        self.n_numbers += other.n_numbers
        self.n_beyond += other.n_beyond
        self.n_samples_beyond += other.n_samples_beyond
        self.named = sorted([*self.named, *other.named])[:_NAMED]


class RangeWatch:
    """Holds what variants are fed against what their files declare.

    Costs two comparisons an input and window as long as nothing lies beyond: the
    golden data's least and largest number are known, and preprocessing keeps order.

    Args:
        fed: What to watch.
    """

    def __init__(self, fed: tuple[Fed, ...]) -> None:
        self._fed = fed
        self._tallies = tuple(_Tally() for _ in fed)

    def update(
        self, chunk: GoldenChunk, ends: Mapping[str, tuple[float, float]]
    ) -> None:
        """Take in the next samples.

        Args:
            chunk: The samples.
            ends: Golden input -> least and largest number of these samples.
        """
        for fed, tally in zip(self._fed, self._tallies, strict=True):
            if fed.golden in ends:
                tally.merge(_seen(fed, chunk, ends[fed.golden]))

    def merge(self, other: Self) -> None:
        """Take in all that a watch of the same inputs has seen."""
        for tally, theirs in zip(self._tallies, other._tallies, strict=True):
            tally.merge(theirs)

    def notices(self) -> Iterator[str]:
        """What a reader should know, a line each."""
        for fed, tally in zip(self._fed, self._tallies, strict=True):
            yield from _told(fed, tally)


def watched(suite: Suite, everyone: Mapping[str, RunFacts]) -> tuple[Fed, ...]:
    """Inputs of everyone who is fed and whose file declares a range."""
    specs = {name: suite.variant(name) for name in everyone}
    return tuple(
        Fed(name, golden, _plain(preprocess_of(suite, specs[name])), one)
        for name, facts in everyone.items()
        for golden, one in _declared(specs[name], facts)
    )


def _declared(spec: VariantSpec, facts: RunFacts) -> Iterator[tuple[str, InputRange]]:
    """Golden inputs, and what the file says of the input that each is fed to."""
    if not facts.fed or spec.url:
        return
    try:
        form = detect_form(spec.path).name
    except HarnessError:
        return
    ranges = declared_ranges(spec.path, form)
    named = {name: one for one in ranges for name in (one.input, *one.aliases)}
    for golden, target in facts.bound.items():
        # Runtimes name the one input of a model in their own ways.
        alone = ranges[0] if len(ranges) == len(facts.bound) == 1 else None
        if (one := named.get(target, alone)) is not None:
            yield golden, replace(one, input=target)


def _plain(preprocess: Preprocess) -> Preprocess:
    return replace(preprocess, transpose=None, flatten=False)


def _seen(fed: Fed, chunk: GoldenChunk, ends: tuple[float, float]) -> _Tally:
    """These samples alone; nothing where codes are fed, of which all are meant."""
    array = chunk.inputs[fed.golden]
    if ends[0] > ends[1]:  # nothing but NaN, which is told elsewhere
        return _Tally(n_samples=len(array), n_numbers=array.size)
    limits = prepare(np.array(ends, array.dtype), fed.preprocess)
    if limits.dtype.name == fed.declared.codes or limits.dtype.kind not in "biuf":
        return _Tally()
    # Not -0.0: whichever zero came first would show.
    low, high = sorted(float(limit) + 0.0 for limit in limits)
    tally = _Tally(low, high, len(array), array.size)
    least, largest = fed.limits()
    if low < least or high > largest:
        _count(tally, chunk, _beyond(prepare(array, fed.preprocess), least, largest))
    return tally


def _beyond(array: Array, least: float, largest: float) -> Array:
    """Whether each number lies outside, shape (n, numbers a sample)."""
    flat = array.reshape(len(array), -1)
    beyond: Array = (flat < least) | (flat > largest)
    return beyond


def _count(tally: _Tally, chunk: GoldenChunk, beyond: Array) -> None:
    rows = np.flatnonzero(beyond.any(axis=1))
    tally.n_beyond = int(beyond.sum())
    tally.n_samples_beyond = len(rows)
    ids = chunk.sample_ids
    for row in rows[:_NAMED].tolist():
        sample = chunk.rows.start + row
        named = f"sample {sample}" if ids is None else str(ids[row])
        tally.named.append((sample, named))


def _told(fed: Fed, tally: _Tally) -> Iterator[str]:
    declared = fed.declared
    kept = f"{declared.low:.4g} to {declared.high:.4g} ({declared.origin})"
    share = tally.n_beyond / max(tally.n_numbers, 1)
    if share > (_CLIPPED if declared.step else 0):
        more = "" if tally.n_samples_beyond <= _NAMED else ", ..."
        yield (
            f"{fed.variant}: {share:.2%} of the numbers that input"
            f" {declared.input!r} is fed lie outside of what its file declares,"
            f" {kept}: they go from {tally.low:.4g} to {tally.high:.4g}, in"
            f" {tally.n_samples_beyond} samples"
            f" ({', '.join(name for _, name in tally.named)}{more}). Is the"
            " preprocessing what the model was made for?"
        )
    elif _is_corner(tally, declared):
        yield (
            f"{fed.variant}: input {declared.input!r} is fed numbers from"
            f" {tally.low:.4g} to {tally.high:.4g} alone, and its file declares"
            f" {kept}: are they scaled twice, or in other units?"
        )


def _is_corner(tally: _Tally, declared: InputRange) -> bool:
    width = tally.high - tally.low
    used = width / (declared.high - declared.low)
    return tally.n_samples >= _ENOUGH and width > 0 and used < _CORNER
