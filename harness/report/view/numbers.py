"""Numbers: the panel of errors, one row an output, and where they lie."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.report.charts.errors import error_histogram
from harness.report.text import (
    count,
    listing,
    one_line,
    percent,
    quantity,
    scientific,
)
from harness.report.view.cells import name, num
from harness.report.view.error_maps import error_maps
from harness.report.view.page import (
    Beside,
    Cell,
    Column,
    Figure,
    Gallery,
    Part,
    Prose,
    Row,
    Table,
)
from harness.report.view.panel import panel

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.core.results import OutputComparison, VariantResult

_MAX_FIGURES = 8
_HELD = (
    "Bars count elements on a log scale; orange lies beyond atol. Where the reference "
    "is large, rtol lets more pass."
)
_FREE = "Bars count elements on a log scale."


def held_to_tolerance(variant: VariantResult) -> bool:
    """Whether the gate asked how close the numbers are."""
    return any(check.name == "outputs_close" for check in variant.checks)


def summary(variant: VariantResult) -> str:
    """The block's conclusion in a line."""
    outputs = variant.outputs
    known = [o for o in outputs if o.max_abs_error is not None]
    if not known:
        return f"no error of {quantity(len(outputs), 'output')} could be computed"
    worst = max(known, key=lambda o: o.max_abs_error or 0.0)
    label = one_line(worst.name)
    parts = [
        f"largest error {scientific(worst.max_abs_error)} in {name(label, 32).text}"
    ]
    broken = sum(o.n_mismatched for o in outputs)
    total = sum(o.n_elements for o in outputs)
    if not held_to_tolerance(variant):
        return f"{parts[0]} \u00b7 held to no tolerance"
    share = f"{count(broken)} of {quantity(total, 'element')} beyond tolerance"
    parts.append(f"{share} ({percent(broken / total)})" if total else share)
    return " \u00b7 ".join(parts)


def number_parts(
    variant: VariantResult, shown: Collection[int] = ()
) -> tuple[Part, ...]:
    """Panel, histograms, maps, worst samples, and what could not be computed.

    Args:
        variant: The candidate.
        shown: Samples whose inputs the record holds.
    """
    outputs = variant.outputs
    held = held_to_tolerance(variant)
    drawn = _histograms(outputs, held=held)
    worst = _worst(outputs, shown)
    beside = Beside((drawn, worst)) if worst and len(outputs) == 1 else None
    rest = [beside] if beside else [part for part in (drawn, worst) if part]
    notes = [Prose(text, "note") for text in _unscored(outputs)]
    return (panel(outputs, held=held), *rest, *error_maps(outputs), *notes)


def _histograms(outputs: tuple[OutputComparison, ...], *, held: bool) -> Gallery:
    broken = sum(o.n_mismatched for o in outputs)
    said = f"{quantity(broken, 'element')} beyond tolerance" if broken else "all within"
    said = said if held else "held to no tolerance"
    return Gallery(
        title=f"Errors by decade: {said}",
        figures=tuple(map(_figure, outputs[:_MAX_FIGURES])),
        detail=_HELD if held else _FREE,
    )


def _figure(found: OutputComparison) -> Figure:
    worst = scientific(found.max_abs_error)
    return Figure(
        title=name(found.name, 44),
        svg=error_histogram(found),
        label=f"largest {worst} of {quantity(found.n_elements, 'element')}",
    )


def _worst(
    outputs: tuple[OutputComparison, ...], shown: Collection[int]
) -> Table | None:
    rows = tuple(
        Row(
            (
                _sample(worst.sample, shown),
                name(worst.sample_id or "\u2013", 28, kind="code"),
                name(output.name, 30, kind="code"),
                num(scientific(worst.max_abs_error)),
            )
        )
        for output in outputs
        for worst in output.worst
    )
    if not rows:
        return None
    return Table(
        caption="Samples with the largest errors",
        kind="worst",
        columns=(
            Column("sample", "num"),
            Column("id"),
            Column("output"),
            Column("max error", "num"),
        ),
        rows=rows,
        sortable=True,
    )


def _sample(sample: int, shown: Collection[int]) -> Cell:
    opens = f"sample {sample}" if sample in shown else ""
    return replace(num(count(sample)), opens=opens)


def _unscored(outputs: tuple[OutputComparison, ...]) -> list[str]:
    """Reasons for what is missing, each told once."""
    found: dict[str, set[str]] = {}
    for output in outputs:
        for field, reason in output.unscored.items():
            label = one_line(field).replace("_", " ")
            found.setdefault(one_line(reason), set()).add(label)
    told = {
        reason: listing(tuple(sorted(fields)), len(fields))
        for reason, fields in found.items()
    }
    return [f"Not computed: {told[reason]}: {reason}." for reason in sorted(told)]
