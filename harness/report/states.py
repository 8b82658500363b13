"""Verdicts in words: what became of a variant, and of the release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness.report import waivers
from harness.report.text import listing, one_line, quantity, shorten

if TYPE_CHECKING:
    from harness.core.results import QualityReport, VariantResult

State: TypeAlias = Literal["passed", "failed", "undecided", "error", "not-run"]

WORDS: dict[State, str] = {
    "passed": "passed",
    "failed": "FAILED",
    "undecided": "undecided",
    "error": "ERROR",
    "not-run": "not run",
}
_MAX_NAME = 32
_BROKEN = frozenset({"crashed", "timeout", "error"})


def state_of(variant: VariantResult) -> State:
    """What became of a candidate."""
    if variant.status == "skipped":
        return "not-run"
    if variant.status in _BROKEN:
        return "error"
    return variant.verdict or "undecided"


@dataclass(frozen=True, slots=True)
class Tally:
    """Candidates by what became of them, in the order of the suite."""

    failed: tuple[str, ...]
    error: tuple[str, ...]
    undecided: tuple[str, ...]
    passed: tuple[str, ...]
    not_run: tuple[str, ...]

    @property
    def total(self) -> int:
        """Candidates in all."""
        return self.n_run + len(self.not_run)

    @property
    def n_run(self) -> int:
        """Candidates of which anything can be said."""
        judged = (self.failed, self.error, self.undecided, self.passed)
        return sum(len(names) for names in judged)

    def words(self) -> str:
        """``1 failed, 3 passed, 1 not run``; what is zero is left out."""
        counts = (
            (self.failed, "failed"),
            (self.error, "could not be run"),
            (self.undecided, "undecided"),
            (self.passed, "passed"),
            (self.not_run, "not run"),
        )
        return ", ".join(f"{len(names)} {word}" for names, word in counts if names)


def tally(report: QualityReport) -> Tally:
    """Names of the candidates, by what became of them."""
    groups: dict[State, list[str]] = {state: [] for state in WORDS}
    for variant in report.candidates:
        name = shorten(one_line(variant.name), _MAX_NAME)
        groups[state_of(variant)].append(name)
    return Tally(
        failed=tuple(groups["failed"]),
        error=tuple(groups["error"]),
        undecided=tuple(groups["undecided"]),
        passed=tuple(groups["passed"]),
        not_run=tuple(groups["not-run"]),
    )


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict in one sentence: its first words, and the counts that carry it."""

    state: State
    lead: str
    counts: str

    def __str__(self) -> str:
        return f"{self.lead}: {self.counts}"


def headline(report: QualityReport) -> Headline:
    """The verdict over the release."""
    found = tally(report)
    state, lead, counts = _judgement(report, found)
    if unkept := waivers.counts(report):
        # Waivers that nobody keeps fail a run whose candidates may all have passed.
        state, lead, counts = "failed", "Not releasable", f"{counts}, but {unkept}"
    return Headline(state, lead, f"{counts}{_rest(found)}.")


def _judgement(report: QualityReport, found: Tally) -> tuple[State, str, str]:
    if found.failed:
        words = f"{_share(found.failed, found)} failed{_fit(found)}"
        return "failed", "Not releasable", words
    if found.error:
        words = f"{_share(found.error, found)} could not be run{_fit(found)}"
        return "error", "Not judged in full", words
    if not found.n_run:
        none = f"none of {quantity(found.total, 'candidate')} was run"
        return "not-run", "Nothing judged", none
    if found.undecided:
        share = _share(found.undecided, found)
        words = f"the data cannot decide {share}{_fit(found)}"
        if report.verdict == "failed":
            return "failed", "Not releasable", words
        return "undecided", "Undecided", words
    return "passed", "Releasable", _all_passed(found)


def _share(names: tuple[str, ...], found: Tally) -> str:
    if found.total == 1:
        return "the only candidate"
    return f"{len(names)} of {found.total} candidates"


def _all_passed(found: Tally) -> str:
    if found.not_run:
        return f"all {quantity(found.n_run, 'candidate')} that could be run passed"
    if found.total == 1:
        return "the only candidate passed"
    return f"all {quantity(found.total, 'candidate')} passed"


def _fit(found: Tally) -> str:
    if not found.passed:
        return ""
    verb = "is" if len(found.passed) == 1 else "are"
    return f"; {listing(found.passed)} {verb} fit"


def _rest(found: Tally) -> str:
    if not found.not_run or not found.n_run:
        return ""
    verb = "was" if len(found.not_run) == 1 else "were"
    return f"; {len(found.not_run)} {verb} not run"
