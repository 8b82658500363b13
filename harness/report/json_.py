"""The record itself as JSON, and back: what every other renderer can start from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from harness.core.codec import from_json, to_json
from harness.core.errors import ReportError
from harness.core.files import write_text
from harness.core.findings import DriftReport
from harness.core.results import SCHEMA_VERSION, QualityReport

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.results import VariantResult

_Record = TypeVar("_Record")
_AGAIN = "write the report again with harness run --json"


def render_json(report: QualityReport) -> str:
    """The record as ASCII JSON, one newline at its end.

    Keys stand in the order of the record's fields; lists of plain values stand on one
    line, so that a matrix reads as its rows.

    Raises:
        ReportError: The record holds a value that JSON cannot.
    """
    try:
        record = to_json(report)
    except TypeError as error:
        raise ReportError(
            f"the report of suite {report.suite.name!r} {error}",
            hint="provenance and runtime facts are texts, numbers, lists and mappings",
        ) from error
    version = {"schema_version": record.pop("schema_version")}
    return f"{_lines({**version, **record}, indent=1)}\n"


def write_record(record: object, path: Path) -> None:
    """Write any other record as `render_json` writes reports.

    Raises:
        ReportError: The file cannot be written.
    """
    write_text(path, f"{_lines(to_json(record), indent=1)}\n")


def _lines(value: Any, indent: int) -> str:
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(items, list) or not any(
        isinstance(i, (dict, list)) for i in items
    ):
        return json.dumps(value, allow_nan=False)
    inner = [_lines(item, indent + 1) for item in items]
    if isinstance(value, dict):
        pairs = zip(value, inner, strict=True)
        inner = [f"{json.dumps(key)}: {item}" for key, item in pairs]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    gap = "\n" + " " * indent
    return f"{opening}{gap}{f',{gap}'.join(inner)}{gap[:-1]}{closing}"


def read_report(path: Path) -> QualityReport:
    """The record that `render_json` wrote.

    Raises:
        ReportError: The file is missing, is no JSON, was cut short, is of another
            schema version, or holds something else than a report.
    """
    report = _read(path, QualityReport, _record(path))
    _check_whole(path, report)
    return report


def read_saved(path: Path) -> QualityReport | DriftReport:
    """A report, or what ``harness diagnose`` wrote with ``--json``.

    Raises:
        ReportError: As of `read_report`.
    """
    record = _record(path)
    if "drifts" in record and "suite" not in record:
        return _read(path, DriftReport, record)
    return read_report(path)


def _record(path: Path) -> dict[str, Any]:
    record = _parse(path)
    if not isinstance(record, dict):
        raise ReportError(
            f"{path} holds a JSON {type(record).__name__}, not a report", hint=_AGAIN
        )
    return record


def _read(path: Path, kind: type[_Record], record: dict[str, Any]) -> _Record:
    _check_version(path, record.get("schema_version"))
    try:
        return from_json(kind, record)
    except ReportError as error:
        message = f"{path}: {error.message}"
        raise ReportError(message, hint=error.hint) from error


def _parse(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        raise ReportError(message, hint="name a file of harness run --json") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        message = f"{path} is not JSON, or was cut short: {error.msg} at {where}"
        raise ReportError(message, hint=_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} is not JSON: {error}", hint=_AGAIN) from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _check_version(path: Path, version: object) -> None:
    if version == SCHEMA_VERSION:
        return
    newer = isinstance(version, int) and version > SCHEMA_VERSION
    hint = "pip install --upgrade model-quality-harness" if newer else _AGAIN
    raise ReportError(
        f"{path} has schema_version {version!r}; this harness reads {SCHEMA_VERSION}",
        hint=hint,
    )


def _check_whole(path: Path, report: QualityReport) -> None:
    """Records refer to each other by name; an edited file may have lost one."""
    names = [variant.name for variant in report.variants]
    if len(set(names)) != len(names):
        raise ReportError(f"{path} names a variant twice: {names}", hint=_AGAIN)
    wanted = {report.suite.reference, *(f.variant for f in report.findings)}
    if lost := sorted(wanted.difference(names)):
        raise ReportError(
            f"{path} refers to variant {lost[0]!r}, which it does not hold", hint=_AGAIN
        )
    for variant in report.variants:
        _check_confusion(path, variant)
        _check_histograms(path, variant)


def _check_confusion(path: Path, variant: VariantResult) -> None:
    matrices = variant.labels.confusion if variant.labels else None
    if matrices is None:
        return
    n = len(matrices.classes)
    for rows in (matrices.reference, matrices.candidate):
        counts = [count for row in rows for count in row]
        if [len(row) for row in rows] != [n] * n or min(counts, default=0) < 0:
            raise ReportError(
                f"{path}: the confusion matrix of {variant.name!r} is not {n} by {n}"
                " counts",
                hint=_AGAIN,
            )


def _check_histograms(path: Path, variant: VariantResult) -> None:
    found = [tensor.histogram for tensor in variant.weights]
    for drawn in (*found, *(output.error_histogram for output in variant.outputs)):
        if drawn is None:
            continue
        fits = len(drawn.edges) == len(drawn.counts) + 1
        if not fits or min(drawn.counts, default=0) < 0:
            raise ReportError(
                f"{path}: a histogram of {variant.name!r} has {len(drawn.counts)}"
                f" counts between {len(drawn.edges)} edges",
                hint=_AGAIN,
            )
