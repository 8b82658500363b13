"""Weights: what changed against the reference's, and what float16 would lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.charts.weights import weight_histograms
from harness.report.text import (
    count,
    decibel,
    listing,
    one_line,
    percent,
    percent_cell,
    quantity,
    scientific,
)
from harness.report.view.cells import name, num
from harness.report.view.page import (
    Badge,
    Cell,
    Column,
    Facts,
    Figure,
    Gallery,
    Part,
    Prose,
    Row,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.results import (
        TensorDrift,
        TensorStatistics,
        VariantResult,
        WeightComparison,
    )

    Tensors = Mapping[str, TensorStatistics]

_MAX_FIGURES = 6
_MIN_ELEMENTS = 64
_MAX_ROWS = 60
_MAX_NAMES = 12
_LEGEND = (
    Badge("reference", "", "key reference"),
    Badge("candidate", "", "key candidate"),
)


def summary(variant: VariantResult) -> str:
    """The block's conclusion in a line."""
    found = variant.weight_drift
    tensors = quantity(len(variant.weights), "tensor")
    if found is None:
        return f"{tensors}, held against no other variant"
    changed = [d for d in found.drift if d.n_changed]
    matched = f"{quantity(len(found.drift), 'tensor')} matched with {_who(found)}"
    lost = len(found.unmatched_reference) + len(found.unmatched_candidate)
    parts = [matched, f"{len(changed)} differ" if changed else "all are equal"]
    ratios = [d.sqnr_db for d in changed if d.sqnr_db is not None]
    if ratios:
        parts.append(f"worst SQNR {decibel(min(ratios))}")
    if lost:
        parts.append(f"{lost} without a match")
    return " \u00b7 ".join(parts)


def _who(found: WeightComparison) -> str:
    return name(found.reference, 28).text


def weight_parts(variant: VariantResult, reference: Tensors) -> tuple[Part, ...]:
    """Overlaid histograms, drift ranked, float16 risk, what did not match.

    Args:
        variant: The candidate.
        reference: Tensors of the variant that speaks for the reference, by name.
    """
    parts: list[Part] = [_histograms(variant, reference)] if variant.weights else []
    if variant.weight_drift is not None:
        parts += _drift_parts(variant.weight_drift)
    if variant.weights:
        parts.append(_float16(variant.weights))
    return tuple(parts)


def _histograms(variant: VariantResult, reference: Tensors) -> Gallery:
    matches = variant.weight_drift.drift if variant.weight_drift else ()
    partners = {drift.name: drift.reference_name for drift in matches}
    order = {drift.name: rank for rank, drift in enumerate(matches)}
    drawable = [t for t in variant.weights if t.histogram]
    # A bias of ten numbers has no distribution to look at, while there are others.
    drawable = [t for t in drawable if t.n >= _MIN_ELEMENTS] or drawable
    # Worst drift first; where nothing drifts, the tensors that hold most weights.
    ranked = sorted(drawable, key=lambda t: (order.get(t.name, len(order)), -t.n))
    if not any(drift.n_changed for drift in matches):
        ranked = sorted(drawable, key=lambda t: (-t.n, t.name))
    shown = ranked[:_MAX_FIGURES]
    hidden = len(variant.weights) - len(shown)
    rest = f" {quantity(hidden, 'more tensor')} not drawn." if hidden else ""
    pairs = [(tensor, reference.get(partners.get(tensor.name, ""))) for tensor in shown]
    return Gallery(
        title="Distribution of weights, candidate over reference",
        figures=tuple(_figure(*pair) for pair in pairs),
        detail=f"Values across, counts up on a log scale.{rest}",
        kind="small",
        legend=_LEGEND if any(partner for _, partner in pairs) else _LEGEND[1:],
    )


def _figure(tensor: TensorStatistics, partner: TensorStatistics | None) -> Figure:
    assert tensor.histogram is not None
    other = partner.histogram if partner else None
    spread = (
        "no finite value" if tensor.std is None else f"std {scientific(tensor.std)}"
    )
    was = f", was {scientific(partner.std)}" if partner and partner.std else ""
    return Figure(
        title=name(tensor.name, 36, kind="code"),
        svg=weight_histograms(tensor.histogram, other),
        label=f"{one_line(tensor.dtype)} {_shape(tensor)}, {spread}{was}",
    )


def _shape(tensor: TensorStatistics) -> str:
    return " \u00d7 ".join(map(str, tensor.shape)) or "scalar"


