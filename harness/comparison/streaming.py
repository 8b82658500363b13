"""One output of a candidate against the reference's, batch after batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.evidence import ShapeEvidence, unscored_evidence
from harness.comparison.kernel import ErrorKernel, blocks
from harness.comparison.shapes import require_same_shape
from harness.comparison.sums import ErrorSums, panel, unscored_panel
from harness.comparison.worst import WorstSamples
from harness.core.errors import ComparisonError
from harness.core.results import OutputComparison

if TYPE_CHECKING:
    from harness.core.protocols import Array

_TEXT = "text is compared for equality only"


class OutputMetric:
    """Streams one pair of outputs into an `OutputComparison`.

    Elements that are not finite on both sides in the same way (both NaN, or infinities
    of the same sign) match; on one side only they are mismatched. Sums, errors and the
    histogram are over pairs that are finite on both sides. Floats are compared in the
    wider precision of the two, at least float32; integers of 32 bits and more in
    float64; text for equality only.

    Args:
        name: The reference's name of the output.
        candidate_name: The candidate's name of it.
        atol: Absolute tolerance of ``|c - r| <= atol + rtol * |r|``, numpy's rule.
        rtol: Relative tolerance of it.
    """

    def __init__(
        self, name: str, candidate_name: str, atol: float = 0.0, rtol: float = 0.0
    ) -> None:
        self.name = name
        self.candidate_name = candidate_name
        self._atol, self._rtol = atol, rtol
        self._sums = ErrorSums()
        self._worst = WorstSamples()
        self._evidence = ShapeEvidence()
        self._kernels: dict[np.dtype[np.floating], ErrorKernel] = {}
        self._first_nonfinite: int | None = None
        self._is_text = False

    def __getstate__(self) -> dict[str, object]:
        """What was seen, without the memory that it was measured in."""
        return {**self.__dict__, "_kernels": {}}

    def update(
        self,
        reference: Array,
        candidate: Array,
        rows: slice,
        sample_ids: Array | None = None,
    ) -> None:
        """Take in the answers to some samples.

        Args:
            reference: Axis 0 counts samples.
            candidate: Of the same shape.
            rows: Which golden samples these are.
            sample_ids: Their names, shape (n,).

        Raises:
            ShapeMismatchError: The shapes differ.
            ComparisonError: Text meets numbers, or the dtype cannot be compared.
        """
        require_same_shape(self.name, reference, self.candidate_name, candidate)
        self._sums.n_elements += reference.size
        if self._reads_text(reference, candidate):
            self._sums.n_mismatched += int(np.count_nonzero(reference != candidate))
        elif reference.size:
            # Overflow and NaN are looked for and counted, not warned about.
            with np.errstate(all="ignore"):
                self._scan(reference, candidate, rows.start, sample_ids)
                self._evidence.update(reference, candidate, rows.start)

    def merge(self, other: OutputMetric) -> None:
        """Take in all that another metric of the same pair has seen."""
        self._sums.merge(other._sums)
        self._worst.merge(other._worst)
        self._evidence.merge(other._evidence)
        self._is_text |= other._is_text
        firsts = (self._first_nonfinite, other._first_nonfinite)
        self._first_nonfinite = min((f for f in firsts if f is not None), default=None)

    @property
    def shown(self) -> frozenset[int]:
        """The samples with the largest errors so far."""
        return frozenset(worst.sample for worst in self._worst.result())

    def result(self) -> OutputComparison:
        """The comparison over all that was seen."""
        sums = self._sums
        found = unscored_panel(_TEXT) if self._is_text else panel(sums)
        shape = unscored_evidence(_TEXT) if self._is_text else self._evidence.result()
        return OutputComparison(
            name=self.name,
            candidate_name=self.candidate_name,
            n_elements=sums.n_elements,
            n_mismatched=sums.n_mismatched,
            n_nonfinite=sums.n_nonfinite,
            **found.values,
            sorted_max_abs_error=shape.sorted_max_abs_error,
            border_share=shape.border_share,
            best_shift=shape.best_shift,
            atol=self._atol,
            rtol=self._rtol,
            error_histogram=sums.decades.result(),
            worst=self._worst.result(),
            unscored={**found.unscored, **shape.unscored},
            n_nonfinite_new=sums.n_nonfinite_new,
            first_nonfinite=self._first_nonfinite,
            error_map=shape.error_map,
        )

    def _reads_text(self, reference: Array, candidate: Array) -> bool:
        kinds = {reference.dtype.kind, candidate.dtype.kind}
        text = kinds <= set("OSU")
        if not text and not kinds <= set("biuf"):
            raise ComparisonError(
                f"output {self.name!r} is {reference.dtype} in the reference and "
                f"{candidate.dtype} in the candidate's {self.candidate_name!r}",
                hint="compare real numbers with real numbers, or text with text",
            )
        self._is_text |= text
        return text

    def _scan(
        self, reference: Array, candidate: Array, start: int, ids: Array | None
    ) -> None:
        row_size = reference.size // len(reference)
        ours, theirs = candidate.reshape(-1), reference.reshape(-1)
        kernel = self._kernel(reference, candidate)
        for block in blocks(ours.size):
            news = self._sums.n_nonfinite_new
            peak = kernel.measure(theirs[block], ours[block], self._sums)
            if self._worst.wants(peak, start + block.start // row_size):
                errors = kernel.magnitude[: block.stop - block.start]
                self._worst.update(errors, block.start, row_size, start, ids)
            if self._sums.n_nonfinite_new > news:
                new = np.isfinite(theirs[block]) & ~np.isfinite(ours[block])
                at = start + (block.start + int(new.argmax())) // row_size
                first = self._first_nonfinite
                self._first_nonfinite = at if first is None else min(first, at)

    def _kernel(self, reference: Array, candidate: Array) -> ErrorKernel:
        dtype = np.result_type(reference.dtype, candidate.dtype, np.float32)
        # Anything wider than float64 (longdouble) is narrowed: no model needs it.
        dtype = np.dtype(np.float32 if dtype == np.float32 else np.float64)
        if dtype not in self._kernels:
            self._kernels[dtype] = ErrorKernel(self._atol, self._rtol, dtype)
        return self._kernels[dtype]
