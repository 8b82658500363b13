"""Weights: what was done to them, what changed, and what other formats would lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import (
    count,
    decibel,
    listing,
    one_line,
    quantity,
    scientific,
    shorten,
)
from harness.report.view.cells import name, num, sentence
from harness.report.view.page import (
    Callouts,
    Cell,
    Column,
    Facts,
    Folded,
    Part,
    Prose,
    Row,
    Table,
)
from harness.report.view.weight_audit import audit_parts
from harness.report.view.weight_figures import histograms
from harness.report.view.weight_formats import format_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.results import (
        TensorDrift,
        TensorStatistics,
        VariantResult,
        WeightComparison,
    )

    Tensors = Mapping[str, TensorStatistics]

_MAX_ROWS = 15
_FEW_MORE = 15
_MAX_MORE = 1_000
_MAX_NAMES = 12
_MAX_CALLOUTS = 8
_MAX_TEXT = 400
_VERDICTS = {"same": "equal", "rounding": "within rounding", "drifted": "drifted"}


def summary(variant: VariantResult) -> str:
    """The block's conclusion in a line."""
    found = variant.weight_drift
    tensors = quantity(len(variant.weights), "tensor")
    if found is None and variant.weight_harm:
        return f"{tensors}; those of the others are held against them"
    if found is None:
        return f"{tensors}, held against no other variant"
    changed = [d for d in found.drift if d.n_changed]
    matched = f"{quantity(len(found.drift), 'tensor')} matched with {_who(found)}"
    lost = len(found.unmatched_reference) + len(found.unmatched_candidate)
    parts = [matched, f"{len(changed)} differ" if changed else "all are equal"]
    if found.faults:
        causes = tuple(dict.fromkeys(fault.cause for fault in found.faults))
        parts.insert(0, listing(tuple(map(one_line, causes))))
    ratios = [d.sqnr_db for d in changed if d.sqnr_db is not None]
    if ratios:
        parts.append(f"worst SQNR {decibel(min(ratios))}")
    if lost:
        parts.append(f"{lost} without a match")
    return " \u00b7 ".join(parts)


def _who(found: WeightComparison) -> str:
    return name(found.reference, 28).text


def weight_parts(
    variant: VariantResult, reference: Tensors, place: str
) -> tuple[Part, ...]:
    """Faults, pictures, drift ranked, what did not match, what formats would lose.

    Args:
        variant: The candidate.
        reference: Tensors of the variant that speaks for the reference, by name.
        place: Id of the candidate.
    """
    found = variant.weight_drift
    parts: list[Part] = _faults(found) if found else []
    if variant.weight_audit is not None:
        parts += audit_parts(variant.weight_audit)
    if variant.weights:
        parts.append(histograms(variant, reference))
    if found is not None:
        parts += _drift_parts(found, place)
    return (*parts, *format_parts(variant))


def _faults(found: WeightComparison) -> list[Part]:
    items = tuple(
        (one_line(fault.cause), shorten(one_line(fault.explanation), _MAX_TEXT))
        for fault in found.faults[:_MAX_CALLOUTS]
    )
    hidden = len(found.faults) - len(items)
    more = f"{quantity(hidden, 'more fault')} in the JSON report." if hidden else ""
    return [Callouts("What was done to the weights", items, more)] if items else []


def _drift_parts(found: WeightComparison, place: str) -> list[Part]:
    changed = [drift for drift in found.drift if drift.n_changed]
    parts: list[Part] = []
    if changed:
        parts += _drift_tables(found, changed, place)
    elif found.drift:
        tensors = quantity(len(found.drift), "matched tensor")
        text = f"No drift: all {tensors} equal those of {_who(found)}."
        parts.append(Prose(text, "empty"))
    items = (
        ("only in the reference", _names(found.unmatched_reference)),
        ("only in the candidate", _names(found.unmatched_candidate)),
        *(
            ("folded", Cell(sentence(_folded(f.note, f.verdict))))
            for f in found.foldings
        ),
        *(("note", Cell(sentence(note))) for note in found.notes),
        *_accounted(found),
    )
    shown = tuple((what, cell) for what, cell in items[:_MAX_NAMES] if cell.text)
    if shown:
        parts.append(Facts("Tensors without a partner of their own", shown))
    return parts


