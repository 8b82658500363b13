"""Conditions: what was run, on what, with what, and what was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.report import waivers, words
from harness.report.states import state_of
from harness.report.text import count, digest, duration, number, one_line, size
from harness.report.view.cells import badge, name, num
from harness.report.view.page import Cell, Column, Facts, Part, Prose, Row, Table

if TYPE_CHECKING:
    from harness.core.results import QualityReport, VariantResult
    from harness.core.waivers import WaiverUse
    from harness.report.view.scope import Scope

_LABELS = {
    "started": "started",
    "seconds": "seconds taken",
    "python": "Python",
    "platform": "platform",
    "machine": "machine",
    "cpu_count": "CPUs",
    "cpu_flags": "CPU features that change numbers",
    "packages": "packages",
    "git_commit": "commit",
}
_NONE = "\u2013"
_MAX_TEXT = 600


def provenance_line(report: QualityReport) -> str:
    """The run in one muted line."""
    packages = report.provenance.get("packages")
    found = packages if isinstance(packages, Mapping) else {}
    version = found.get("model-quality-harness")
    commit = report.provenance.get("git_commit")
    parts = (
        _known("", report.provenance.get("started")),
        _known("commit ", None if commit is None else _short_commit(str(commit))),
        f"data {digest(report.golden.digest)}",
        _known("onnxruntime ", found.get("onnxruntime")),
        _known("model-quality-harness ", version),
    )
    return " \u00b7 ".join(part for part in parts if part)


def _known(what: str, value: object) -> str:
    return "" if value is None else f"{what}{one_line(str(value))}"


def _short_commit(commit: str) -> str:
    head, plus, dirty = commit.partition("+")
    return f"{head[:12]}{plus}{dirty}"


def conditions(scope: Scope) -> tuple[Part, ...]:
    """Models, data, runtimes, machine, notices, and what was not run and why."""
    report = scope.report
    parts: list[Part] = [_models(scope), _data(report)]
    if any(variant.runtime for variant in report.variants):
        parts.append(_runtimes(scope))
    parts.append(_environment(report))
    parts += _not_run(scope)
    if report.waivers:
        parts.append(_waivers(scope))
    if report.notices:
        items = tuple((str(k), _text(n)) for k, n in enumerate(report.notices, 1))
        parts.append(Facts("Notices", items))
    return tuple(parts)


def _models(scope: Scope) -> Table:
    return Table(
        caption="Models",
        kind="models",
        columns=(
            Column("variant"),
            Column("kind"),
            Column("status"),
            Column("file"),
            Column("size", "num"),
            Column("sha256"),
            Column("backend"),
            Column("batch", "num", "samples a call"),
            Column("time a sample", "num", "in the runtime"),
        ),
        rows=tuple(_model(scope, variant) for variant in scope.report.variants),
    )


def _model(scope: Scope, variant: VariantResult) -> Row:
    judged = variant.name != scope.report.suite.reference
    cells = (
        name(variant.name, 28, href=f"#{scope.ids[variant.name]}" if judged else ""),
        Cell(variant.kind),
        Cell(variant.status, note="" if judged else "reference"),
        name(variant.path, 40, kind="code"),
        num(size(variant.size_bytes)),
        name(variant.sha256 or _NONE, 15, kind="code"),
        name(variant.backend or _NONE, 20),
        num(count(variant.batch_size)),
        num(duration(variant.seconds_per_sample)),
    )
    return Row(cells)


def _data(report: QualityReport) -> Facts:
    golden = report.golden
    counts = golden.class_counts
    spread = "unknown: the data has no labels"
    if counts:
        least, most = count(min(counts)), count(max(counts))
        spread = least if least == most else f"{least} to {most}"
    return Facts(
        "Golden data",
        (
            ("samples", Cell(count(golden.n_samples))),
            ("classes", Cell(_classes(golden.class_names))),
            ("samples a class", Cell(spread)),
            ("data sha256", _text(golden.digest, "code")),
            ("preprocessing sha256", _text(golden.preprocess_digest, "code")),
            ("suite file", _text(report.suite.path, "code")),
            ("task", Cell(report.suite.task)),
        ),
    )


def _classes(names: tuple[str, ...] | None) -> str:
    return "none" if names is None else count(len(names))


def _text(text: str, kind: str = "") -> Cell:
    return name(text, _MAX_TEXT, kind=kind)


def _runtimes(scope: Scope) -> Table:
    """One column a fact, so that a variant that ran differently stands out."""
    ran = [variant for variant in scope.report.variants if variant.runtime]
    keys = sorted({key for variant in ran for key in variant.runtime})
    rows = tuple(
        Row((name(v.name, 28), *(_setting(v.runtime.get(key)) for key in keys)))
        for v in ran
    )
    labels = (Column(name(key, 30).text.replace("_", " ")) for key in keys)
    return Table("Runtimes", (Column("variant"), *labels), rows, kind="runtimes")


def _setting(value: object) -> Cell:
    if value is None:
        return Cell(_NONE)
    return name(_plain(value), 32)


def _plain(value: object) -> str:
    """A value of provenance in words."""
    if value is None:
        return "not known"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in sorted(value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value)) or "none"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return one_line(str(value))
    return number(value)


def _environment(report: QualityReport) -> Facts:
    found = report.provenance
    known = [key for key in _LABELS if key in found]
    keys = [*known, *sorted(key for key in found if key not in _LABELS)]
    items = tuple((_label(key), _text(_plain(found[key]))) for key in keys)
    return Facts("Machine and versions", items)


def _label(key: str) -> str:
    return _LABELS.get(key, name(key, 40).text.replace("_", " "))


def _waivers(scope: Scope) -> Table:
    """Every waiver of the suite, and what became of it."""
    return Table(
        caption="Waivers",
        kind="waivers",
        columns=tuple(
            map(Column, ("what", "state", "until", "who answers", "why", "line"))
        ),
        rows=tuple(_waiver(use) for use in scope.report.waivers),
    )


def _waiver(use: WaiverUse) -> Row:
    waiver = use.waiver
    stale = use.state in {"expired", "unused"}
    cells = (
        name(waivers.what(waiver), 48),
        Cell(use.state, badge=badge("failed") if stale else None),
        Cell(waiver.until),
        name(waiver.who, 32),
        _text(waiver.why),
        num(count(waiver.line)),
    )
    return Row(cells, kind="failed" if stale else "")


def _not_run(scope: Scope) -> list[Part]:
    lost = [
        variant
        for variant in scope.report.variants
        if variant.status not in ("ran", "replayed") or state_of(variant) == "not-run"
    ]
    if not lost:
        return [Prose("Every variant of the suite was run or replayed.", "empty")]
    items = tuple((name(v.name, 32).text, _text(words.reason(v))) for v in lost)
    return [Facts("Not run, and why", items)]
