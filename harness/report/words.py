"""Sentences that every renderer says: of the suite, of a finding, of a proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import one_line, percent, points, quantity, scientific

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import (
        Finding,
        LabelComparison,
        Proof,
        QualityReport,
        VariantResult,
    )

_PROVEN = 0.9
# How an error of the harness reads, and so most reasons.
_HINT = "\nHint: "
_HOW = {"ran": "", "replayed": " (replayed)", "skipped": " (not run)"}


def golden(report: QualityReport) -> str:
    """``360 golden samples, 10 classes``; ``64 of 360`` after an early answer."""
    samples = quantity(report.golden.n_samples, "golden sample")
    early = report.early
    if early is not None and early.n_used < early.n_samples:
        all_of_them = quantity(early.n_samples, "golden sample")
        samples = f"{early.n_used:,} of {all_of_them}"
    names = report.golden.class_names
    if names is None:
        return samples
    return f"{samples}, {quantity(len(names), 'class', 'classes')}"


def reference(report: QualityReport) -> str:
    """``reference keras (replayed)``."""
    variant = report.reference
    how = _HOW.get(variant.status, f" ({variant.status})")
    return f"reference {one_line(variant.name)}{how}"


def suite_file(report: QualityReport) -> str:
    """Where the suite file lies in its checkout, for tools that link to its lines."""
    found = report.provenance.get("suite_file")
    return found if isinstance(found, str) and found else report.suite.path


def place(finding: Finding) -> str:
    """``Conv 'conv1'``: the operator and the candidate's name of the node."""
    where = finding.where
    name = where.candidate_node or where.tensor or where.reference_node
    words = (where.op_type, None if name is None else repr(one_line(name)))
    return one_line(" ".join(word for word in words if word)) or "the whole model"


def accuracy(labels: LabelComparison) -> str:
    """``9.2 % (-87.5)``: the candidate's, and its change where there is one."""
    shown = percent(labels.accuracy)
    if labels.accuracy is None or labels.accuracy_reference is None:
        return shown
    change = points(labels.accuracy - labels.accuracy_reference)
    return shown if change == "0.0" else f"{shown} ({change})"


def told(finding: Finding) -> str:
    """What differs and where, the place said once."""
    explanation, where = one_line(finding.explanation), place(finding)
    return explanation if where in explanation else f"{where}: {explanation}"


def sides(finding: Finding) -> str:
    """``reference: epsilon 0.001; candidate: epsilon 1e-05``; empty when unknown."""
    both = (
        ("reference", finding.reference_semantics),
        ("candidate", finding.candidate_semantics),
    )
    return "; ".join(f"{side}: {one_line(text)}" for side, text in both if text)


def cause(findings: Sequence[Finding]) -> str:
    """``PAD001 padding.same_split``: the root cause; empty when none was found."""
    if not findings:
        return ""
    return f"{one_line(findings[0].code)} {one_line(findings[0].cause)}"


def proof(found: Proof) -> str:
    """``proven: set pads to (0,0,1,1); this removes 100 % of the error on ...``."""
    return f"{standing(found)}: {one_line(found.edit)}; this {removed(found)}"


def removed(found: Proof) -> str:
    """``removes 100 % of the error on 64 samples``."""
    samples = quantity(found.n_samples, "sample")
    if found.error_removed < 0:
        return f"makes the error larger on {samples}"
    return f"removes {percent(found.error_removed)} of the error on {samples}"


def standing(found: Proof) -> str:
    """Whether an edit shows a cause: one that leaves much of the error is a lead."""
    return "proven" if found.error_removed >= _PROVEN else "a lead, not proven"


def errors(found: Proof) -> str:
    """``max error 9.9e-01 before, 4.2e-07 after``."""
    before, after = scientific(found.error_before), scientific(found.error_after)
    return f"max error {before} before, {after} after"


def flips(found: Proof) -> str:
    """``323 flips before, 0 after``; empty where the task has no classes."""
    if found.n_flipped_before is None or found.n_flipped_after is None:
        return ""
    before = quantity(found.n_flipped_before, "flip")
    return f"{before} before, {found.n_flipped_after:,} after"


def reason(variant: VariantResult) -> str:
    """Why a variant was not run plainly, on one line."""
    text = variant.reason or f"{variant.status}, no reason recorded"
    return one_line("; ".join(text.split(_HINT, 1)))


def max_error(variant: VariantResult) -> float | None:
    """Largest error over the variant's outputs, None where none was scored."""
    found = [o.max_abs_error for o in variant.outputs if o.max_abs_error is not None]
    return max(found, default=None)
