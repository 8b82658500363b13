"""What each stage found: frozen records, together one `QualityReport`.

Every record goes to JSON and back through `harness.core.codec`. A number that
cannot be computed is None, and its reason stands in ``unscored`` under the field's
name: never 0, never silently passed. Shares and rates lie in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.core.specs import Kind, Task

SCHEMA_VERSION = 1

Status = Literal["ran", "replayed", "skipped", "crashed", "timeout", "error"]
Verdict = Literal["passed", "failed", "undecided", "error"]
ClassVerdict = Literal["pass", "fail", "undecided"]
Severity = Literal["error", "warning", "info"]

CHECK_NAMES = (
    "finite_outputs",
    "outputs_close",
    "top1_agreement",
    "accuracy",
    "per_class_recall",
    "weight_drift",
    "operator_semantics",
)
"""The gate's questions, in the order in which they are asked."""


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


@dataclass(frozen=True, slots=True)
class Confusion:
    """Confusion matrices; ``[i][j]`` counts true class i predicted as j."""

    classes: tuple[str, ...]
    reference: tuple[tuple[int, ...], ...]
    candidate: tuple[tuple[int, ...], ...]


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


@dataclass(frozen=True, slots=True)
class TensorStatistics:
    """Distribution of one weight tensor, after dequantization.

    Attributes:
        name: The file's name of it.
        shape: As stored.
        dtype: As stored (``int8`` for a quantized tensor).
        role: kernel, bias, scale, ...; "constant" when the form does not tell.
        op_type: Operator that consumes it, None when unknown.
        n: Elements.
        n_nonfinite: NaN or infinite elements; the rest is over finite ones.
        min: Smallest.
        max: Largest.
        smallest_nonzero: Smallest magnitude that is not 0; None when all are.
        mean: Mean.
        std: Population standard deviation.
        sparsity: Share of exact zeros.
        quantiles: Quantile in (0, 1) as text -> value.
        histogram: Linear bins from min to max.
        share_fp16_zero: Non-zero elements that float16 would flush to 0.
        share_fp16_subnormal: Elements that would become float16 subnormals.
        share_fp16_overflow: Elements beyond float16's largest number, 65504.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: str
    op_type: str | None
    n: int
    n_nonfinite: int
    min: float | None
    max: float | None
    smallest_nonzero: float | None
    mean: float | None
    std: float | None
    sparsity: float | None
    quantiles: Mapping[str, float]
    histogram: Histogram | None
    share_fp16_zero: float
    share_fp16_subnormal: float
    share_fp16_overflow: float


@dataclass(frozen=True, slots=True)
class TensorDrift:
    """One weight tensor of the candidate against its match in the reference.

    Attributes:
        name: The candidate's name.
        reference_name: The match's name.
        matched_by: name, exact, transposed, permuted or similar.
        max_abs_error: max |c - r| after bringing r to c's layout.
        mean_abs_error: mean |c - r|.
        sqnr_db: 10 log10(sum r^2 / sum (c - r)^2); None when equal.
        cosine_similarity: None for zero vectors.
        n_changed: Elements that differ at all.
        note: What a reader should know, None for nothing.
    """

    name: str
    reference_name: str
    matched_by: str
    max_abs_error: float
    mean_abs_error: float
    sqnr_db: float | None
    cosine_similarity: float | None
    n_changed: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class WeightComparison:
    """Weights of a candidate against those that speak for the reference.

    Attributes:
        reference: Name of that variant.
        drift: Matched tensors, worst SQNR first.
        unmatched_reference: Names only there.
        unmatched_candidate: Names only here.
    """

    reference: str
    drift: tuple[TensorDrift, ...]
    unmatched_reference: tuple[str, ...] = ()
    unmatched_candidate: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One question of the gate and its answer.

    Attributes:
        name: e.g. ``per_class_recall``; the last part of a pytest node id.
        status: Its answer.
        observed: What was measured; None when it could not be.
        limit: What was allowed.
        message: One or two sentences that name what failed and where.
    """

    name: str
    status: Verdict
    observed: float | None
    limit: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Where:
    """The place of a finding, in the files' own names."""

    candidate_node: str | None = None
    reference_node: str | None = None
    op_type: str | None = None
    tensor: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A counterfactual: the candidate edited, and run again on golden samples.

    Attributes:
        edit: What was set, e.g. ``pads = [0, 0, 1, 1]``.
        error_before: max |c - r| of the worst output on those samples.
        error_after: The same after the edit.
        error_removed: 1 - sum |c' - r| / sum |c - r|.
        n_samples: Samples that were run.
        n_flipped_before: Top classes that differ from the reference's.
        n_flipped_after: The same after the edit.
    """

    edit: str
    error_before: float
    error_after: float
    error_removed: float
    n_samples: int
    n_flipped_before: int | None = None
    n_flipped_after: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause of drift, named and, where ``proof`` is there, proven.

    Attributes:
        code: Stable short code, e.g. ``PAD001``.
        severity: How much it matters.
        cause: Slug, e.g. ``padding.same_split``.
        variant: The candidate it was found in.
        where: Node and tensor.
        explanation: What differs, with both values.
        reference_semantics: What the reference does there, in words.
        candidate_semantics: What the candidate does there.
        hint: How to mend it at the source.
        proof: None when no edit was tried.
    """

    code: str
    severity: Severity
    cause: str
    variant: str
    where: Where
    explanation: str
    reference_semantics: str | None = None
    candidate_semantics: str | None = None
    hint: str | None = None
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class VariantResult:
    """Everything a run learnt of one variant.

    Attributes:
        name: As in the suite.
        kind: As in the suite.
        status: Whether and how it was run.
        reason: Why it was not run plainly; None when it was.
        verdict: Over its checks; None for the reference and for what was not run.
        path: Model path relative to the suite file.
        line: Line of the suite file that declares it.
        sha256: Digest of the model; None when it is missing.
        size_bytes: Size on disk.
        backend: Backend that ran it, None when none did.
        batch_size: Samples a call.
        runtime: Versions, providers, threads and what else the backend tells.
        seconds_per_sample: Time in the runtime; None for replays.
        outputs: One comparison an output; empty for the reference.
        labels: None where the task has no labels and no classes.
        weights: Statistics of each tensor, in the file's order.
        weight_drift: None when no other variant's weights could be read.
        checks: The gate's questions, in a fixed order.
        skipped_checks: Check name -> why it could not be asked.
    """

    name: str
    kind: Kind
    status: Status
    reason: str | None
    verdict: Verdict | None
    path: str
    line: int
    sha256: str | None
    size_bytes: int | None
    backend: str | None
    batch_size: int | None
    runtime: Mapping[str, str | int | float | bool | None]
    seconds_per_sample: float | None
    outputs: tuple[OutputComparison, ...] = ()
    labels: LabelComparison | None = None
    weights: tuple[TensorStatistics, ...] = ()
    weight_drift: WeightComparison | None = None
    checks: tuple[Check, ...] = ()
    skipped_checks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SuiteFacts:
    """What the report says of the suite.

    Attributes:
        name: The suite's name.
        task: How outputs were scored.
        path: The suite file as it was given, for messages and links.
        reference: Name of the reference variant.
    """

    name: str
    task: Task
    path: str
    reference: str


