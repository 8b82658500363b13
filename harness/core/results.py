"""What a run found: frozen records, together one `QualityReport`.

Every record goes to JSON and back through `harness.core.codec`. This is the one door to
all of them: those of single stages live in `comparisons`, `tensors` and `findings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.core.comparisons import (
    ClassComparison,
    ClassVerdict,
    Confusion,
    ConfusionCells,
    ErrorMap,
    Flip,
    Flow,
    Histogram,
    LabelComparison,
    OutputComparison,
    WorstSample,
)
from harness.core.findings import (
    ErrorProfile,
    ErrorStep,
    Finding,
    MatrixCell,
    Proof,
    QuantizationAudit,
    QuantizationFinding,
    QuantizedRange,
    RunMatrix,
    Severity,
    StepMap,
    Where,
)
from harness.core.samples import Preview, ShownSample
from harness.core.specs import Kind, Task
from harness.core.task_results import PartComparison, TaskComparison, TaskMetric
from harness.core.tensors import (
    AccountedTensor,
    ChannelRanges,
    Folding,
    FormatHarm,
    FormatRisk,
    TensorDrift,
    TensorStatistics,
    WeightComparison,
    WeightFault,
)
from harness.core.waivers import Waiver, WaiverUse

__all__ = [
    "CHECK_NAMES",
    "SCHEMA_VERSION",
    "AccountedTensor",
    "ChannelRanges",
    "Check",
    "ClassComparison",
    "ClassVerdict",
    "Confusion",
    "ConfusionCells",
    "EarlyAnswer",
    "ErrorMap",
    "ErrorProfile",
    "ErrorStep",
    "Finding",
    "Flip",
    "Flow",
    "Folding",
    "FormatHarm",
    "FormatRisk",
    "GoldenFacts",
    "Histogram",
    "LabelComparison",
    "MatrixCell",
    "OutputComparison",
    "PartComparison",
    "Preview",
    "Proof",
    "QualityReport",
    "QuantizationAudit",
    "QuantizationFinding",
    "QuantizedRange",
    "RunMatrix",
    "Severity",
    "ShownSample",
    "Status",
    "StepMap",
    "SuiteFacts",
    "TaskComparison",
    "TaskMetric",
    "TensorDrift",
    "TensorStatistics",
    "VariantResult",
    "Verdict",
    "Waiver",
    "WaiverUse",
    "WeightComparison",
    "WeightFault",
    "Where",
    "WorstSample",
]

SCHEMA_VERSION = 1

Status = Literal["ran", "replayed", "skipped", "crashed", "timeout", "error"]
Verdict = Literal["passed", "failed", "undecided", "error"]

CHECK_NAMES = (
    "finite_outputs",
    "outputs_close",
    "top1_agreement",
    "accuracy",
    "per_class_recall",
    "task_metrics",
    "per_slice",
    "baseline",
    "weight_drift",
    "quantization",
    "operator_semantics",
    "runs_alike",
)
"""The gate's questions, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question of the gate and its answer.

    Attributes:
        name: e.g. ``per_class_recall``; the last part of a pytest node id.
        status: Its answer.
        observed: What was measured; None when it could not be.
        limit: What was allowed.
        message: One or two sentences that name what failed and where.
        parts: What failed: classes, outputs, tensors, metrics, "code@node" of
            findings.
        waived: Who answers for a failure until when and why, one line a waiver; the
            status is then ``passed``.
    """

    name: str
    status: Verdict
    observed: float | None
    limit: float | None
    message: str
    parts: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()


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
        task: None where the task has no numbers of its own, or nothing was compared.
        weights: Statistics of each tensor, in the file's order.
        weight_drift: None when no other variant's weights could be read.
        weight_audit: Scales and codes of a quantized candidate, looked at; None for
            others, and for forms that keep none.
        weight_harm: Layers by what narrower number formats would do to them, of the
            variant that others' weights are held against; empty for others.
        checks: The gate's questions, in a fixed order.
        skipped_checks: Check name -> why it could not be asked.
        matrix: Its answers when it is run in other ways; None where the suite asks
            for none.
        profile: Errors along its graph, as far as they are kept; None where nothing
            was run inside of it.
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
    weight_audit: QuantizationAudit | None = None
    weight_harm: tuple[FormatHarm, ...] = ()
    checks: tuple[Check, ...] = ()
    skipped_checks: Mapping[str, str] = field(default_factory=dict)
    task: TaskComparison | None = None
    matrix: RunMatrix | None = None
    profile: ErrorProfile | None = None


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
class EarlyAnswer:
    """How far a run with a time budget went.

    Attributes:
        n_used: Samples that were run; of these are all numbers of the report.
        n_samples: Samples of the golden data.
        looks: How often the checks were asked.
        reason: Why it stopped: every check was ``decided``, the ``time`` was up, or
            ``all`` samples were run.
    """

    n_used: int
    n_samples: int
    looks: int
    reason: Literal["decided", "time", "all"]


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
        waivers: All that the suite declares, and what became of them.
        provenance: Versions, machine, times; the only part that may differ
            between two runs on the same inputs, with `seconds_per_sample`.
        samples: Golden samples that variants part on, to be looked at; by index.
        schema_version: Of this record.
        early: How far a run with a time budget went; None where all samples were run
            without one.
    """

    suite: SuiteFacts
    golden: GoldenFacts
    verdict: Verdict
    variants: tuple[VariantResult, ...]
    findings: tuple[Finding, ...] = ()
    notices: tuple[str, ...] = ()
    waivers: tuple[WaiverUse, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION
    samples: tuple[ShownSample, ...] = ()
    early: EarlyAnswer | None = None

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
