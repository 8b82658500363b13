"""Token after token: as tokens, or as scores of each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.chance import buckets_of
from harness.comparison.edit_distance import edit_distance
from harness.comparison.options import Options
from harness.comparison.paired_sums import PairedSums
from harness.comparison.picking import pick, pick_target, shapes
from harness.comparison.regressions import Regressions
from harness.comparison.shapes import require_same_shape
from harness.comparison.shares import share
from harness.core.errors import ComparisonError
from harness.core.results import TaskComparison

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from harness.comparison.batch import ComparisonBatch
    from harness.core.protocols import Array, IntArray

    FloatArray = NDArray[np.float64]

_NO_TOKEN = -(1 << 62)
_TRUTHLESS = "no target: the reference's tokens are the truth"
_KNOWN = ("output", "target", "mask", "pad", "eos")


@dataclass(frozen=True, slots=True, eq=False)
class _Truth:
    """What is right, and which steps count.

    Attributes:
        tokens: Shape (n, steps).
        counts: Shape (n, steps) of bool.
    """

    tokens: IntArray
    counts: Array


class SequenceTask:
    """Tokens, whole sequences, edit distance; of scores also error and perplexity.

    Args:
        options: ``mask``: name of an input, target or column that is true where a step
            counts; ``pad``: token of steps that do not; ``eos``: token that ends a
            sequence; ``output``, ``target``: names, where several could be meant.
        _class_names: Not used.

    Raises:
        SuiteError: An option is not known or not allowed.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        _class_names: Sequence[str] | None = None,
    ) -> None:
        read = Options("sequence", options, _KNOWN)
        self._output, self._target = read.text("output"), read.text("target")
        self._mask = read.text("mask")
        self._pad, self._eos = (
            int(read.number(name, 0, (-1e9, 1e9))) if name in read else None
            for name in ("pad", "eos")
        )
        self._sums = PairedSums(8)
        self._regressions = Regressions()
        self._scored = self._truthless = False

    def update(self, batch: ComparisonBatch) -> None:
        """Take in tokens (n, steps) or scores (n, steps, vocabulary) of either side.

        Raises:
            ShapeMismatchError: The sides' scores have different shapes.
            ComparisonError: Outputs are neither, or targets or mask do not fit.
        """
        if self._output is None or self._output not in batch.reference:
            self._output = pick(
                batch.reference, self._output, _is_sequence, "logit|token|out", "output"
            )
        sides = [side[self._output] for side in (batch.reference, batch.candidate)]
        self._scored = sides[0].ndim == 3
        if self._scored:
            require_same_shape(self._output, sides[0], self._output, sides[1])
        tokens = [_tokens(side) for side in sides]
        truth = self._truth(batch, tokens[0])
        steps = truth.tokens.shape[1]
        fitted = [_fitted(side, steps) for side in tokens]
        rows = [self._distances(side, truth) for side in tokens]
        self._regressions.update(rows[0] == 0, rows[1] == 0, batch.groups)
        added = [
            self._added(index, sides, fitted, rows[index], truth) for index in (0, 1)
        ]
        self._sums.update(buckets_of(batch.samples, batch.groups), *added)

    def merge(self, other: SequenceTask) -> None:
        """Take in all that another task with the same options has seen."""
        self._sums.merge(other._sums)
        self._regressions.merge(other._regressions)
        self._scored |= other._scored
        self._truthless |= other._truthless

    def result(self) -> TaskComparison | None:
        """Metrics over all samples; None when there were none."""
        if not self._sums.n:
            return None
        names = set(self._values(self._sums.totals[0][None]))
        facts = {"token_agreement", "logit_error"}
        return TaskComparison(
            task="sequence",
            n=self._sums.n,
            metrics=self._sums.metrics(
                self._values, names if self._truthless else facts
            ),
            notes=(_TRUTHLESS,) if self._truthless else (),
            n_regressed=self._regressions.lost,
            n_improved=self._regressions.won,
            group_losses=self._regressions.group_losses,
        )

    def _truth(self, batch: ComparisonBatch, reference: IntArray) -> _Truth:
        usual = "target|tokens|labels|ids"
        others = {k: a for k, a in batch.targets.items() if k != self._mask}
        found = pick_target(others, self._target, usual, "tokens")
        if found is None:
            self._truthless = True
            found = reference
        tokens = found.reshape(len(found), -1).astype(np.int64)
        if self._scored and tokens.shape != reference.shape:
            raise ComparisonError(
                f"targets of shape {tokens.shape} for scores of {reference.shape} "
                "steps",
                hint="pad targets to the steps of the model, and name [task] pad",
            )
        return _Truth(tokens, self._counting(batch, tokens))

    def _counting(self, batch: ComparisonBatch, tokens: IntArray) -> Array:
        counts = np.ones(tokens.shape, bool)
        if self._mask is not None:
            there = {**batch.inputs, **batch.metadata, **batch.targets}
            mask = there.get(self._mask)
            if mask is None or mask.reshape(len(mask), -1).shape != tokens.shape:
                raise ComparisonError(
                    f"no mask {self._mask!r} of shape {tokens.shape}: there are "
                    f"{shapes(there)}",
                    hint="name an input, target or column in [task] mask",
                )
            counts &= mask.reshape(tokens.shape).astype(bool)
        if self._pad is not None:
            counts &= tokens != self._pad
        return counts if self._eos is None else counts & ~_after(tokens, self._eos)

    def _distances(self, tokens: IntArray, truth: _Truth) -> IntArray:
        """Edit distance of each sequence, of what of it counts."""
        own = np.ones(tokens.shape, bool)
        masked = self._mask is not None and tokens.shape == truth.counts.shape
        if masked or (self._scored and self._eos is None):
            own = truth.counts
        if self._pad is not None:
            own = own & (tokens != self._pad)
        if self._eos is not None:
            own = own & ~_after(tokens, self._eos)
        rows = zip(tokens, own, truth.tokens, truth.counts, strict=True)
        return np.array([edit_distance(t[m], s[k]) for t, m, s, k in rows], np.int64)

    def _added(
        self,
        index: int,
        sides: Sequence[Array],
        tokens: Sequence[IntArray],
        distances: IntArray,
        truth: _Truth,
    ) -> FloatArray:
        """What samples add: see `_values`."""
        counts, mine = truth.counts, tokens[index]
        zeros = np.zeros(len(mine))
        steps = counts.sum(axis=1)
        longest = np.maximum(steps, 1)
        error = likely = zeros
        if self._scored:
            error = _error(sides[0], sides[index], counts)
        if self._scored and not self._truthless:
            likely = _surprise(sides[index], truth.tokens, counts)
        columns = (
            (counts & (mine == truth.tokens)).sum(axis=1),
            (counts & (mine == tokens[0])).sum(axis=1),
            distances == 0,
            distances / longest,
            error,
            likely,
            steps,
            zeros + 1,
        )
        return np.stack(columns, axis=1).astype(np.float64)

    def _values(self, sums: FloatArray) -> dict[str, FloatArray]:
        right, same, exact, edits, error, surprise, steps, n = sums.T
        found = {
            "token_accuracy": share(right, steps),
            "exact_match": share(exact, n),
            "edit_distance_error": share(edits, n),
            "token_agreement": share(same, steps),
        }
        if self._scored:
            found["logit_error"] = share(error, steps)
        if self._scored and not self._truthless:
            with np.errstate(over="ignore"):
                found["perplexity_loss"] = np.exp(share(surprise, steps))
        return found


