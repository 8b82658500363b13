"""A pull request's comment: the verdict, a short table, and details that open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.report import checks, evidence_text, tasks, waivers, words
from harness.report.states import WORDS, headline, state_of
from harness.report.text import (
    MISSING,
    number,
    one_line,
    percent,
    scientific,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.results import (
        ClassComparison,
        ErrorProfile,
        Finding,
        QualityReport,
        RunMatrix,
        TaskComparison,
        VariantResult,
    )

MAX_BYTES = 60_000
_SIGNS = {
    "passed": "\u2705",
    "failed": "\u274c",
    "undecided": "\u2754",
    "error": "\u26a0\ufe0f",
    "not-run": "\u2796",
}
_MAX_TEXT = 400
_MAX_NAME = 48
_MAX_CLASSES = 10
_MAX_ROWS = 50
_CUT = "\n\n_Cut here: the whole is in the HTML and JSON reports._\n"
# What Markdown or a forge could read as markup, a link, a mention or an issue.
_MARKUP = re.compile(r"[\\`*_{}\[\]#|~<>&$@]|:(?=//)|(?<=www)\.")


def render_markdown(report: QualityReport) -> str:
    """Markdown for a forge's comment, at most 60,000 bytes of UTF-8.

    Every text of models and data is written in character references, which Markdown
    never reads as markup.
    """
    text = "\n\n".join(_parts(report)) + "\n"
    if len(text.encode()) <= MAX_BYTES:
        return text
    return _cut(report)


def _cut(report: QualityReport) -> str:
    """As many whole parts as fit: a cut inside one could leave a tag open."""
    kept: list[str] = []
    room = MAX_BYTES - len(_CUT.encode())
    for part in _parts(report):
        room -= len(part.encode()) + 2
        if room < 0:
            break
        kept.append(part)
    return "\n\n".join(kept) + _CUT


def _parts(report: QualityReport) -> Iterator[str]:
    verdict = headline(report)
    sign = _SIGNS[verdict.state]
    yield f"### {sign} {verdict.lead}: {_plain(verdict.counts)}"
    context = f"{words.golden(report)}, {words.reference(report)}"
    yield f"{_code(report.suite.name)}: {_plain(context)}"
    yield from _tables(report)
    for variant in report.candidates:
        yield from _unmet(report, variant)
    yield from _waivers(report)
    for variant in report.candidates:
        yield from _details(variant)
    if report.notices:
        yield "\n".join(f"- {_plain(notice)}" for notice in report.notices)


def _tables(report: QualityReport) -> Iterator[str]:
    """The table of variants in pieces that stand alone when the rest is cut."""
    head = "| variant | kind | agree | accuracy | max error | verdict |"
    rule = "|---|---|--:|--:|--:|---|"
    rows = [_row(variant) for variant in report.candidates]
    for start in range(0, len(rows), _MAX_ROWS):
        yield "\n".join([head, rule, *rows[start : start + _MAX_ROWS]])


def _row(variant: VariantResult) -> str:
    labels = variant.labels
    state = state_of(variant)
    cells = (
        _code(variant.name),
        variant.kind,
        percent(labels.top1_agreement) if labels else MISSING,
        words.accuracy(labels) if labels else MISSING,
        scientific(words.max_error(variant)),
        f"{_SIGNS[state]} {WORDS[state]}",
    )
    return f"| {' | '.join(cells)} |"


def _unmet(report: QualityReport, variant: VariantResult) -> Iterator[str]:
    name = _code(variant.name)
    if variant.status not in ("ran", "replayed"):
        word = WORDS[state_of(variant)]
        yield f"**{word}** {name}: {_plain(words.reason(variant))}"
        return
    unmet = checks.unmet(variant)
    if not unmet:
        return
    lines = [f"**{WORDS[state_of(variant)]}** {name}", ""]
    lines += [
        f"- {WORDS[check.status]} {_code(check.name)}: {_plain(check.message)}"
        for check in unmet
    ]
    yield "\n".join(lines)
    found = [f for f in report.findings if f.variant == variant.name]
    if found:
        yield "\n".join(map(_finding, found))


def _waivers(report: QualityReport) -> Iterator[str]:
    """What is waived, and the waivers that fail the run."""
    lines = [
        f"- waived {_code(variant.name)} {_code(check)}: {_plain(line)}"
        for variant in report.candidates
        for check, line in waivers.waived(variant)
    ]
    unkept = waivers.stale(report)
    lines += [f"- {WORDS['failed']} waiver: {_plain(waivers.told(u))}" for u in unkept]
    if lines:
        yield "\n".join(["**Waivers**", "", *lines])


def _finding(finding: Finding) -> str:
    lines = [f"- {_code(finding.code)} {_plain(words.told(finding))}"]
    if finding.proof:
        lines.append(f"  {_plain(words.proof(finding.proof))}.")
    if finding.hint:
        lines.append(f"  Next: {_plain(finding.hint)}")
    return "  \n".join(lines)


def _details(variant: VariantResult) -> Iterator[str]:
    """The metrics of its task, its slices, and the worst classes that lose any."""
    if variant.task is not None and variant.labels is None:
        yield from _metrics(variant, variant.task)
    if variant.task is not None and variant.task.slices:
        yield from _slices(variant, variant.task)
    yield from _classes(variant)
    if variant.profile is not None:
        yield from _profile(variant, variant.profile)
    if variant.matrix is not None:
        yield _matrix(variant, variant.matrix)


def _profile(variant: VariantResult, profile: ErrorProfile) -> Iterator[str]:
    rows = evidence_text.profile_rows(profile, _MAX_CLASSES)
    if rows:
        title = f"{_code(variant.name)}, {_plain(evidence_text.profile_title(profile))}"
        yield _opening(title, _table(evidence_text.PROFILE_HEADER, rows))


def _matrix(variant: VariantResult, matrix: RunMatrix) -> str:
    title = f"{_code(variant.name)} {_plain(evidence_text.matrix_title(matrix))}"
    rows = evidence_text.matrix_rows(matrix)[:_MAX_ROWS]
    return _opening(title, _table(evidence_text.MATRIX_HEADER, rows))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A name first, numbers between, words at the end; marks stand out."""
    rule = ["---", *["--:"] * (len(header) - 2), "---"]
    lines = [header, rule, *(_cells(row) for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _cells(row: Sequence[str]) -> list[str]:
    said = _plain(row[-1])
    marked = row[-1] in (evidence_text.FIRST, evidence_text.PARTS)
    return [_code(row[0]), *row[1:-1], f"**{said}**" if marked else said]


def _metrics(variant: VariantResult, task: TaskComparison) -> Iterator[str]:
    lines = [
        "| metric | before | after | interval | verdict |",
        "|---|--:|--:|--:|---|",
    ]
    for metric in task.metrics[:_MAX_CLASSES]:
        cells = (
            _plain(tasks.metric_label(metric.name)),
            number(metric.reference),
            number(metric.candidate),
            tasks.interval(metric),
            metric.verdict if metric.verdict != "undecided" else MISSING,
        )
        lines.append(f"| {' | '.join(cells)} |")
    title = f"Metrics of {_code(variant.name)}"
    yield _opening(title, lines)


def _slices(variant: VariantResult, task: TaskComparison) -> Iterator[str]:
    lines = ["| slice | n | metric | before | after | verdict |"]
    lines.append("|---|--:|---|--:|--:|---|")
    ranked = tasks.worst_first(task.slices)
    for part in ranked[:_MAX_CLASSES]:
        first = part.metrics[0] if part.metrics else None
        cells = (
            _code(part.name),
            str(part.n),
            _plain(tasks.metric_label(first.name)) if first else MISSING,
            number(first.reference) if first else MISSING,
            number(first.candidate) if first else MISSING,
            _plain(part.unjudged or part.verdict),
        )
        lines.append(f"| {' | '.join(cells)} |")
    hidden = len(ranked) - _MAX_CLASSES
    more = f"\n\n{hidden} more slices." if hidden > 0 else ""
    yield _opening(f"Slices of {_code(variant.name)}: {len(ranked)}", lines, more)


def _opening(title: str, lines: list[str], more: str = "") -> str:
    """A table that opens under its title."""
    table = "\n".join(lines)
    return f"<details><summary>{title}</summary>\n\n{table}{more}\n\n</details>"


def _classes(variant: VariantResult) -> Iterator[str]:
    """The worst classes of a variant that loses any."""
    rows = variant.labels.per_class if variant.labels else ()
    losing = sorted((row for row in rows if row.n_regressed), key=_badness)
    if not losing:
        return
    head = "| class | n | before | after | lost | won | verdict |"
    lines = [head, "|---|--:|--:|--:|--:|--:|---|"]
    lines += [_class(row) for row in losing[:_MAX_CLASSES]]
    hidden = len(losing) - _MAX_CLASSES
    more = f"\n\n{hidden} more classes lose samples." if hidden > 0 else ""
    title = f"Classes that lose samples in {_code(variant.name)}: {len(losing)}"
    yield _opening(title, lines, more)


def _badness(row: ClassComparison) -> tuple[bool, float]:
    loss = (row.recall_reference or 0.0) - (row.recall or 0.0)
    return row.verdict != "fail", -loss


def _class(row: ClassComparison) -> str:
    cells = (
        _code(row.class_name),
        str(row.n),
        percent(row.recall_reference),
        percent(row.recall),
        str(row.n_regressed),
        str(row.n_improved),
        row.verdict,
    )
    return f"| {' | '.join(cells)} |"


def _code(name: str) -> str:
    """A name in code type, where forges look for no mentions."""
    return f"<code>{_escape(shorten(one_line(name), _MAX_NAME))}</code>"


def _plain(text: str) -> str:
    """A message, kept from naming a person or an issue: forges look after parsing."""
    shown = shorten(one_line(text), _MAX_TEXT)
    return _escape(re.sub("([@#])", "\\1\u200b", shown))


def _escape(text: str) -> str:
    return _MARKUP.sub(lambda found: f"&#{ord(found.group())};", text)
