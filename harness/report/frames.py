"""The record as pandas frames, one table a kind of row: for notebooks and databases."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from harness.core.codec import to_json
from harness.core.errors import MissingDependencyError, ReportError
from harness.core.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

    from harness.core.results import QualityReport

FORMATS = ("csv", "parquet")
# What a column of a table can hold; lists and tables of their own are left to JSON.
_PLAIN = (str, int, float, bool, type(None))


def report_frames(report: QualityReport) -> dict[str, pd.DataFrame]:
    """Tables by name: variants, checks, outputs, classes, weights, drift, findings.

    Every row names its suite and variant; columns are the fields of the records that
    hold a plain value. Tables without rows are left out.
    """
    import pandas as pd

    tables = {name: list(rows) for name, rows in _tables(report).items()}
    return {name: pd.DataFrame(rows) for name, rows in tables.items() if rows}


def write_frames(
    report: QualityReport, folder: Path, format_: str = "csv"
) -> list[Path]:
    """Write each table into a folder.

    Raises:
        ReportError: There is no such format, or a file cannot be written.
        MissingDependencyError: Parquet needs pyarrow.
    """
    if format_ not in FORMATS:
        raise ReportError(f"no table format {format_!r}", hint="use csv or parquet")
    written = []
    for name, frame in report_frames(report).items():
        file = folder / f"{name}.{format_}"
        with replacing(file) as stream:
            _write(frame, stream, format_)
        written.append(file)
    return written


def _write(frame: pd.DataFrame, stream: IO[bytes], format_: str) -> None:
    if format_ == "csv":
        stream.write(frame.to_csv(index=False).encode())
        return
    try:
        frame.to_parquet(stream, index=False)
    except ImportError as error:
        raise MissingDependencyError(
            "Parquet files need pyarrow, which is not installed",
            hint="pip install pyarrow, or write csv",
        ) from error


def _tables(report: QualityReport) -> dict[str, Iterable[dict[str, Any]]]:
    every = report.variants
    return {
        "variants": [_row(report, variant.name, variant) for variant in every],
        "checks": [_row(report, v.name, c) for v in every for c in v.checks],
        "outputs": [_row(report, v.name, o) for v in every for o in v.outputs],
        "classes": [
            _row(report, v.name, one)
            for v in every
            for one in (v.labels.per_class if v.labels else ())
        ],
        "weights": [_row(report, v.name, w) for v in every for w in v.weights],
        "drift": [
            _row(report, v.name, d)
            for v in every
            for d in (v.weight_drift.drift if v.weight_drift else ())
        ],
        "findings": [_row(report, f.variant, f) for f in report.findings],
    }


def _row(report: QualityReport, variant: str, record: object) -> dict[str, Any]:
    values = to_json(record)
    plain = {key: item for key, item in values.items() if isinstance(item, _PLAIN)}
    # A record's own name must not hide whose it is.
    return {"suite": report.suite.name, "variant": variant, **_renamed(plain)}


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    taken = {"suite", "variant"}
    return {(f"{k}_name" if k in taken else k): v for k, v in values.items()}