def _tokens(array: Array) -> IntArray:
    """Shape (n, steps): the token of each step, the first of the largest scores."""
    if array.ndim == 3:
        found: IntArray = array.argmax(axis=2)
        return found
    if array.ndim == 2 and array.dtype.kind in "iu":
        return array.astype(np.int64)
    raise ComparisonError(
        f"shape {array.shape} of {array.dtype} is neither tokens, whole numbers of "
        "(samples, steps), nor scores (samples, steps, vocabulary)",
        hint="name the output in [task]: output = ...",
    )


def _fitted(tokens: IntArray, steps: int) -> IntArray:
    """Cut, or filled up with what is no token, to as many steps."""
    missing = max(0, steps - tokens.shape[1])
    filled = np.pad(tokens, ((0, 0), (0, missing)), constant_values=_NO_TOKEN)
    return filled[:, :steps]


def _after(tokens: IntArray, eos: int) -> Array:
    """Steps behind the first end of their sequence."""
    ended = np.cumsum(tokens == eos, axis=1)
    behind: Array = (ended - (tokens == eos)) > 0
    return behind


def _error(reference: Array, candidate: Array, counts: Array) -> FloatArray:
    """Sum over steps that count of the mean |difference| of a step's scores."""
    apart = np.abs(candidate.astype(np.float64) - reference).mean(axis=2)
    summed: FloatArray = np.where(counts, apart, 0.0).sum(axis=1)
    return summed


def _surprise(scores: Array, tokens: IntArray, counts: Array) -> FloatArray:
    """Sum over steps that count of -log softmax(scores) at the true token."""
    values = scores.astype(np.float64)
    top = values.max(axis=2, keepdims=True)
    whole = np.log(np.exp(values - top).sum(axis=2)) + top[:, :, 0]
    places = np.clip(tokens, 0, values.shape[2] - 1)[:, :, None]
    own = np.take_along_axis(values, places, axis=2)[:, :, 0]
    summed: FloatArray = np.where(counts, whole - own, 0.0).sum(axis=1)
    return summed


def _is_sequence(array: Array) -> bool:
    whole = array.ndim == 2 and array.dtype.kind in "iu"
    return whole or (array.ndim == 3 and array.dtype.kind == "f")
