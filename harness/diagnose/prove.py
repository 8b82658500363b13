"""Proof by counterfactual: edit the candidate, run it again, see what error is left.

All suspected edits are applied together first. Whatever is not needed for what they
achieve together is dropped: two names for one fault leave one, the more specific.
What stays is measured alone, and with the others where several faults hide each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from sys import float_info
from typing import TYPE_CHECKING

from harness.comparison import distance
from harness.core.errors import BackendError, ComparisonError
from harness.core.results import Finding, Proof, Where
from harness.diagnose.edits import edited

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from harness.core.protocols import Rerun, RerunError
    from harness.core.results import Severity
    from harness.diagnose.edits import Change
    from harness.diagnose.grouping import Lead
    from harness.diagnose.question import DriftQuestion

# An edit that removes less than half of the error is a lead, not a cause.
PROVEN = 0.5
# An edit counts if without it this share of the first error comes back.
_NEEDED = 0.05
# Each lead costs two runs of the whole candidate; so many faults at once are a lot.
_MOST_TRIED = 16


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What became of all leads.

    Attributes:
        findings: Proven causes first, those that remove most before others, then in
            the order of the graph.
        proven: Leads whose edits were proven, in the same order.
        joint: Error left by all of them together; None where nothing was run.
    """

    findings: tuple[Finding, ...]
    proven: tuple[Lead, ...] = ()
    joint: RerunError | None = None


def settle(
    question: DriftQuestion,
    model: onnx.ModelProto | None,
    leads: Sequence[Lead],
    floor: float,
) -> Verdict:
    """Turn leads into findings: proven, unproven, or dropped as not needed.

    Args:
        question: Who asks, and how an edited candidate is run.
        model: The candidate; None runs nothing.
        leads: The more specific causes first.
        floor: Largest difference of outputs that is no drift.
    """
    if model is None or question.rerun is None or not leads:
        found = [_unproven(question, lead) for lead in leads]
        return Verdict(_ordered(leads, found))
    trials = Trials(model, question.rerun)
    tried = leads[:_MOST_TRIED]
    runnable = [lead for lead in tried if lead.edit and trials.error([lead])]
    if trials.error([]) is None:
        runnable = []
    needed = _needed(trials, runnable, floor)
    joint = trials.error(needed)
    explained = joint is not None and joint.max_abs_error <= floor
    untold = () if explained else [lead for lead in leads if lead not in runnable]
    kept = [lead for lead in leads if lead in needed or lead in untold]
    found = [_judged(question, trials, lead, needed) for lead in kept]
    sure = tuple(
        lead
        for lead, finding in zip(kept, found, strict=True)
        if lead in needed and finding.severity == "error"
    )
    return Verdict(_ordered(kept, found), sure, trials.error(sure) if sure else None)


def prove(edit: str, before: RerunError, after: RerunError) -> Proof:
    """What an edit removed: ``1 - sum |c' - r| / sum |c - r|``."""
    removed = 0.0
    if isfinite(before.sum_abs_error) and before.sum_abs_error:
        removed = 1 - _finite(after.sum_abs_error) / before.sum_abs_error
    elif not isfinite(before.sum_abs_error) and isfinite(after.sum_abs_error):
        removed = 1.0
    return Proof(
        edit=edit,
        error_before=_finite(before.max_abs_error),
        error_after=_finite(after.max_abs_error),
        error_removed=removed,
        n_samples=after.n_samples,
        n_flipped_before=before.n_flipped,
        n_flipped_after=after.n_flipped,
    )