def _drift_parts(found: WeightComparison) -> list[Part]:
    changed = [drift for drift in found.drift if drift.n_changed]
    parts: list[Part] = []
    if changed:
        parts.append(_drift_table(found, changed))
    elif found.drift:
        tensors = quantity(len(found.drift), "matched tensor")
        text = f"No drift: all {tensors} equal those of {_who(found)}."
        parts.append(Prose(text, "empty"))
    lost = (
        ("only in the reference", found.unmatched_reference),
        ("only in the candidate", found.unmatched_candidate),
    )
    items = tuple((side, _names(names)) for side, names in lost if names)
    if items:
        parts.append(Facts("Tensors without a match", items))
    return parts


def _names(names: tuple[str, ...]) -> Cell:
    return Cell(listing(tuple(map(one_line, names)), _MAX_NAMES), kind="code")


def _drift_table(found: WeightComparison, changed: list[TensorDrift]) -> Table:
    hidden = len(changed) - _MAX_ROWS
    equal = len(found.drift) - len(changed)
    return Table(
        caption=f"Drift of weights against {_who(found)}: "
        f"{len(changed)} of {quantity(len(found.drift), 'matched tensor')} differ",
        kind="drift",
        detail="Worst signal-to-noise first." + (f" {equal} equal." if equal else ""),
        columns=(
            Column("tensor"),
            Column("matched", hint="how the two were found to be one tensor"),
            Column("SQNR", "num", "10 log10(sum r^2 / sum (c - r)^2)"),
            Column("max", "num", "max |c - r|"),
            Column("mean", "num", "mean |c - r|"),
            Column("cosine", "num"),
            Column("changed", "num", "elements that differ at all"),
            Column("note", "wide"),
        ),
        rows=tuple(map(_drift_row, changed[:_MAX_ROWS])),
        more=f"{count(hidden)} more tensors, none worse; all are in the JSON report."
        if hidden > 0
        else "",
        sortable=True,
    )


def _drift_row(drift: TensorDrift) -> Row:
    cosine = drift.cosine_similarity
    other = drift.reference_name
    matched = one_line(drift.matched_by)
    note = f"as {name(other, 28).text}" if other != drift.name else ""
    cells = (
        name(drift.name, 36, kind="code"),
        Cell(matched, note=note),
        num(decibel(drift.sqnr_db)),
        num(scientific(drift.max_abs_error)),
        num(scientific(drift.mean_abs_error)),
        num("-" if cosine is None else f"{cosine:.6f}"),
        num(count(drift.n_changed)),
        Cell(one_line(drift.note or ""), kind="wide"),
    )
    return Row(cells)


def _float16(tensors: tuple[TensorStatistics, ...]) -> Part:
    risky = [t for t in tensors if _risk(t) > 0]
    if not risky:
        text = (
            f"float16 could hold every value of all {quantity(len(tensors), 'tensor')}."
        )
        return Prose(text, "empty")
    ranked = sorted(risky, key=lambda t: (-t.share_fp16_overflow, -_risk(t), t.name))
    hidden = len(ranked) - _MAX_ROWS
    return Table(
        caption=f"What float16 would lose: {len(risky)} of "
        f"{quantity(len(tensors), 'tensor')} are touched",
        kind="float16",
        columns=(
            Column("tensor"),
            Column("operator"),
            Column("elements", "num"),
            Column("smallest", "num", "smallest magnitude that is not 0"),
            Column("flushed to 0", "num"),
            Column("subnormal", "num", "kept with fewer digits"),
            Column("overflow", "num", "beyond 65504"),
        ),
        rows=tuple(map(_float16_row, ranked[:_MAX_ROWS])),
        more=f"{count(hidden)} more tensors are touched by less." if hidden > 0 else "",
        sortable=True,
    )


def _risk(tensor: TensorStatistics) -> float:
    shares = (tensor.share_fp16_zero, tensor.share_fp16_subnormal)
    return sum(shares) + tensor.share_fp16_overflow


def _float16_row(tensor: TensorStatistics) -> Row:
    cells = (
        name(tensor.name, 36, kind="code"),
        Cell(one_line(tensor.op_type or "\u2013")),
        num(count(tensor.n)),
        num(scientific(tensor.smallest_nonzero)),
        num(percent_cell(tensor.share_fp16_zero)),
        num(percent_cell(tensor.share_fp16_subnormal)),
        num(percent(tensor.share_fp16_overflow)),
    )
    return Row(cells)
