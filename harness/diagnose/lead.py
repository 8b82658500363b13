"""A finding on its way: not proven yet, with the edit that may prove it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from harness.core.results import Finding, Proof, Where

if TYPE_CHECKING:
    from harness.core.results import Severity
    from harness.diagnose.catalogue import Cause
    from harness.diagnose.context import Context
    from harness.diagnose.edits import Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead(Finding):
    """What a probe suspects.

    Attributes:
        edit: Removes the suspected fault from the candidate; None where it cannot be
            edited.
        order: Position of its node in the candidate, for sorting.
    """

    edit: Edit | None = None
    order: int = 0

    def settled(self, severity: Severity, proof: Proof | None) -> Finding:
        """The finding that it turned out to be."""
        known = {f.name: getattr(self, f.name) for f in fields(Finding)}
        return Finding(**{**known, "severity": severity, "proof": proof})


@dataclass(frozen=True, slots=True)
class Statement:
    """What a probe says of a difference.

    Attributes:
        explanation: One sentence with both values.
        reference: What the reference does.
        candidate: What the candidate does.
    """

    explanation: str
    reference: str
    candidate: str


def lead(
    context: Context,
    cause: Cause,
    where: Where,
    said: Statement,
    edit: Edit | None,
    order: int,
) -> Lead:
    """A lead on a cause, a warning until it is proven."""
    return Lead(
        code=cause.code,
        severity="warning",
        cause=cause.slug,
        variant=context.variant,
        where=where,
        explanation=said.explanation,
        reference_semantics=said.reference,
        candidate_semantics=said.candidate,
        hint=cause.hint,
        edit=edit,
        order=order,
    )