def _finite(error: float) -> float:
    """The error, at most the largest float: JSON has no infinity."""
    return min(error, float_info.max)


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Runs of the candidate under sets of edits; each set is run once.

    Attributes:
        model: The candidate as it is.
        rerun: Runs it.
    """

    model: onnx.ModelProto
    rerun: Rerun
    _known: dict[tuple[int, ...], RerunError | None] = field(default_factory=dict)

    def error(self, leads: Sequence[Lead]) -> RerunError | None:
        """Error left by these leads' edits; None where the edited model fails."""
        key = tuple(id(lead) for lead in leads)
        if key not in self._known:
            edits = [lead.edit.change for lead in leads if lead.edit is not None]
            self._known[key] = self._run(edits)
        return self._known[key]

    def _run(self, changes: Sequence[Change]) -> RerunError | None:
        try:
            return self.rerun(self._written(changes))
        except (BackendError, ComparisonError, KeyError):
            # An edit may break shapes behind it: then it proves nothing.
            return None

    def _written(self, changes: Sequence[Change]) -> bytes:
        """The edited model's bytes alone: the copy is freed before it is run."""
        return bytes(edited(self.model, changes).SerializeToString())


def _needed(trials: Trials, leads: Sequence[Lead], floor: float) -> list[Lead]:
    """Leads without which the joint edit does worse, the least specific tried first."""
    before, joint = trials.error([]), trials.error(leads)
    if before is None or joint is None:
        return list(leads)
    slack = _NEEDED * before.sum_abs_error
    kept = list(leads)
    for lead in reversed(leads):
        without = [other for other in kept if other is not lead]
        trial = trials.error(without)
        if trial is None:
            continue
        spare = trial.sum_abs_error <= joint.sum_abs_error + slack
        if joint.max_abs_error <= floor:
            spare = trial.max_abs_error <= floor
        if spare:
            kept, joint = without, trial
    return kept


def _judged(
    question: DriftQuestion, trials: Trials, lead: Lead, needed: Sequence[Lead]
) -> Finding:
    before, alone = trials.error([]), trials.error([lead])
    if lead not in needed or before is None or alone is None or lead.edit is None:
        return _unproven(question, lead)
    proof = prove(lead.edit.text, before, alone)
    joint = trials.error(needed)
    if proof.error_removed < PROVEN and joint is not None and len(needed) > 1:
        text = f"{lead.edit.text}, with the edits of {len(needed) - 1} other findings"
        together = prove(text, before, joint)
        proof = max(proof, together, key=lambda found: found.error_removed)
    severity: Severity = "error" if proof.error_removed >= PROVEN else "warning"
    return _finding(question, lead, severity, proof)


def _unproven(question: DriftQuestion, lead: Lead) -> Finding:
    """A lead that is not run: an error only where it brings its own proof."""
    explained = lead.first.explained
    if explained is None:
        return _finding(question, lead, "warning", None)
    before, after = (
        distance(question.reference_outputs, outputs, question.class_names)
        for outputs in (question.candidate_outputs, explained)
    )
    proof = prove(lead.edit.text if lead.edit else "reorder", before, after)
    proven = proof.error_removed >= PROVEN
    return _finding(question, lead, "error" if proven else "warning", proof)


def _finding(
    question: DriftQuestion, lead: Lead, severity: Severity, proof: Proof | None
) -> Finding:
    first = lead.first
    node, twin = first.node, first.partner
    ours, theirs = question.reference_nodes, question.candidate_nodes
    return Finding(
        code=first.cause.code,
        severity=severity,
        cause=first.cause.slug,
        variant=question.variant,
        where=Where(
            candidate_node=theirs.get(node.label, node.label) if node else None,
            reference_node=ours.get(twin.label, twin.label) if twin else None,
            op_type=node.op_type if node else None,
            tensor=first.tensor,
        ),
        explanation=lead.explanation,
        reference_semantics=first.said.reference,
        candidate_semantics=first.said.candidate,
        hint=first.cause.hint,
        proof=proof,
    )


def _ordered(leads: Sequence[Lead], found: Sequence[Finding]) -> tuple[Finding, ...]:
    def rank(pair: tuple[Lead, Finding]) -> tuple[bool, float, int, str]:
        lead, finding = pair
        removed = finding.proof.error_removed if finding.proof else 0.0
        return finding.severity != "error", -round(removed, 3), *lead.rank[1:]

    pairs = sorted(zip(leads, found, strict=True), key=rank)
    return tuple(finding for _, finding in pairs)
