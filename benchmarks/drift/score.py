"""What the engine got right: one record a pair, and figures over them."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.drift.engine import Answer
    from benchmarks.drift.faults import Truth
    from harness.core.results import Finding

# Share of the error that an edit must remove to prove a cause.
_PROVEN = 0.9
# What a diagnosis may take: so many plain runs, and so many seconds.
BUDGET_RUNS, BUDGET_SECONDS = 6, 5
_COLUMNS = ("detected", "top1", "top3", "named", "proven", "seconds")


@dataclass(frozen=True, slots=True)
class Record:
    """One pair.

    Attributes:
        name: Topology, mutator and dress.
        topology: The network.
        cause: Slug of the fault; empty for a clean pair.
        detected: Anything was found at all.
        top1: The first finding names the right place.
        top3: One of the first three does.
        named: The first finding names the cause.
        proven: A finding of the right place or cause removed its error; None where no
            edit of the file can.
        seconds: The diagnosis took.
        run_seconds: Loading and running both models took.
        truth: What was done, and where.
        said: The findings, in short.
        error: The engine's error.
    """

    name: str
    topology: str
    cause: str
    detected: bool
    top1: bool
    top3: bool
    named: bool
    proven: bool | None
    seconds: float
    run_seconds: float
    truth: str
    said: tuple[str, ...]
    error: str | None

    @property
    def right(self) -> bool:
        """Nothing is left to wish for."""
        if not self.cause:
            return not self.detected
        return self.top1 and self.named and self.proven is not False


def judge(name: str, truth: Truth | None, answer: Answer) -> Record:
    """Hold an answer against the truth."""
    findings = answer.findings
    expected = truth.edit if truth else "nothing"
    places = [bool(truth and _is_there(truth, finding)) for finding in findings]
    names = [bool(truth and finding.cause in truth.causes) for finding in findings]
    proven = None
    if truth is not None and truth.repairable:
        rightly = zip(findings, places, names, strict=True)
        proven = any(_is_proven(f) for f, place, named in rightly if place or named)
    shown = f"{expected} at {', '.join(sorted(truth.nodes)[:4])}" if truth else expected
    return Record(
        name=name,
        topology=name.partition(":")[0],
        cause=truth.causes[0] if truth else "",
        detected=bool(findings),
        top1=any(places[:1]),
        top3=any(places[:3]),
        named=any(names[:1]),
        proven=proven,
        seconds=round(answer.seconds, 3),
        run_seconds=round(answer.run_seconds, 3),
        truth=shown,
        said=tuple(map(_shown, findings[:3])),
        error=answer.error,
    )


def _is_there(truth: Truth, finding: Finding) -> bool:
    where = finding.where
    named = where.candidate_node or where.tensor or ""
    if any(word.casefold() in named.casefold() for word in truth.words):
        return True
    if where.candidate_node is not None:
        return where.candidate_node in truth.nodes | truth.values
    return where.tensor in truth.values


def _is_proven(finding: Finding) -> bool:
    return finding.proof is not None and finding.proof.error_removed >= _PROVEN


def _shown(finding: Finding) -> str:
    place = finding.where.candidate_node or finding.where.tensor
    removed = finding.proof and f", {finding.proof.error_removed:.0%} removed"
    return f"{finding.cause} at {place}{removed or ', not proven'}"


def figures(records: Sequence[Record]) -> dict[str, Any]:
    """Shares over mutants, false alarms over clean pairs, seconds.

    The median is that of mutants: where outputs agree, there is little to do.
    """
    faulty = [record for record in records if record.cause]
    clean = [record for record in records if not record.cause]
    return {
        "all": _shares(faulty),
        "causes": _grouped(faulty, "cause"),
        "topologies": _grouped(faulty, "topology"),
        "clean": {
            "pairs": len(clean),
            "false_alarms": sum(record.detected for record in clean),
        },
        "seconds": {
            "median": _median(record.seconds for record in faulty or records),
            "slowest": max((record.seconds for record in records), default=0.0),
            "within_budget": _mean(map(_within_budget, records)),
        },
        "errors": sum(record.error is not None for record in records),
    }


def _within_budget(record: Record) -> bool:
    return record.seconds <= BUDGET_RUNS * record.run_seconds + BUDGET_SECONDS


def _grouped(records: Sequence[Record], key: str) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(getattr(record, key), []).append(record)
    return {name: _shares(group) for name, group in sorted(groups.items())}


def _shares(records: Sequence[Record]) -> dict[str, Any]:
    return {
        "pairs": len(records),
        "detected": _mean(record.detected for record in records),
        "top1": _mean(record.top1 for record in records),
        "top3": _mean(record.top3 for record in records),
        "named": _mean(record.named for record in records),
        "proven": _mean(r.proven for r in records if r.proven is not None),
        "seconds": _median(record.seconds for record in records),
    }


def _mean(values: Iterable[bool]) -> float | None:
    counted = list(values)
    return round(statistics.fmean(counted), 4) if counted else None


def _median(values: Iterable[float]) -> float | None:
    counted = list(values)
    return round(statistics.median(counted), 3) if counted else None


def table(figures: dict[str, Any]) -> str:
    """The figures for a terminal."""
    head = f"{'':28}{'pairs':>6}" + "".join(f"{name:>10}" for name in _COLUMNS)
    rows = [head]
    for section in ("causes", "topologies"):
        rows += [_row(name, shares) for name, shares in figures[section].items()]
        rows.append("")
    rows.append(_row("all mutants", figures["all"]))
    clean, seconds = figures["clean"], figures["seconds"]
    rows.append(
        f"false alarms: {clean['false_alarms']} of {clean['pairs']} clean pairs"
    )
    rows.append(
        f"seconds a mutant: median {seconds['median']}, slowest {seconds['slowest']}; "
        f"within {BUDGET_RUNS} runs + {BUDGET_SECONDS} s: "
        f"{_percent(seconds['within_budget'])}; errors: {figures['errors']}"
    )
    return "\n".join(rows)


def _row(name: str, shares: dict[str, Any]) -> str:
    cells = [_percent(shares[column]) for column in _COLUMNS[:-1]]
    shown = "" if shares["seconds"] is None else f"{shares['seconds']:.2f}"
    line = "".join(f"{cell:>10}" for cell in (*cells, shown))
    return f"{name:28}{shares['pairs']:>6}{line}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def missed(records: Sequence[Record]) -> str:
    """Every pair that was not answered rightly: what was done, what was said."""
    blocks = []
    for record in records:
        if not record.right:
            said = "; ".join(record.said) or record.error or "nothing"
            blocks.append(f"{record.name}\n  did:  {record.truth}\n  said: {said}")
    return "\n".join(blocks)


def as_json(records: Sequence[Record]) -> dict[str, Any]:
    """Figures and records as plain values."""
    return {
        "figures": figures(records),
        "pairs": [asdict(record) for record in records],
    }