@dataclass(frozen=True, slots=True)
class GoldenFacts:
    """What the report says of the golden data.

    Attributes:
        n_samples: Samples run.
        digest: sha256 over the data.
        preprocess_digest: sha256 over the declared preprocessing.
        class_names: None where there are none.
        class_counts: Labels a class, None without labels.
    """

    n_samples: int
    digest: str
    preprocess_digest: str
    class_names: tuple[str, ...] | None = None
    class_counts: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class QualityReport:
    """One run of one suite: the record that every renderer reads.

    Attributes:
        suite: What was asked.
        golden: The data it was asked on.
        verdict: Over all candidates that were run.
        variants: In the order of the suite, the reference among them.
        findings: Root causes first.
        notices: What a reader should know and no check asks.
        provenance: Versions, machine, times; the only part that may differ
            between two runs on the same inputs, with `seconds_per_sample`.
        schema_version: Of this record.
    """

    suite: SuiteFacts
    golden: GoldenFacts
    verdict: Verdict
    variants: tuple[VariantResult, ...]
    findings: tuple[Finding, ...] = ()
    notices: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def reference(self) -> VariantResult:
        """The variant that the others are held against."""
        return self.variant(self.suite.reference)

    @property
    def candidates(self) -> tuple[VariantResult, ...]:
        """Every variant but the reference."""
        return tuple(v for v in self.variants if v.name != self.suite.reference)

    def variant(self, name: str) -> VariantResult:
        """The variant of that name.

        Raises:
            KeyError: No variant has that name.
        """
        for variant in self.variants:
            if variant.name == name:
                return variant
        raise KeyError(name)
