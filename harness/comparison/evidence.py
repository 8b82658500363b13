"""What the shape of an error says of its cause, on the first samples.

A permutation leaves sorted values alone; wrong padding shows on the border; a wrong
padding split moves the whole map by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.error_maps import ErrorMaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array, FloatArray
    from harness.core.results import ErrorMap

_SAMPLES = 64
# Sorting costs about 10 ns an element: this bounds it to a tenth of a second.
_ELEMENTS = 1 << 22
# (0, 0) first, then by length: of shifts that fit equally the smallest is named.
_SHIFTS: list[tuple[int, int]] = sorted(
    product((-1, 0, 1), (-1, 0, 1)), key=lambda s: (abs(s[0]) + abs(s[1]), s)
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What of `OutputComparison` looks at places, and why not."""

    sorted_max_abs_error: float | None = None
    border_share: float | None = None
    best_shift: tuple[int, int] | None = None
    error_map: ErrorMap | None = None
    unscored: dict[str, str] = field(default_factory=dict)


def unscored_evidence(reason: str) -> Evidence:
    """Evidence of nothing."""
    names = ("sorted_max_abs_error", "border_share", "best_shift", "error_map")
    return Evidence(unscored=dict.fromkeys(names, reason))


class ShapeEvidence:
    """Looks at the first 64 samples, fewer where samples are large.

    Samples that hold a NaN or an infinity are left out. Holds sums, never samples.
    """

    def __init__(self) -> None:
        self._n_seen = 0
        self._row_size = 0
        self._sorted_error = 0.0
        self._border_error = 0.0
        self._spatial_error = 0.0
        self._shift_errors: FloatArray = np.zeros(len(_SHIFTS))
        self._no_space = ""
        self._maps = ErrorMaps()

    def update(self, reference: Array, candidate: Array, start: int) -> None:
        """Take in what the window has of the first samples.

        Args:
            reference: Numbers, at least one element; axis 0 counts samples.
            candidate: Of the same shape.
            start: Sample index of the first.
        """
        row_size = reference.size // len(reference)
        limit = min(_SAMPLES, max(1, _ELEMENTS // row_size))
        for r, c in zip(reference[: max(0, limit - start)], candidate, strict=False):
            if np.isfinite(r).all() and np.isfinite(c).all():
                self._n_seen += 1
                self._row_size = row_size
                self._look(r, c)

    def merge(self, other: ShapeEvidence) -> None:
        """Take in all that another instance has seen."""
        self._n_seen += other._n_seen
        self._row_size = max(self._row_size, other._row_size)
        self._sorted_error = max(self._sorted_error, other._sorted_error)
        self._border_error += other._border_error
        self._spatial_error += other._spatial_error
        self._shift_errors += other._shift_errors
        self._no_space = self._no_space or other._no_space
        self._maps.merge(other._maps)

    def result(self) -> Evidence:
        """The evidence; None, with a reason, where there is none."""
        if self._n_seen == 0:
            return unscored_evidence("no finite sample among the first")
        if self._row_size == 1:
            return unscored_evidence("a sample has one element")
        found = self._maps.result()
        if reason := self._no_space or (
            "" if self._spatial_error else "no error there"
        ):
            lost = ("border_share", "best_shift", *(() if found else ("error_map",)))
            reasons = dict.fromkeys(lost, reason)
            return Evidence(self._sorted_error, error_map=found, unscored=reasons)
        return Evidence(
            sorted_max_abs_error=self._sorted_error,
            border_share=self._border_error / self._spatial_error,
            best_shift=_SHIFTS[int(self._shift_errors.argmin())],
            error_map=found,
        )

    def _look(self, reference: Array, candidate: Array) -> None:
        ours, theirs = _floats(candidate), _floats(reference)
        spatial = _channels_last(theirs)
        self._maps.update(theirs, ours, None if isinstance(spatial, str) else spatial)
        if isinstance(spatial, str):
            self._no_space = spatial
        if np.array_equal(ours, theirs):
            return
        apart = np.abs(np.sort(ours, axis=None) - np.sort(theirs, axis=None))
        self._sorted_error = max(self._sorted_error, float(apart.max()))
        if not isinstance(spatial, str):
            self._look_in_space(theirs.transpose(spatial), ours.transpose(spatial))

    def _look_in_space(self, reference: FloatArray, candidate: FloatArray) -> None:
        """Both of shape (height, width, channels)."""
        errors = np.abs(candidate - reference)
        whole = float(errors.sum(dtype=np.float64))
        self._spatial_error += whole
        self._border_error += whole - float(_inner(errors).sum(dtype=np.float64))
        inner = _inner(reference)
        for index, moved in enumerate(_moved(candidate)):
            apart = (moved - inner).ravel()
            self._shift_errors[index] += float(np.square(apart, dtype=np.float64).sum())


def _floats(values: Array) -> FloatArray:
    kept: FloatArray = values.astype(
        np.result_type(values.dtype, np.float32), copy=False
    )
    return kept


def _channels_last(sample: Array) -> tuple[int, int, int] | str:
    """Axis order that makes a sample (height, width, channels), or why there is none.

    Height and width mostly are equal, which tells NCHW from NHWC; where it does not,
    the shorter of the outer axes is taken for the channels.
    """
    if sample.ndim != 3:
        return "not an output of rank 4"
    first, middle, last = sample.shape
    if first == last:
        return "axes 1 and 3 have one length, so channels cannot be told from space"
    by_squares = (middle == last) != (first == middle)
    channels_first = middle == last if by_squares else first < last
    order = (1, 2, 0) if channels_first else (0, 1, 2)
    if min(sample.shape[axis] for axis in order[:2]) < 3:
        return "height or width under 3"
    return order


def _inner(space: FloatArray) -> FloatArray:
    return space[1:-1, 1:-1]


def _moved(space: FloatArray) -> Iterator[FloatArray]:
    """The inside of `space` after moving it by each shift (rows, columns)."""
    height, width, _ = space.shape
    for down, right in _SHIFTS:
        yield space[1 - down : height - 1 - down, 1 - right : width - 1 - right]
