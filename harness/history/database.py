"""The history file: SQLite, one transaction a run, safe with other writers.

A write-ahead log lets readers and a writer work beside each other; writers wait for
each other. What was committed survives a killed process, and what was not leaves no
trace: the next one that opens the file rolls the log forward.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from harness.core.errors import ReportError
from harness.core.trends import RunFacts
from harness.history.connection import connect, told, transaction
from harness.history.facts import run_facts, variant_facts
from harness.history.metrics import measure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from harness.core.results import QualityReport, Verdict
    from harness.core.specs import Kind

_RUN = "id, started, verdict, accepted"


@dataclass(frozen=True, slots=True)
class StoredVariant:
    """One variant of a stored run.

    Attributes:
        kind: As in the suite.
        facts: What it was made of, see `harness.history.facts`.
        metrics: Name -> value.
    """

    kind: Kind
    facts: Mapping[str, str]
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One stored run; its variants by name, in the order of the suite."""

    run: RunFacts
    facts: Mapping[str, str]
    variants: Mapping[str, StoredVariant]


class History:
    """A history file, opened; use it in a ``with`` block.

    Args:
        path: The file.
        create: Whether a missing file is made, with its folder.

    Raises:
        ReportError: The file is missing, is no history, is of a newer version, or
            cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._path = path
        self._connection = connect(path, create=create)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def add(self, report: QualityReport) -> int:
        """Keep what a run found; whole or, on an error, not at all.

        Returns:
            The run's number.

        Raises:
            ReportError: The file cannot be written.
        """
        started = report.provenance.get("started")
        when = started if isinstance(started, str) else _now()
        facts = _json(run_facts(report))
        head = (report.suite.name, when, report.verdict, report.suite.reference)
        with told(self._path), transaction(self._connection):
            cursor = self._connection.execute(
                "INSERT INTO runs (suite, started, verdict, reference, facts)"
                " VALUES (?, ?, ?, ?, ?)",
                (*map(_text, head), facts),
            )
            run = int(cursor.lastrowid or 0)
            self._add_variants(run, report)
        return run

    def suites(self) -> tuple[str, ...]:
        """Names of the suites that have runs here, sorted.

        Raises:
            ReportError: The file cannot be read.
        """
        with told(self._path):
            rows = self._connection.execute("SELECT DISTINCT suite FROM runs")
            return tuple(sorted(name for (name,) in rows))

    def runs(self, suite: str, last: int) -> tuple[StoredRun, ...]:
        """The last runs of a suite, earliest first.

        Raises:
            ReportError: The file cannot be read.
        """
        with told(self._path), transaction(self._connection, "DEFERRED"):
            rows = self._connection.execute(
                f"SELECT {_RUN}, facts FROM runs WHERE suite = ?"  # noqa: S608 (ours)
                " ORDER BY started DESC, id DESC LIMIT ?",
                (_text(suite), last),
            ).fetchall()
            return tuple(map(self._stored, reversed(rows)))

    def accepted(self, suite: str) -> StoredRun | None:
        """The run of a suite that was accepted last; None where none was.

        Raises:
            ReportError: The file cannot be read.
        """
        with told(self._path), transaction(self._connection, "DEFERRED"):
            row = self._connection.execute(
                f"SELECT {_RUN}, facts FROM runs"  # noqa: S608 (ours)
                " WHERE suite = ? AND accepted IS NOT NULL"
                " ORDER BY accepted DESC, id DESC LIMIT 1",
                (_text(suite),),
            ).fetchone()
            return None if row is None else self._stored(row)

    def accept(self, suite: str, run: int | None = None) -> RunFacts:
        """Mark a run as the one that later ones are held against.

        Args:
            suite: Name of the suite.
            run: Its number; None takes the newest.

        Raises:
            ReportError: The suite has no such run, or the file cannot be written.
        """
        with told(self._path), transaction(self._connection):
            row = self._connection.execute(
                f"SELECT {_RUN} FROM runs WHERE suite = ?1"  # noqa: S608 (ours)
                " AND (?2 IS NULL OR id = ?2) ORDER BY started DESC, id DESC LIMIT 1",
                (_text(suite), run),
            ).fetchone()
            if row is None:
                which = "no run" if run is None else f"no run {run}"
                raise ReportError(
                    f"{self._path} holds {which} of suite {suite!r}",
                    hint="harness history SUITE lists its runs",
                )
            when = _now()
            self._connection.execute(
                "UPDATE runs SET accepted = ? WHERE id = ?", (when, row[0])
            )
        return RunFacts(row[0], row[1], row[2], when)

    def _add_variants(self, run: int, report: QualityReport) -> None:
        execute = self._connection.executemany
        execute(
            "INSERT INTO variants VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(run, place, _text(variant.name), variant.kind, variant.status),
                    *(variant.verdict, _json(variant_facts(variant))),
                )
                for place, variant in enumerate(report.variants)
            ],
        )
        execute(
            "INSERT INTO measures VALUES (?, ?, ?, ?)",
            [
                (run, _text(variant.name), metric, value)
                for variant in report.variants
                for metric, value in measure(variant).items()
            ],
        )

    def _stored(self, row: tuple[int, str, Verdict, str | None, str]) -> StoredRun:
        run, started, verdict, accepted, facts = row
        metrics: dict[str, dict[str, float]] = {}
        for name, metric, value in self._connection.execute(
            "SELECT variant, metric, value FROM measures WHERE run = ?", (run,)
        ):
            metrics.setdefault(name, {})[metric] = value
        variants = self._connection.execute(
            "SELECT name, kind, facts FROM variants WHERE run = ? ORDER BY place",
            (run,),
        )
        return StoredRun(
            RunFacts(run, started, verdict, accepted),
            json.loads(facts),
            {
                name: StoredVariant(kind, json.loads(told), metrics.get(name, {}))
                for name, kind, told in variants
            },
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _json(facts: Mapping[str, str]) -> str:
    return json.dumps(facts, sort_keys=True)


def _text(name: str) -> str:
    """A name that SQLite can hold: lone surrogates are no UTF-8."""
    return name.encode("utf-8", "replace").decode()
