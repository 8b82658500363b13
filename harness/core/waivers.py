"""Failures that somebody answers for, for a while: frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WaiverState = Literal["used", "unused", "expired", "not judged"]


@dataclass(frozen=True, slots=True)
class Waiver:
    """One entry of ``waivers.toml``.

    Attributes:
        variant: Name of the variant that may fail.
        check: Name of the check that it may fail.
        part: What of the check: a class, an output, a tensor, a metric, a finding's
            code ("PAD001") or code and node ("PAD001@conv2"); None is all of it.
        why: The reason, for readers of the report.
        who: Who answers for it.
        until: The last day on which it holds, ISO 8601.
        line: Line of the file that declares it, from 1.
    """

    variant: str
    check: str
    why: str
    who: str
    until: str
    part: str | None = None
    line: int = 1

    def covers(self, part: str) -> bool:
        """Whether it speaks of this part of its check."""
        return self.part in (None, part, part.partition("@")[0])


@dataclass(frozen=True, slots=True)
class WaiverUse:
    """What became of a waiver in a run.

    Attributes:
        waiver: As it was declared.
        state: used; unused (what it waives did not fail); expired; not judged (the
            variant did not run, or the check was not asked).
    """

    waiver: Waiver
    state: WaiverState
