"""What is new, fixed or worse between two runs, from their records alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness.report import checks
from harness.report.text import (
    decibel,
    one_line,
    percent,
    quantity,
    scientific,
    shorten,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.core.results import QualityReport, VariantResult

Word: TypeAlias = Literal["new", "worse", "fixed", "better", "changed"]

WORDS: tuple[Word, ...] = ("new", "worse", "fixed", "better", "changed")
_RANK = {"passed": 0, "undecided": 1, "error": 2, "failed": 3}
# Where a number moved by less than this share, another machine's last bits did it.
_SAME = 0.01
_MOST_LINES = 6


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two runs.

    Attributes:
        word: new (trouble that was not there), worse, fixed, better, or changed
            (neither good nor bad: another model file, other golden data).
        variant: Name of the variant; empty for the run as a whole.
        text: What, from what to what.
    """

    word: Word
    variant: str
    text: str


def changes(before: QualityReport, after: QualityReport) -> tuple[Change, ...]:
    """Differences, trouble first; empty where the two runs say the same.

    Args:
        before: The earlier run.
        after: The later run, of the same suite or of another.
    """
    found = [*_whole(before, after)]
    then = {variant.name: variant for variant in before.variants}
    for variant in after.variants:
        found += _variant(then.pop(variant.name, None), variant)
    for gone in then.values():
        found.append(Change("changed", gone.name, "is not in the later run"))
    found += _findings(before, after)
    return tuple(sorted(found, key=lambda change: WORDS.index(change.word)))


def render_changes(before: QualityReport, after: QualityReport, width: int = 80) -> str:
    """The differences as plain text: a word, a variant, and what.

    Args:
        before: The earlier run.
        after: The later run.
        width: Columns to stay within.
    """
    found = changes(before, after)
    if not found:
        return "no difference\n"
    lines: list[str] = []
    for change in found:
        whose = f"{one_line(change.variant)}: " if change.variant else ""
        text = shorten(f"{whose}{one_line(change.text)}", _MOST_LINES * width)
        lines += wrap(text, width, f"{change.word:8}", " " * 8)
    counts = [
        f"{quantity(n, word, word)}"
        for word in WORDS
        if (n := sum(change.word == word for change in found))
    ]
    return "\n".join([*lines, "", ", ".join(counts)]) + "\n"


def troubled(found: tuple[Change, ...]) -> bool:
    """Whether anything is new or worse."""
    return any(change.word in ("new", "worse") for change in found)


def _whole(before: QualityReport, after: QualityReport) -> Iterator[Change]:
    if before.verdict != after.verdict:
        worse = _RANK[after.verdict] > _RANK[before.verdict]
        text = f"verdict {before.verdict} -> {after.verdict}"
        yield Change("worse" if worse else "better", "", text)
    if before.golden.digest != after.golden.digest:
        counts = [quantity(r.golden.n_samples, "sample") for r in (before, after)]
        yield Change("changed", "", f"golden data: {counts[0]} -> {counts[1]}")
    if before.golden.preprocess_digest != after.golden.preprocess_digest:
        yield Change("changed", "", "preprocessing is declared otherwise")


def _variant(then: VariantResult | None, now: VariantResult) -> Iterator[Change]:
    if then is None:
        yield Change("changed", now.name, "is new in the later run")
        return
    if then.sha256 != now.sha256:
        yield Change("changed", now.name, "its model file is another one")
    if then.status != now.status:
        ran = now.status in ("ran", "replayed")
        text = f"{then.status} -> {now.status}"
        yield Change("fixed" if ran else "worse", now.name, text)
    yield from _checks(then, now)
    yield from _numbers(then, now)


def _checks(then: VariantResult, now: VariantResult) -> Iterator[Change]:
    before = {check.name: check for check in then.checks}
    for check in now.checks:
        was = before.get(check.name)
        rank = _RANK["passed"] if was is None else _RANK[was.status]
        label = checks.label(check.name)
        if _RANK[check.status] > rank:
            word: Word = "worse" if was and was.status != "passed" else "new"
            yield Change(word, now.name, f"{label} {check.status}: {check.message}")
        elif _RANK[check.status] < rank:
            passed = check.status == "passed"
            text = f"{label} {was.status if was else ''} -> {check.status}"
            yield Change("fixed" if passed else "better", now.name, text)


def _numbers(then: VariantResult, now: VariantResult) -> Iterator[Change]:
    if then.labels is not None and now.labels is not None:
        pairs = (
            ("accuracy", then.labels.accuracy, now.labels.accuracy),
            ("agreement", then.labels.top1_agreement, now.labels.top1_agreement),
        )
        for name, old, new in pairs:
            yield from _moved(now.name, name, (old, new), percent, up=True)
    before = {output.name: output for output in then.outputs}
    for output in now.outputs:
        if was := before.get(output.name):
            name = f"largest error of {output.name!r}"
            pair = (was.max_abs_error, output.max_abs_error)
            yield from _moved(now.name, name, pair, scientific, up=False)
            name = f"signal to noise of {output.name!r}"
            decibels = (was.sqnr_db, output.sqnr_db)
            yield from _moved(now.name, name, decibels, decibel, up=True)


def _moved(
    variant: str,
    name: str,
    pair: tuple[float | None, float | None],
    shown: Callable[[float | None], str],
    *,
    up: bool,
) -> Iterator[Change]:
    old, new = pair
    if old is None or new is None or shown(old) == shown(new):
        return
    if abs(new - old) <= _SAME * max(abs(old), abs(new)) and shown is not percent:
        return
    word: Word = "better" if (new > old) is up else "worse"
    yield Change(word, variant, f"{name} {shown(old)} -> {shown(new)}")


def _findings(before: QualityReport, after: QualityReport) -> Iterator[Change]:
    def keyed(report: QualityReport) -> dict[tuple[str, ...], str]:
        return {
            (f.variant, f.code, str(f.where.candidate_node)): f.explanation
            for f in report.findings
        }

    then, now = keyed(before), keyed(after)
    for key in sorted(now.keys() - then.keys()):
        yield Change("new", key[0], f"{key[1]} at {key[2]}: {now[key]}")
    for key in sorted(then.keys() - now.keys()):
        yield Change("fixed", key[0], f"{key[1]} at {key[2]}")
