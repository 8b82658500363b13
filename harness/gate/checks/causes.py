"""Checks of what the files themselves say: weights and operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.wording import counted, listed, percent

if TYPE_CHECKING:
    from harness.core.results import Finding
    from harness.gate.checks.case import Answer, Case


def weight_drift(case: Case) -> Answer:
    """Signal-to-noise of each weight tensor against its match in the reference."""
    compared, limit = case.result.weight_drift, case.limits.min_weight_sqnr_db
    assert limit is not None  # or it is not asked
    if compared is None:
        return "there are no weights to hold against each other"
    if not compared.drift:
        return f"no weight tensor matches one of {compared.reference}"
    matched = counted(len(compared.drift), "matched tensor")
    scores = {t.name: t.sqnr_db for t in compared.drift if t.sqnr_db is not None}
    if not scores:
        message = f"{matched}: equal to those of {compared.reference}"
        return Check("weight_drift", "passed", None, limit, message)
    names = sorted(scores, key=lambda name: scores[name])
    worst = scores[names[0]]
    if worst >= limit:
        message = f"{matched}: {worst:.1f} dB or more ({names[0]} has least)"
        return Check("weight_drift", "passed", worst, limit, message)
    below = [f"{n} ({scores[n]:.1f} dB)" for n in names if scores[n] < limit]
    verb = "keeps" if len(below) == 1 else "keep"
    message = (
        f"{len(below)} of {matched} {verb} less than {limit:.1f} dB of "
        f"{compared.reference}'s: {listed(below)}"
    )
    return Check("weight_drift", "failed", worst, limit, message)


def operator_semantics(case: Case) -> Answer:
    """Whether an operator means something else than in the reference."""
    errors = [finding for finding in case.findings if finding.severity == "error"]
    observed = float(len(errors))
    if errors:
        message = _told(errors[0])
        if len(errors) > 1:
            message += f". {counted(len(errors) - 1, 'more finding')}"
        return Check("operator_semantics", "failed", observed, 0.0, message)
    message = "no operator was found that means something else than in the reference"
    if case.findings:
        message += f" ({counted(len(case.findings), 'note')})"
    return Check("operator_semantics", "passed", observed, 0.0, message)


def _told(finding: Finding) -> str:
    where = finding.where
    node = where.candidate_node or where.tensor or where.reference_node or "the model"
    operator = f"{where.op_type} " if where.op_type else ""
    head = f"{finding.code} {finding.cause} at {operator}{node!r}: "
    if finding.candidate_semantics and finding.reference_semantics:
        head += f"{finding.candidate_semantics}; the reference has "
        head += finding.reference_semantics
    else:
        head += finding.explanation.rstrip(".")
    if finding.proof is None:
        return head
    proof = finding.proof
    return (
        f"{head}. Tried on {counted(proof.n_samples, 'sample')}: {proof.edit}; this "
        f"removes {percent(proof.error_removed)} of the error"
    )
