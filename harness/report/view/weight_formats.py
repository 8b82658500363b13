"""What narrower number formats would do to weights, and which layers suffer most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.charts.recall import share_bar
from harness.report.text import (
    count,
    decibel,
    number,
    one_line,
    percent,
    percent_cell,
    quantity,
    scientific,
)
from harness.report.view.cells import name, num
from harness.report.view.page import Cell, Column, Part, Prose, Row, Table

if TYPE_CHECKING:
    from harness.core.results import (
        FormatHarm,
        FormatRisk,
        TensorStatistics,
        VariantResult,
    )

_MAX_ROWS = 20
# Harder on layers than float16, and commoner than less than 8 bits.
_RANKED = "int8"


def format_parts(variant: VariantResult) -> list[Part]:
    """Layers by what int8 would do to them, and what float16 would lose."""
    parts: list[Part] = []
    if any(harm.format == _RANKED for harm in variant.weight_harm):
        parts.append(_ranking(variant))
    if variant.weights:
        parts.append(_float16(variant.weights))
    return parts


def _ranking(variant: VariantResult) -> Table:
    tensors = {tensor.name: tensor for tensor in variant.weights}
    ranked = [harm for harm in variant.weight_harm if harm.format == _RANKED]
    hidden = len(ranked) - _MAX_ROWS
    return Table(
        caption=f"What {_RANKED} would do: layers to keep in float, first ones first",
        kind="harm",
        detail="Noise expected of each layer's output, from its weights alone, with one"
        " scale a tensor.",
        columns=(
            Column("tensor"),
            Column("share of the noise", hint="of all layers together"),
            Column("percent", "num", "of the noise of all layers together"),
            Column("noise", "num", "root mean square over that of the output"),
            Column("SQNR", "num", "10 log10(sum w^2 / sum e^2)"),
            Column("SQNR by channel", "num", "with a scale an output channel"),
            Column("channel ratio", "num", "largest over smallest range of a channel"),
            Column("note", "wide"),
        ),
        rows=tuple(_harm_row(harm, tensors) for harm in ranked[:_MAX_ROWS]),
        more=f"{quantity(hidden, 'more layer')} with less noise each."
        if hidden > 0
        else "",
        sortable=True,
    )


def _harm_row(harm: FormatHarm, tensors: dict[str, TensorStatistics]) -> Row:
    tensor = tensors.get(harm.name)
    risks = {risk.format: risk for risk in tensor.risks} if tensor else {}
    ratio = tensor.channels.ratio if tensor and tensor.channels else None
    cells = (
        name(harm.name, 36, kind="code"),
        Cell(svg=share_bar(harm.noise_share), kind="chart share"),
        num(percent_cell(harm.noise_share)),
        num(percent_cell(harm.relative_noise)),
        num(decibel(_sqnr(risks.get(_RANKED)))),
        num(decibel(_sqnr(risks.get(f"{_RANKED}-channel")))),
        num(number(ratio)),
        Cell(one_line(harm.note or ""), kind="wide"),
    )
    return Row(cells)


def _sqnr(risk: FormatRisk | None) -> float | None:
    return risk.sqnr_db if risk else None


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
