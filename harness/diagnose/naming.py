"""Ranks suspects by what their edits remove, and keeps those that explain an error."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from harness.diagnose.probes import probes
from harness.diagnose.transplant import CAUSE as UNKNOWN
from harness.diagnose.transplant import transplant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.diagnose.case import Case
    from harness.diagnose.cause import CauseProbe, Edit, Scope, Suspect
    from harness.diagnose.forcing import Apart

# An edit that leaves more than half of a segment's error does not explain it.
EXPLAINS = 0.5
# Edits that leave as much as this more than the best, over the first error, are equals.
_EQUAL = 0.02
_MOST_FAULTS = 4
_CLEARLY = 2.0


def suspects_of(case: Case, scope: Scope = "segment") -> list[Suspect]:
    """What all probes that apply suspect in a case."""
    asked = (probe for probe in probes() if _applies(probe, case, scope))
    return [suspect for probe in asked for suspect in probe.run(case)]


def _applies(probe: CauseProbe, case: Case, scope: Scope) -> bool:
    needs = probe.needs
    if needs.scope != scope:
        return False
    if case.segment is None:
        return True
    if needs.evidence and case.evidence is None:
        return False
    if not needs.ops:
        return True
    nodes = (*case.segment.candidate, *case.segment.reference)
    return any(node.op_type in needs.ops for node in nodes)


def explain(case: Case) -> list[Suspect]:
    """The suspects whose edits explain a segment's error, several if it takes them.

    Without evidence all are handed on, for the whole candidate to decide.
    """
    suspects = sorted(suspects_of(case), key=_rank)
    if case.error is None:
        return suspects
    chosen: list[Suspect] = []
    left = case.error
    for _ in range(_MOST_FAULTS):
        if not left.beyond(case.floor):
            break
        best = _best(case, [s for s in suspects if s not in chosen], chosen, left)
        if best is None:
            chosen += _place_alone(case, left)
            break
        chosen.append(best[0])
        left = best[1]
    if any(suspect.cause is not UNKNOWN for suspect in chosen):
        return chosen
    return [*_untried(case, suspects), *chosen]


def _best(
    case: Case, suspects: Sequence[Suspect], chosen: Sequence[Suspect], before: Apart
) -> tuple[Suspect, Apart] | None:
    """The suspect that leaves least, the most specific of equals."""
    tried = [
        (suspect, left)
        for suspect in suspects
        if suspect.edit is not None
        and (left := case.left_after(*_edits(chosen), suspect.edit)) is not None
    ]
    useful = [(s, a) for s, a in tried if _left(a, before) <= 1 - EXPLAINS]
    if not useful:
        return None
    least = min(_left(left, before) for _, left in useful)
    done = [(s, a) for s, a in useful if not a.beyond(case.floor)]
    equal = done or [(s, a) for s, a in useful if _left(a, before) <= least + _EQUAL]
    return min(equal, key=lambda pair: _rank(pair[0]))


def _left(after: Apart, before: Apart) -> float:
    """Share of an error that is left."""
    if not isfinite(before.relative):
        return 0.0 if isfinite(after.relative) else 1.0
    if before.relative:
        return after.relative / before.relative
    return after.peak / before.peak if before.peak else 1.0


def _edits(chosen: Iterable[Suspect]) -> Iterator[Edit]:
    return (s.edit for s in chosen if s.edit is not None)


def _place_alone(case: Case, left: Apart) -> list[Suspect]:
    """Where, if nothing says why; silent on what is hardly more than rounding."""
    if not left.beyond(case.floor.times(_CLEARLY)):
        return []
    found = transplant(case)
    if found is None or found.edit is None:
        return [] if found is None else [found]
    after = case.left_after(found.edit)
    return [found] if after is None or _left(after, left) <= 1 - EXPLAINS else []


def _untried(case: Case, suspects: Iterable[Suspect]) -> list[Suspect]:
    """Suspects whose edit the segment alone could not try."""
    return [s for s in suspects if s.edit is None or case.left_after(s.edit) is None]


def _rank(suspect: Suspect) -> tuple[int, int, str]:
    return suspect.cause.rank, suspect.order, suspect.cause.code
