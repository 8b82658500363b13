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

from harness.core.errors import BackendError, ComparisonError
from harness.core.results import Proof
from harness.diagnose.edits import edited

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from harness.core.protocols import Rerun, RerunError
    from harness.core.results import Finding, Severity
    from harness.diagnose.context import Context
    from harness.diagnose.edits import Edit
    from harness.diagnose.lead import Lead

# An edit that removes less than half of the error is a lead, not a cause.
PROVEN = 0.5
# An edit counts if without it this share of the first error comes back.
_NEEDED = 0.05


def settle(context: Context, leads: Sequence[Lead]) -> tuple[Finding, ...]:
    """Turn leads into findings: proven, unproven, or dropped as not needed.

    Args:
        context: The candidate; without a model or a rerun nothing is run.
        leads: The more specific causes first.

    Returns:
        Proven causes first, those that remove most before others, then in the order
        of the graph.
    """
    if context.model is None or context.rerun is None or not leads:
        return _ordered(leads, [_unproven(lead) for lead in leads])
    trials = Trials(context.model, context.rerun)
    before = trials.error([])
    runnable = [lead for lead in leads if lead.edit and trials.error([lead])]
    if before is None:
        runnable = []
    needed = _needed(trials, runnable, context.floor)
    kept = [lead for lead in leads if lead in needed or lead not in runnable]
    found = [
        _proven(trials, lead, needed) if lead in needed else _unproven(lead)
        for lead in kept
    ]
    return _ordered(kept, found)


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
            edits = [lead.edit for lead in leads if lead.edit is not None]
            self._known[key] = self._run(edits)
        return self._known[key]

    def _run(self, edits: Sequence[Edit]) -> RerunError | None:
        try:
            return self.rerun(edited(self.model, edits))
        except (BackendError, ComparisonError):
            # An edit may break shapes behind it: then it proves nothing.
            return None


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


def _proven(trials: Trials, lead: Lead, needed: Sequence[Lead]) -> Finding:
    before, alone = trials.error([]), trials.error([lead])
    if before is None or alone is None or lead.edit is None:
        return _unproven(lead)
    proof = prove(lead.edit.text, before, alone)
    joint = trials.error(needed)
    if proof.error_removed < PROVEN and joint is not None and len(needed) > 1:
        text = f"{lead.edit.text}, with the edits of {len(needed) - 1} other findings"
        together = prove(text, before, joint)
        proof = max(proof, together, key=lambda found: found.error_removed)
    severity: Severity = "error" if proof.error_removed >= PROVEN else "warning"
    return lead.settled(severity, proof)


def _unproven(lead: Lead) -> Finding:
    """A lead that is not run: an error only where it brings its own proof."""
    proven = lead.proof is not None and lead.proof.error_removed >= PROVEN
    return lead.settled("error" if proven else "warning", lead.proof)


def _ordered(leads: Sequence[Lead], found: Sequence[Finding]) -> tuple[Finding, ...]:
    def rank(pair: tuple[Lead, Finding]) -> tuple[bool, float, int, str]:
        lead, finding = pair
        removed = finding.proof.error_removed if finding.proof else 0.0
        return (finding.severity != "error", -round(removed, 3), lead.order, lead.code)

    pairs = sorted(zip(leads, found, strict=True), key=rank)
    return tuple(finding for _, finding in pairs)
