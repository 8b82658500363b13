"""What looks wrong with golden samples as they go by; told, and never a failure."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Self

import numpy as np

from harness.core.errors import GoldenError
from harness.golden.fingerprints import row_hashes, text_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import Array, GoldenChunk, IntArray

# A list of this many names is 100 MB of text.
_MAX_BYTES = 100 << 20
_MOST_HASHES = 1 << 18


class SampleWatch:
    """Looks at every sample once; keeps a few bytes of each, of 262,144 at most.

    Of more samples those are kept whose hash is a multiple of a small number: copies
    are kept or left out together.

    Args:
        n_samples: Samples in all.
        calibration: Names of samples that a variant was calibrated with, by which
            they are found among the sample_ids; None where nobody tells.

    Attributes:
        ranges: Golden input -> least and largest value, of numbers.
        latest: Likewise, of the samples that were taken in last.
        n_nan: Golden input -> samples that hold a NaN.
    """

    def __init__(
        self, n_samples: int, calibration: frozenset[str] | None = None
    ) -> None:
        self.ranges: dict[str, tuple[float, float]] = {}
        self.latest: dict[str, tuple[float, float]] = {}
        self.n_nan: dict[str, int] = {}
        self._every = np.uint64(-(-n_samples // _MOST_HASHES) or 1)
        self._hashes: list[IntArray] = []
        self._samples: list[IntArray] = []
        self._seen = 0
        self._calibration = None if calibration is None else _hashed(calibration)
        self._n_named = 0
        self._n_calibrated = 0

    def update(self, chunk: GoldenChunk) -> None:
        """Take in the next samples."""
        hashes = row_hashes(chunk.inputs)
        kept = np.flatnonzero(hashes % self._every == 0)
        self._hashes.append(hashes[kept])
        self._samples.append(chunk.rows.start + kept)
        self._seen += chunk.rows.stop - chunk.rows.start
        for name, array in chunk.inputs.items():
            if array.dtype.kind in "biuf":
                self._measure(name, array)
        if self._calibration is not None and chunk.sample_ids is not None:
            found = np.isin(text_hashes(chunk.sample_ids), self._calibration)
            self._n_calibrated += int(found.sum())
            self._n_named += len(found)

    def merge(self, other: Self) -> None:
        """Take in all that another watch has seen, of other samples of the data."""
        self._hashes += other._hashes
        self._samples += other._samples
        self._seen += other._seen
        self._n_named += other._n_named
        self._n_calibrated += other._n_calibrated
        for name, (least, most) in other.ranges.items():
            self._widen(name, least, most)
        for name, count in other.n_nan.items():
            self.n_nan[name] = self.n_nan.get(name, 0) + count

    def notices(self) -> Iterator[str]:
        """What a reader should know, a line each."""
        if (notice := self._duplicates()) is not None:
            yield notice
        for name, count in self.n_nan.items():
            yield f"Golden input {name!r} holds NaN in {count} samples."
        if self._n_calibrated:
            yield (
                f"{self._n_calibrated} of {self._n_named} golden samples are those"
                " that a variant was calibrated with: what is measured on them says"
                " less than it seems."
            )
        elif self._calibration is not None and not self._n_named:
            yield (
                "golden.calibration names samples, and the golden samples have no"
                " names: nobody knows whether they overlap."
            )

    def _measure(self, name: str, array: Array) -> None:
        if not array.size:
            return
        least, most = float(array.min()), float(array.max())
        # A NaN is carried here; numbers beside it are looked for only then.
        if math.isnan(least):
            nan = np.isnan(array)
            rows = int(nan.reshape(len(array), -1).any(axis=1).sum())
            self.n_nan[name] = self.n_nan.get(name, 0) + rows
            numbers = array[~nan]
            least = float(numbers.min(initial=np.inf))
            most = float(numbers.max(initial=-np.inf))
        self.latest[name] = (least, most)
        self._widen(name, least, most)

    def _widen(self, name: str, least: float, most: float) -> None:
        low, high = self.ranges.get(name, (np.inf, -np.inf))
        self.ranges[name] = (min(low, least), max(high, most))

    def _duplicates(self) -> str | None:
        hashes = np.concatenate([np.zeros(0, np.uint64), *self._hashes])
        hashes.sort()
        again = hashes[1:] == hashes[:-1]
        n_again = int(np.count_nonzero(again))
        if not n_again:
            return None
        first, second = self._samples_of(hashes[again.argmax()])[:2]
        count = f"{n_again}" if self._every == 1 else f"At least {n_again}"
        return (
            f"{count} of {self._seen} golden samples are copies of others, such as"
            f" sample {second} of sample {first}: they count more than once."
        )

    def _samples_of(self, wanted: np.uint64) -> IntArray:
        """The samples of one hash, rising: told alike however the data were split."""
        pieces = zip(self._hashes, self._samples, strict=True)
        found = [samples[hashes == wanted] for hashes, samples in pieces]
        return np.sort(np.concatenate(found))


def read_calibration(file: Path) -> frozenset[str]:
    """Names of the samples that a variant was calibrated with.

    Args:
        file: Text, a name a line; or JSON: a list of names, or a table whose key
            "calibration" holds one.

    Raises:
        GoldenError: The file cannot be read, or names no samples.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES:,} bytes")
        text = file.read_text(encoding="utf-8-sig")
        names = (
            _listed(json.loads(text)) if file.suffix == ".json" else text.split("\n")
        )
    except (OSError, ValueError, RecursionError) as error:
        raise GoldenError(
            f"cannot read calibration samples {file}: {error}",
            hint='write one sample_id a line, or JSON: {"calibration": ["id", ...]}',
        ) from error
    return frozenset(name.strip() for name in names if name.strip())


def _listed(value: object) -> list[str]:
    found = value.get("calibration") if isinstance(value, dict) else value
    if not isinstance(found, list):
        raise ValueError("it has no list of samples")
    return [str(name) for name in found]


def _hashed(names: frozenset[str]) -> IntArray:
    return text_hashes(np.array(sorted(names) or [""], np.str_))
