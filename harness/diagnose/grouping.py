"""One mistake made at many nodes is one finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.diagnose.cause import Edit
from harness.diagnose.edits import together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.diagnose.cause import Suspect

_LISTED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """Suspects that are one mistake; becomes a finding.

    Attributes:
        members: In the candidate's order; the first one is told in full.
        edit: All their edits; None where one cannot be edited.
    """

    members: tuple[Suspect, ...]
    edit: Edit | None

    @property
    def first(self) -> Suspect:
        """The member that stands first."""
        return self.members[0]

    @property
    def rank(self) -> tuple[int, int, str]:
        """The more specific first, then in the order of the graph."""
        return self.first.cause.rank, self.first.order, self.first.cause.code

    @property
    def explanation(self) -> str:
        """The first member's, and where else."""
        others = [member.label for member in self.members[1:]]
        if not others:
            return self.first.said.explanation
        names = ", ".join(f"'{label}'" for label in others[:_LISTED])
        more = len(others) - _LISTED
        tail = f" and {more} more" if more > 0 else ""
        return f"{self.first.said.explanation}; likewise {names}{tail}"


def group(suspects: Iterable[Suspect]) -> list[Lead]:
    """Suspects of one cause and one group as one lead each, in order."""
    groups: list[list[Suspect]] = []
    for suspect in sorted(suspects, key=_certain):
        home = next((g for g in groups if _fits(g[0], suspect)), None)
        if home is None:
            groups.append([suspect])
        elif all(_place(m) != _place(suspect) for m in home):
            home.append(suspect)
    leads = [_lead(sorted(g, key=lambda s: s.order)) for g in groups]
    return sorted(leads, key=lambda lead: lead.rank)


def _certain(suspect: Suspect) -> tuple[int, int]:
    """Those that know what differs come before those that fit several."""
    vague = sum(item is None for item in suspect.group or ())
    return vague, suspect.order


def _place(suspect: Suspect) -> tuple[str, str | None]:
    return suspect.label, suspect.tensor


def _fits(mine: Suspect, other: Suspect) -> bool:
    if mine.cause is not other.cause:
        return False
    if mine.group is None or other.group is None:
        return _place(mine) == _place(other) and mine.group == other.group
    return len(mine.group) == len(other.group) and all(
        a == b or a is None or b is None
        for a, b in zip(mine.group, other.group, strict=True)
    )


def _lead(members: Sequence[Suspect]) -> Lead:
    # One that says what differs tells the others' story.
    telling = sorted(members, key=lambda s: None in (s.group or ()))
    ordered = (telling[0], *(m for m in members if m is not telling[0]))
    edits = [m.edit for m in ordered if m.edit is not None]
    if len(edits) < len(ordered):
        return Lead(ordered, None)
    text = edits[0].text
    if len(edits) > 1:
        text = f"{text}, and alike at {len(edits) - 1} more"
    return Lead(ordered, Edit(text, together([e.change for e in edits])))
