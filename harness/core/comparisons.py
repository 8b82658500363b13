"""Outputs and decisions of a candidate, held against the reference's: frozen records.

A number that cannot be computed is None, and its reason stands in ``unscored`` under
the field's name. Shares and rates lie in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ClassVerdict = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges.

    Attributes:
        edges: n + 1 rising edges; bins are half open, the last one closed.
        counts: n counts.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorstSample:
    """A sample on which two variants part most.

    Attributes:
        sample: Index in the golden data, from 0.
        sample_id: The data's own name of it.
        max_abs_error: Largest absolute difference of an element.
    """

    sample: int
    max_abs_error: float
    sample_id: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorMap:
    """Where in the space of an output its error lies, over the evidence window.

    Attributes:
        shape: Rows and columns of the output.
        mean: mean |e| over samples and channels, ``[row][column]``; neighbours are
            averaged where the output has more than 48 rows or columns.
        n_samples: Samples that it is over.
    """

    shape: tuple[int, int]
    mean: tuple[tuple[float, ...], ...]
    n_samples: int


@dataclass(frozen=True, slots=True)
class OutputComparison:
    """One output of a candidate held against the reference's, over all samples.

    With r the reference, c the candidate, e = c - r, sums over finite pairs:

    Attributes:
        name: The reference's name of the output.
        candidate_name: The candidate's name of it.
        n_elements: Compared elements.
        n_mismatched: Elements breaking ``|e| <= atol + rtol * |r|``; non-finite
            ones on one side only are among them.
        n_nonfinite: Candidate elements that are NaN or infinite.
        max_abs_error: max |e|.
        mean_abs_error: mean |e|.
        rmse: sqrt(mean e^2).
        required_atol: Least atol at which nothing is mismatched, rtol unchanged.
        sqnr_db: 10 log10(sum r^2 / sum e^2); None when e is 0 everywhere.
        cosine_similarity: <r, c> / (|r| |c|).
        best_gain: a = <r, c> / <r, r>, the gain that fits c = a r best.
        gain_residual: sqrt(min_a mean (c - a r)^2), the RMSE left by that gain.
        sorted_max_abs_error: max |sort(c) - sort(r)| within a sample: 0 where the
            candidate is a permutation of the reference. On the evidence window.
        border_share: Share of sum |e| on the border ring of spatial outputs. On
            the evidence window.
        best_shift: (rows, columns) in {-1, 0, 1}: moving c down and right by them
            fits r best. On the evidence window.
        atol: Tolerance of `n_mismatched`.
        rtol: Tolerance of `n_mismatched`.
        error_histogram: Counts of |e| by decade, the first bin for 0 (under 1e-12).
        worst: The samples with the largest errors, largest first.
        unscored: Field name -> why it is None.
        n_nonfinite_new: Of `n_nonfinite`, those where the reference is finite.
        first_nonfinite: The first sample that holds one of these.
        error_map: Where its error lies; None where it has no rows and columns, and
            where there is none.
    """

    name: str
    candidate_name: str
    n_elements: int
    n_mismatched: int
    n_nonfinite: int
    max_abs_error: float | None
    mean_abs_error: float | None
    rmse: float | None
    required_atol: float | None
    sqnr_db: float | None
    cosine_similarity: float | None
    best_gain: float | None
    gain_residual: float | None
    sorted_max_abs_error: float | None
    border_share: float | None
    best_shift: tuple[int, int] | None
    atol: float
    rtol: float
    error_histogram: Histogram
    worst: tuple[WorstSample, ...] = ()
    unscored: Mapping[str, str] = field(default_factory=dict)
    n_nonfinite_new: int = 0
    first_nonfinite: int | None = None
    error_map: ErrorMap | None = None


@dataclass(frozen=True, slots=True)
class ClassComparison:
    """One class, reference against candidate, over the samples truly of it.

    Attributes:
        class_name: Name of the class.
        n: Samples that are truly of the class.
        recall_reference: Of the reference; None when n is 0.
        recall: Of the candidate.
        recall_interval: Wilson interval of `recall` at 95 %.
        precision_reference: None when nothing was predicted as the class.
        precision: Likewise of the candidate.
        f1_reference: Harmonic mean, None where neither part exists.
        f1: Likewise of the candidate.
        n_regressed: Right in the reference, wrong in the candidate.
        n_improved: The other way round.
        p_value: Exact one-sided McNemar of regressed against improved.
        p_adjusted: After Holm's correction over the classes.
        min_detectable_drop: Least drop of recall that n samples can show at alpha
            after correction; None when none can.
        verdict: Set by the gate.
        recall_reference_interval: As `recall_interval`, of the reference.
        group_losses: Where samples come in groups that depend on each other: (net
            loss, groups of this class that have it), zeros left out.
    """

    class_name: str = field(metadata={"json": "class"})
    n: int
    recall_reference: float | None
    recall: float | None
    recall_interval: tuple[float, float] | None
    precision_reference: float | None
    precision: float | None
    f1_reference: float | None
    f1: float | None
    n_regressed: int
    n_improved: int
    p_value: float = 1.0
    p_adjusted: float = 1.0
    min_detectable_drop: float | None = None
    verdict: ClassVerdict = "undecided"
    recall_reference_interval: tuple[float, float] | None = None
    group_losses: tuple[tuple[int, int], ...] | None = None

    @property
    def precision_change(self) -> float | None:
        """Candidate's precision less the reference's; None where one is."""
        return _change(self.precision_reference, self.precision)

    @property
    def f1_change(self) -> float | None:
        """Candidate's F1 less the reference's; None where one is."""
        return _change(self.f1_reference, self.f1)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Confusion matrices; ``[i][j]`` counts true class i predicted as j."""

    classes: tuple[str, ...]
    reference: tuple[tuple[int, ...], ...]
    candidate: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ConfusionCells:
    """Cells of confusion matrices that are too large to be kept whole.

    Attributes:
        cells: (true, answer, count in the reference, count in the candidate), classes
            by their place in `LabelComparison.per_class`; those that changed most
            first, then those of most samples.
        n_left_out: Cells with samples that are not kept.
    """

    cells: tuple[tuple[int, int, int, int], ...]
    n_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample whose top class moved.

    Attributes:
        sample: Index in the golden data, from 0.
        true: Its class, None without labels.
        old: The reference's answer.
        new: The candidate's answer.
        margin: Reference's top score less its score for the new class.
        sample_id: The data's own name of it.
    """

    sample: int
    true: str | None
    old: str
    new: str
    margin: float
    sample_id: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """Samples that moved alike: of one true class, from one answer to another.

    Attributes:
        true: Their class, None without labels.
        old: The reference's answer.
        new: The candidate's answer.
        n: Samples.
        mean_margin: Mean of their `Flip.margin`.
    """

    true: str | None
    old: str
    new: str
    n: int
    mean_margin: float


@dataclass(frozen=True, slots=True)
class LabelComparison:
    """Decisions of the candidate against the reference's and the truth.

    Without labels only `top1_agreement`, `n_flipped` and `flips` are known.

    Attributes:
        n: Samples compared.
        accuracy_reference: Share of right answers of the reference.
        accuracy: Share of right answers of the candidate.
        top1_agreement: Share of samples with the same top class.
        n_regressed: Right before, wrong now.
        n_improved: Wrong before, right now.
        n_flipped: Top class moved, right or wrong.
        p_value: Exact two-sided McNemar over all samples.
        per_class: In the order of the classes.
        confusion: None without labels, and with more than 256 classes.
        flips: At most 100, largest margin first.
        group_losses: As of a class, over all classes; None where samples stand alone.
        flows: At most 50, those of most samples first.
        collapse_reference: How far the reference's answers fall on few classes:
            1 - exp(H) / classes with H the entropy of its answers. exp(H) is how many
            equally likely classes would be as diverse (Hill 1973, "Diversity and
            evenness"). 0 where all classes are answered alike, 1 - 1 / classes where
            only one is.
        collapse: Likewise of the candidate.
        confusion_cells: With labels and more than 256 classes, in place of
            `confusion`.
        examples: The first samples of each kind (true, old, new), those that moved
            foremost; of the others old is new, and the margin is 0.
    """

    n: int
    accuracy_reference: float | None
    accuracy: float | None
    top1_agreement: float
    n_regressed: int | None
    n_improved: int | None
    n_flipped: int
    p_value: float | None = None
    per_class: tuple[ClassComparison, ...] = ()
    confusion: Confusion | None = None
    flips: tuple[Flip, ...] = ()
    group_losses: tuple[tuple[int, int], ...] | None = None
    flows: tuple[Flow, ...] = ()
    collapse_reference: float | None = None
    collapse: float | None = None
    confusion_cells: ConfusionCells | None = None
    examples: tuple[Flip, ...] = ()


def _change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