def _folded(note: str, verdict: str) -> str:
    told = {"agrees": "as declared", "differs": "another than declared"}
    return f"{note}, {told[verdict]}" if verdict in told else note


def _accounted(found: WeightComparison) -> list[tuple[str, Cell]]:
    """Tensors that went the same way are told together."""
    by_note: dict[tuple[str, str], list[str]] = {}
    for one in found.accounted:
        side = "reference" if one.side == "reference" else "candidate"
        by_note.setdefault((side, one.note), []).append(one_line(one.name))
    return [
        (f"of the {side}", Cell(f"{listing(tuple(names))}: {one_line(note)}"))
        for (side, note), names in by_note.items()
    ]


def _names(names: tuple[str, ...]) -> Cell:
    return Cell(listing(tuple(map(one_line, names)), _MAX_NAMES), kind="code")


def _drift_tables(
    found: WeightComparison, changed: list[TensorDrift], place: str
) -> list[Part]:
    """The worst in full; the others behind a fold, of very many as many as fit."""
    equal = len(found.drift) - len(changed)
    worst = Table(
        caption=f"Drift of weights against {_who(found)}: "
        f"{len(changed)} of {quantity(len(found.drift), 'matched tensor')} differ",
        kind="drift",
        detail="Worst signal-to-noise first." + (f" {equal} equal." if equal else ""),
        columns=(
            Column("tensor"),
            Column("verdict", hint="rounding is what the stored types explain"),
            Column("SQNR", "num", "10 log10(sum r^2 / sum (c - r)^2)"),
            Column("of limit", "num", "max |c - r| over what rounding may leave"),
            Column("max", "num", "max |c - r|"),
            Column("cosine", "num"),
            Column("match", "wide", "how the two were found to be one tensor"),
        ),
        rows=tuple(map(_drift_row, changed[:_MAX_ROWS])),
        sortable=True,
    )
    rest = changed[_MAX_ROWS:]
    return [worst, *([_rest(rest, place)] if rest else [])]


def _rest(drifts: Sequence[TensorDrift], place: str) -> Folded:
    hidden = len(drifts) - _FEW_MORE
    table = Table(
        caption="Tensors that drift less",
        id=f"{place}--drift-rest",
        kind="drift",
        columns=(
            Column("tensor"),
            Column("verdict"),
            Column("SQNR", "num"),
            Column("max", "num"),
        ),
        rows=tuple(map(_short_row, drifts[:_MAX_MORE])),
        more=f"{count(hidden)} more tensors, none worse; all are in the JSON report."
        if hidden > 0
        else "",
        sortable=True,
        filter="tensors",
        limit=_FEW_MORE,
    )
    return Folded(f"{quantity(len(drifts), 'more tensor')}, none worse", table)


def _short_row(drift: TensorDrift) -> Row:
    cells = (
        name(drift.name, 48, kind="code"),
        _verdict(drift),
        num(decibel(drift.sqnr_db)),
        num(scientific(drift.max_abs_error)),
    )
    return Row(cells)


def _drift_row(drift: TensorDrift) -> Row:
    cosine = drift.cosine_similarity
    cells = (
        name(drift.name, 42, kind="code"),
        _verdict(drift),
        num(decibel(drift.sqnr_db)),
        num(_ratio(drift.error_ratio), title=one_line(drift.tolerance)),
        num(scientific(drift.max_abs_error)),
        num("-" if cosine is None else f"{cosine:.5f}"),
        _match(drift),
    )
    return Row(cells)


def _match(drift: TensorDrift) -> Cell:
    partner = name(drift.reference_name, 32).text
    who = "" if drift.reference_name == drift.name else f" as {partner}"
    text = f"{one_line(drift.matched_by)}{who}"
    return Cell(text, kind="wide", note=one_line(drift.note or ""))


def _verdict(drift: TensorDrift) -> Cell:
    word = _VERDICTS.get(drift.verdict, one_line(drift.verdict))
    return Cell(word, kind="worse" if drift.verdict == "drifted" else "")


def _ratio(ratio: float | None) -> str:
    """What rounding may leave is 1."""
    if ratio is None:
        return "-"
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:.1e}"
