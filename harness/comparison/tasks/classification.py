"""Decisions: the top class of each sample, reference against candidate and truth."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.decided import DecisionCounts
from harness.comparison.examples import ExampleLog
from harness.comparison.flips import FlipLog
from harness.core.errors import ComparisonError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.protocols import Array, Arrays, FloatArray, IntArray
    from harness.core.results import LabelComparison

# Flips of the largest margins whose inputs are worth a look.
_MOST_SHOWN = 100
_SCORE_NAME = re.compile("prob|score|logit|softmax", re.IGNORECASE)


class LabelMetric:
    """Streams class scores of both sides into a `LabelComparison`.

    The decision is the first of the largest scores. Scores with a NaN decide for no
    class: that is wrong whatever the label, and no class twice is no flip.

    Args:
        class_names: Names by column of the scores.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = tuple(class_names)
        self._counts = DecisionCounts(self._names)
        self._flips = FlipLog(self._names)
        self._examples = ExampleLog(self._names)

    def update(
        self,
        reference: FloatArray,
        candidate: FloatArray,
        labels: IntArray | None,
        rows: slice,
        sample_ids: Array | None = None,
        groups: Array | None = None,
    ) -> None:
        """Take in the scores of some samples.

        Args:
            reference: Scores, shape (n, classes).
            candidate: Likewise.
            labels: Class indices, shape (n,).
            rows: Which golden samples these are.
            sample_ids: Their names, shape (n,).
            groups: What depends on each other has one of these, shape (n,).

        Raises:
            ComparisonError: Scores do not have one column a class, or a label is
                none of the classes.
        """
        self._check(reference, candidate, labels, rows)
        old, new = decisions(reference), decisions(candidate)
        moved = np.flatnonzero(old != new)
        margins = _margins(reference[moved], old[moved], new[moved])
        self._counts.update(old, new, labels, margins, groups)
        samples = rows.start + np.arange(len(old))
        self._examples.update(samples, (old, new, labels), margins, sample_ids)
        if moved.size:
            self._flips.update(
                rows.start + moved,
                margins,
                (old[moved], new[moved], None if labels is None else labels[moved]),
                None if sample_ids is None else sample_ids[moved],
            )

    def merge(self, other: LabelMetric) -> None:
        """Take in all that another metric of the same classes has seen."""
        self._counts.merge(other._counts)
        self._flips.merge(other._flips)
        self._examples.merge(other._examples)

    @property
    def shown(self) -> frozenset[int]:
        """Samples that a reader may want to look at, of those seen so far."""
        worst = self._flips.result()[:_MOST_SHOWN]
        return frozenset(f.sample for f in (*worst, *self._examples.result()))

    def result(self) -> LabelComparison | None:
        """The comparison over all that was seen; None when that is nothing."""
        found = self._counts.result()
        if found is None:
            return None
        flips, examples = self._flips.result(), self._examples.result()
        return replace(found, flips=flips, examples=examples)

    def _check(
        self, reference: Array, candidate: Array, labels: IntArray | None, rows: slice
    ) -> None:
        expected = (len(reference), len(self._names))
        for side, scores in (("reference", reference), ("candidate", candidate)):
            if scores.shape != expected:
                raise ComparisonError(
                    f"scores of the {side} have shape {scores.shape}; with "
                    f"{expected[1]} classes it should be {expected}",
                    hint="check the class names of the golden data against the model",
                )
        if labels is None or not labels.size:
            return
        at = int(labels.argmax() if labels.max() >= expected[1] else labels.argmin())
        if not 0 <= labels[at] < expected[1]:
            raise ComparisonError(
                f"sample {rows.start + at} has label {labels[at]}, but the scores "
                f"have {expected[1]} columns",
                hint="check the labels of the golden data against the model's classes",
            )


def decisions(scores: FloatArray) -> IntArray:
    """The class of each sample, shape (n,): the first largest; n classes for a NaN."""
    tops: IntArray = scores.argmax(axis=1)
    # One flat maximum is ten times cheaper than a look at each row, and carries NaN.
    if scores.size and scores.dtype.kind == "f" and np.isnan(scores.max()):
        tops[np.isnan(scores).any(axis=1)] = scores.shape[1]
    return tops


def find_scores(outputs: Arrays, class_names: Sequence[str] | None) -> str:
    """The output that holds one score a class.

    Args:
        outputs: Output name -> array, axis 0 counts samples.
        class_names: Names of the classes; None where there are none.

    Raises:
        ComparisonError: No output does, or several do and their names do not tell.
    """
    fitting = [name for name, array in outputs.items() if _fits(array, class_names)]
    named = [name for name in fitting if _SCORE_NAME.search(name)]
    for found in (fitting, named):
        if len(found) == 1:
            return found[0]
    columns = f"{len(class_names)} columns" if class_names else "a column a class"
    shapes = ", ".join(f"{name!r} {array.shape}" for name, array in outputs.items())
    count = "several outputs" if fitting else "no output"
    raise ComparisonError(
        f"{count} could be the class scores (rank 2, {columns}): {shapes}",
        hint='name one of them "scores" or "probabilities", give the golden data as '
        'many class names as there are scores, or set task = "tensor"',
    )


def _fits(array: Array, class_names: Sequence[str] | None) -> bool:
    if array.ndim != 2 or array.dtype.kind not in "iuf" or array.shape[1] < 2:
        return False
    return class_names is None or array.shape[1] == len(class_names)


def _margins(scores: FloatArray, old: IntArray, new: IntArray) -> FloatArray:
    """Reference's top score less its score for the new class, in float64.

    Against no class it is the whole range of the scores, so that such flips come
    first; from no class it is 0.
    """
    rows = np.arange(len(scores))
    scores = scores.astype(np.float64)
    none = scores.shape[1]
    last = scores[rows, np.minimum(new, none - 1)]
    last = np.where(new == none, scores.min(axis=1), last)
    margins = scores[rows, np.minimum(old, none - 1)] - last
    margins[old == none] = 0.0
    finite: FloatArray = np.nan_to_num(margins)
    return finite
