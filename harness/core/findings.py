"""Causes of drift: where, what, and the proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning", "info"]


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
class QuantizationFinding:
    """Something about the scales or codes of an already quantized model.

    Attributes:
        code: Stable short code, e.g. ``QNT301``; docs/weights.md lists them.
        severity: "error" where numbers are wrong or most precision is lost, "warning"
            where some is, "info" for what may be meant.
        cause: Slug: quant.scale, quant.zero_point, quant.bias, quant.saturation,
            quant.unused_codes, quant.asymmetric, quant.observer, quant.granularity,
            quant.overflow, quant.agreement, quant.clipping or quant.wasted_range.
        tensor: The file's name of the tensor or value.
        node: The file's name of the operator or layer; None when it has none.
        explanation: What was seen, with the numbers.
        numbers: The same numbers by name.
        hint: How to mend it at the source.
    """

    code: str
    severity: Severity
    cause: str
    tensor: str
    node: str | None
    explanation: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class QuantizedRange:
    """The range of an activation's codes, and what data showed there.

    Attributes:
        tensor: The file's name of it.
        low: Smallest number that its codes mean.
        high: Largest.
        seen_min: Smallest number that the float model gave there.
        seen_max: Largest.
        share_clipped: Of what was seen, beyond the range by more than a step.
        share_unused: Of the codes, beyond what was seen.
    """

    tensor: str
    low: float
    high: float
    seen_min: float
    seen_max: float
    share_clipped: float
    share_unused: float


@dataclass(frozen=True, slots=True)
class QuantizationAudit:
    """An already quantized model, looked at.

    Attributes:
        n_activations: Quantized values that are computed.
        n_weights: Quantized constants.
        n_compared: Weights that were held against the float model's.
        n_ranged: Activations that were held against ranges seen on data.
        findings: Errors first; empty where nothing is wrong.
        ranges: Those `n_ranged` activations, in the file's order.
        n_samples: Samples whose activations were looked at.
        unranged: Why no activation was held against data; None where some was, or
            where none has a range of its own.
    """

    n_activations: int
    n_weights: int
    n_compared: int
    n_ranged: int
    findings: tuple[QuantizationFinding, ...] = ()
    ranges: tuple[QuantizedRange, ...] = ()
    n_samples: int = 0
    unranged: str | None = None


@dataclass(frozen=True, slots=True)
class StepMap:
    """Where in an image an error lies: mean |c - r| over samples and channels.

    Attributes:
        height: Places from top to bottom; 1 for a signal along one axis.
        width: Places from left to right.
        rows: From the top, numbers from the left: 64 x 64 at most. Of a larger image
            each is the mean over the places that it covers.
        border_share: Share of the error on the outer ring of places.
    """

    height: int
    width: int
    rows: tuple[tuple[float, ...], ...]
    border_share: float


@dataclass(frozen=True, slots=True)
class ErrorStep:
    """One place where two graphs can be held against each other.

    Errors are root mean squares of c - r over the root mean square of r.

    Attributes:
        candidate_node: The node that computes it, by the candidate's file.
        reference_node: Its partner, by the reference's file.
        op_type: The candidate's operator.
        injected: Error when everything before it is fed from the reference.
        inherited: Error in the candidate's own run; None where it was not measured.
        floor: Error that rounding alone explains there.
        guilty: Whether it injects more than its floor.
        map: Where the injected error lies, of the first guilty steps with places.
    """

    candidate_node: str
    reference_node: str
    op_type: str
    injected: float
    inherited: float | None
    floor: float
    guilty: bool
    map: StepMap | None = None


@dataclass(frozen=True, slots=True)
class ErrorProfile:
    """Errors along a candidate's graph, in the candidate's order.

    Attributes:
        variant: The candidate.
        steps: One entry an aligned tensor.
        n_samples: Samples that were looked at.
        n_left_out: Steps that ``steps`` was shortened by; those it holds are the guilty
            ones, and what lies nearest to them.
    """

    variant: str
    steps: tuple[ErrorStep, ...]
    n_samples: int
    n_left_out: int = 0


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One way to run a file, held against the first way.

    Attributes:
        axis: What was changed: ``level``, ``provider``, ``threads`` or ``batch_size``;
            ``deployed`` for the first cell, where nothing was.
        value: What it was changed to, e.g. ``disable`` or ``1``.
        max_abs_error: Largest difference to the first cell over all outputs; None
            where it could not be run.
        n_flipped: Top classes that differ from the first cell's; None without classes.
        floor: Largest difference that is rounding when this is changed.
        parts: Whether it differs by more.
        reason: Why it could not be run.
    """

    axis: str
    value: str
    max_abs_error: float | None
    floor: float
    n_flipped: int | None = None
    parts: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RunMatrix:
    """One file, run in several ways on the same samples.

    Attributes:
        variant: Its name.
        n_samples: Samples that each cell ran.
        cells: The first is the file as it is deployed.
    """

    variant: str
    n_samples: int
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What ``harness diagnose`` answers.

    Attributes:
        reference: Path of the model that is right, as it was given.
        candidate: Path of the other.
        drifts: Whether the outputs part by more than rounding.
        max_abs_error: Of the worst output; None where outputs cannot be compared.
        n_samples: Samples that were looked at.
        n_flipped: Top classes that differ; None without classes.
        findings: Causes, the root cause first.
        profile: Errors along the graph; None where nothing was run inside of it.
        matrices: The candidate run in several ways, where that was asked for.
        notices: What a reader should know of how this was found.
        schema_version: Of this record.
    """

    reference: str
    candidate: str
    drifts: bool
    max_abs_error: float | None
    n_samples: int
    n_flipped: int | None
    findings: tuple[Finding, ...] = ()
    profile: ErrorProfile | None = None
    matrices: tuple[RunMatrix, ...] = ()
    notices: tuple[str, ...] = ()
    schema_version: int = 1
