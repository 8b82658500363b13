"""Judging before all samples were seen, without erring more often for it.

A check that is asked at several looks errs more often than one that is asked once. The
error rate that limits promise is therefore divided among the looks: whatever the looks
have to do with each other, their errors add up to no more than that (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.core.results import CHECK_NAMES, Check
from harness.gate.doubts import Seen, doubt
from harness.gate.verdict import verdict_of
from harness.gate.wording import counted, percent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.core.results import VariantResult
    from harness.core.specs import GateSpec

ASKED_OF_SAMPLES = frozenset(CHECK_NAMES[: CHECK_NAMES.index("baseline") + 1])
"""Checks whose answers more samples can change; files alone answer the others."""

_UNSEEN = ("finite_outputs", "outputs_close")
# What early looks spend of the error rate: little, so that a run that goes to its end
# judges as one that was never looked into.
_EARLY = 0.1
# Of all samples so many may break a rule that was not seen to be broken, and how sure
# that is to be.
_RARE = 0.001
_SURE = 0.999


@dataclass(frozen=True, slots=True)
class Look:
    """One look at what was seen so far.

    Attributes:
        seen: Samples seen.
        of: Samples in all.
        share: Of the error rates that limits promise, what this look may spend.
        doubt: Likewise of 1 - confidence, where limits ask for none.
    """

    seen: int
    of: int
    share: float = 1.0
    doubt: float = 1.0

    @property
    def whole(self) -> bool:
        """Whether nothing is left to be seen."""
        return self.seen >= self.of

    def limits(self, limits: GateSpec) -> GateSpec:
        """The limits with this look's share of their error rates.

        What was seen is no proof for the rest: before the end a pass takes a bound,
        with confidence 1 - alpha where the limits name none.
        """
        rate = limits.false_discoveries
        return replace(
            limits,
            alpha=limits.alpha * self.share,
            false_discoveries=None if rate is None else rate * self.share,
            confidence=self._confidence(limits),
        )

    def doubted(self, judged: VariantResult, limits: GateSpec) -> VariantResult:
        """A judged candidate, undecided where the samples to come may change it.

        Args:
            judged: By the limits of this look.
            limits: These.
        """
        if self.whole or not judged.checks:
            return judged
        given = {check.name: check for check in judged.checks}
        given |= {check.name: check for check in self._too_soon(judged)}
        checks = tuple(
            self._settled(given[name], judged, limits)
            for name in CHECK_NAMES
            if name in given
        )
        skipped = {k: v for k, v in judged.skipped_checks.items() if k not in given}
        verdict = verdict_of(checks)
        return replace(judged, checks=checks, skipped_checks=skipped, verdict=verdict)

    def _confidence(self, limits: GateSpec) -> float | None:
        if limits.confidence is not None:
            return 1 - (1 - limits.confidence) * self.share
        return None if self.whole else 1 - limits.alpha * self.doubt

    def _settled(self, check: Check, judged: VariantResult, limits: GateSpec) -> Check:
        if check.name not in ASKED_OF_SAMPLES:
            return check
        why: str | None = "more of them decide"
        if check.status in ("passed", "failed"):
            why = doubt(Seen(check, judged, limits, self.seen / self.of))
            if why is None and self._enough(check):
                return self._unbroken(check)
            why = why or f"it passes early from {needed(self.of):,} of them on"
        return _undecided(check, f"{self._told()}; {why}")

    def _unbroken(self, check: Check) -> Check:
        """With what is sure of the samples that were not seen, where that is all."""
        if check.status != "passed" or check.name not in _UNSEEN:
            return check
        told = (
            f"{check.message}; no violation in {self.seen:,} of"
            f" {counted(self.of, 'sample')}: at most {percent(_RARE)} can, with"
            f" {percent(_SURE)} confidence"
        )
        return replace(check, message=told)

    def _enough(self, check: Check) -> bool:
        """Whether what was not seen, or hardly, would have been seen by now."""
        frail = check.name in (*_UNSEEN, "task_metrics") and check.status == "passed"
        return not frail or self.seen >= needed(self.of)

    def _told(self) -> str:
        return f"{self.seen:,} of {counted(self.of, 'sample')} were seen"

    def _too_soon(self, judged: VariantResult) -> Iterable[Check]:
        """Slices that are too small to be judged, so far."""
        slices = judged.task.slices if judged.task else ()
        reason = judged.skipped_checks.get("per_slice")
        if slices and reason and all(one.unjudged is not None for one in slices):
            yield Check("per_slice", "undecided", None, None, reason)


@dataclass(frozen=True, slots=True)
class Spending:
    """How looks share the error rate among each other.

    Attributes:
        n_looks: As many as are planned.
    """

    n_looks: int

    def early(self, index: int, seen: int, of: int) -> Look:
        """A look after which there may be others; the planned last one has the rest.

        Args:
            index: Looks before it.
            seen: Samples seen.
            of: Samples in all.
        """
        if seen >= of:
            return self.last(index, seen, of)
        early = max(1, self.n_looks - 1)
        return Look(seen, of, _EARLY / early, 1 / self.n_looks)

    def last(self, index: int, seen: int, of: int) -> Look:
        """A look after which there is none, whatever it shows: it has what is left."""
        early = max(1, self.n_looks - 1)
        spent = min(index, early) * _EARLY / early
        return Look(seen, of, 1 - spent, max(1, self.n_looks - index) / self.n_looks)


def needed(of: int) -> int:
    """Samples without a violation from which on violations are surely rare.

    If more than 0.1 % of all samples broke a rule, d of them at least, then n of N
    that are drawn without replacement would show none with a probability of at most
    (1 - n / N)^d, which is 0.1 % here. The looks from there on share that one event,
    so that it needs no further division among them.
    """
    violators = math.floor(_RARE * of) + 1
    most_missed: float = (1 - _SURE) ** (1 / violators)
    return math.ceil(of * (1 - most_missed))


def is_decided(judged: VariantResult) -> bool:
    """Whether no sample can change an answer of this candidate any more."""
    asked = [check for check in judged.checks if check.name in ASKED_OF_SAMPLES]
    return all(check.status in ("passed", "failed") for check in asked)


def _undecided(check: Check, why: str) -> Check:
    return replace(
        check, status="undecided", message=f"{check.message}; {why}", parts=()
    )
