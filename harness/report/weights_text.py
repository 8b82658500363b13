"""Weights of one file, or of two, as text for a terminal of 80 columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.report.text import (
    MISSING,
    columns,
    count,
    listing,
    one_line,
    quantity,
    shorten,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.core.findings import QuantizationAudit
    from harness.core.tensors import (
        FormatHarm,
        FormatRisk,
        TensorDrift,
        TensorStatistics,
        WeightComparison,
    )
    from harness.core.weight_report import FileWeights, WeightsReport

WIDTH = 80
_MAX_NAMES = 12
_SHORT = (("bfloat", "bf"), ("float", "f"), ("uint", "u"), ("int", "i"))
_ROLES = {
    "depthwise_kernel": "depthwise",
    "gate_recurrent_kernel": "recurrent",
    "running_mean": "mean",
    "running_variance": "variance",
}
# From here on a format's noise is worth a mark: 5 bits of an integer are left.
_POOR_DB = 30.0
_MUCH_ZEROED = 0.01
_FIVE = 5


def render_weights(report: WeightsReport, *, top: int) -> str:
    """Statistics and risks of one file, or the second held against the first.

    Args:
        report: The record.
        top: Rows a table has at most; 0 for all.
    """
    if report.other is None or report.comparison is None:
        lines = [*_file(report.model), "", *_statistics(report.model, top)]
        lines += _harm(report.model, top)
    else:
        lines = [*_file(report.other), *_file(report.model, "against ")]
        lines += _comparison(report.comparison, top)
        lines += _harm(report.other, top)
    if report.audit is not None:
        lines += _audit(report.audit)
    lines += _verdict(report)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _file(file: FileWeights, before: str = "") -> list[str]:
    n = sum(tensor.n for tensor in file.tensors)
    facts = f"{quantity(len(file.tensors), 'tensor')}, {quantity(n, 'weight')}"
    text = f"{before}{one_line(file.path)} ({one_line(file.form)}): {facts}"
    return wrap(text, WIDTH, "", "  ")


def _statistics(file: FileWeights, top: int) -> Iterator[str]:
    """Two lines a tensor: names are long."""
    shown = _largest(file.tensors, top)
    yield f"{'tensor':<44} {'role':<11} {'type':<6} shape"
    yield f"  {_spread('min', 'max', 'smallest', 'std', 'zeros')}  at risk"
    for tensor in shown:
        yield from _tensor(tensor)
    if len(shown) < len(file.tensors):
        rest = len(file.tensors) - len(shown)
        yield f"  and {quantity(rest, 'smaller tensor')}: --top 0 shows all"


def _largest(
    tensors: Sequence[TensorStatistics], top: int
) -> Sequence[TensorStatistics]:
    """Those with NaN, then the largest ones; in the order of the file."""
    if not top or len(tensors) <= top:
        return tensors
    ranked = sorted(range(len(tensors)), key=lambda i: _rank(tensors[i]))
    return [tensors[i] for i in sorted(ranked[:top])]


def _rank(tensor: TensorStatistics) -> tuple[bool, int]:
    return not tensor.n_nonfinite, -tensor.n


def _tensor(tensor: TensorStatistics) -> Iterator[str]:
    shape = "x".join(map(str, tensor.shape)) or "scalar"
    role = _ROLES.get(tensor.role, tensor.role)[:11]
    facts = f"{role:<11} {_short(tensor.dtype):<6} {shape}"
    name = _padded(one_line(tensor.name), 44)
    yield shorten(f"{name} {facts}", WIDTH)
    zeros = MISSING if tensor.sparsity is None else f"{100 * tensor.sparsity:.0f} %"
    smallest = brief(tensor.smallest_nonzero)
    ends = brief(tensor.min), brief(tensor.max)
    first = f"  {_spread(*ends, smallest, brief(tensor.std), zeros)}  "
    marks = "; ".join(_marks(tensor)) or MISSING
    yield from wrap(marks, WIDTH, first, " " * len(first))


def _spread(low: str, high: str, smallest: str, std: str, zeros: str) -> str:
    return f"{low:>9} {high:>9} {smallest:>9} {std:>9} {zeros:>5}"


def _padded(name: str, width: int) -> str:
    shown = shorten(name, width)
    return shown + " " * (width - columns(shown))


def _short(dtype: str) -> str:
    for long, short in _SHORT:
        if dtype.startswith(long):
            return (short + dtype.removeprefix(long))[:6]
    return dtype[:6]


def brief(value: float | None) -> str:
    """A number in nine characters: three digits, ``1.2e-5`` for what is far from 1."""
    if value is None:
        return MISSING
    head, e, power = f"{value:.3g}".partition("e")
    return f"{head}e{int(power)}" if e else head


def _marks(tensor: TensorStatistics) -> Iterator[str]:
    """What a reader should look at."""
    if tensor.n_nonfinite:
        yield f"{count(tensor.n_nonfinite)} NaN or infinite"
    for risk in tensor.risks:
        yield from _risk_marks(risk)


def _risk_marks(risk: FormatRisk) -> Iterator[str]:
    name = risk.format
    if risk.share_clipped:
        yield f"{name} clips {_share(risk.share_clipped)}"
    elif risk.share_zero >= _MUCH_ZEROED and risk.n_codes is None:
        yield f"{name} zeroes {_share(risk.share_zero)}"
    elif risk.sqnr_db is not None and risk.sqnr_db < _POOR_DB:
        yield f"{name} {risk.sqnr_db:.0f} dB"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 1e-3 else f"{share:.0e}"


def _harm(file: FileWeights, top: int) -> Iterator[str]:
    for format_ in file.formats:
        found = [harm for harm in file.harm if harm.format == format_]
        yield ""
        if not found:
            yield f"{format_}: no layer loses anything"
            continue
        yield f"{format_}: the noise expected of each layer; keep the first in float"
        shown = found[: top or None][: _FIVE if top else None]
        yield f"  {'share':>6} {'noise':>8}  layer"
        for harm in shown:
            yield from _harmed(harm)
        if len(shown) < len(found):
            yield f"  and {quantity(len(found) - len(shown), 'layer')} less"


def _harmed(harm: FormatHarm) -> Iterator[str]:
    head = f"  {100 * harm.noise_share:>4.0f} % {100 * harm.relative_noise:>6.2g} %  "
    note = f": {harm.note}" if harm.note else ""
    yield from wrap(f"{one_line(harm.name)}{note}", WIDTH, head, " " * (len(head) + 2))


def _comparison(found: WeightComparison, top: int) -> Iterator[str]:
    yield ""
    yield from wrap(matched(found), WIDTH, "", "  ")
    for fault in found.faults:
        yield from _told("FAULT", f"{fault.cause}: {fault.explanation}")
    for folding in found.foldings:
        yield from _told("folded", f"{folding.note} ({folding.verdict})")
    for note in found.notes:
        yield from _told("note", note)
    sides = (
        ("only in the reference", found.unmatched_reference),
        ("only in the other", found.unmatched_candidate),
    )
    for side, names in sides:
        if names:
            yield from _told(side, listing(tuple(map(one_line, names)), _MAX_NAMES))
    yield from _accounted(found)
    yield from _drift(found, top)


def matched(found: WeightComparison) -> str:
    """How many matched, and how far they are from each other."""
    n = len(found.drift)
    total = n + len(found.unmatched_candidate)
    verdicts = [drift.verdict for drift in found.drift]
    counts = (
        f"{verdicts.count('same')} equal",
        f"{verdicts.count('rounding')} within rounding",
        f"{verdicts.count('drifted')} drifted",
    )
    return f"{n} of {quantity(total, 'tensor')} matched: {', '.join(counts)}"


def _told(label: str, text: str) -> list[str]:
    return wrap(f"{label}: {one_line(text)}", WIDTH, "", "  ")


def _accounted(found: WeightComparison) -> Iterator[str]:
    by_note: dict[tuple[str, str], list[str]] = {}
    for one in found.accounted:
        by_note.setdefault((one.side, one.note), []).append(one.name)
    for (side, note), names in by_note.items():
        listed = listing(tuple(map(one_line, names)), _MAX_NAMES)
        yield from _told(f"of the {side}", f"{listed}: {one_line(note)}")


def _drift(found: WeightComparison, top: int) -> Iterator[str]:
    """The pairs that differ, worst first."""
    changed = [drift for drift in found.drift if drift.n_changed]
    if not changed:
        return
    yield ""
    yield "tensor"
    yield f"  {'SQNR':>9} {'of limit':>9} {'cosine':>8} {'max':>8}  verdict   match"
    shown = changed[: top or None]
    for drift in shown:
        yield from _drift_row(drift)
    if len(shown) < len(changed):
        yield f"  and {len(changed) - len(shown)} more, none worse: --top 0 shows all"


def _drift_row(drift: TensorDrift) -> Iterator[str]:
    sqnr = MISSING if drift.sqnr_db is None else f"{drift.sqnr_db:.1f} dB"
    cosine = drift.cosine_similarity
    shown = MISSING if cosine is None else f"{cosine:.5f}"
    head = (
        f"  {sqnr:>9} {_ratio(drift.error_ratio):>9} {shown:>8}"
        f" {brief(drift.max_abs_error):>8}  {drift.verdict:<8}  "
    )
    yield shorten(one_line(drift.name), WIDTH)
    match = f"{drift.matched_by} {one_line(drift.reference_name)}"
    details = f"{match}; {one_line(drift.note)}" if drift.note else match
    yield from wrap(details, WIDTH, head, "      ")


def _ratio(ratio: float | None) -> str:
    """Error as a multiple of what rounding may leave."""
    if ratio is None or not math.isfinite(ratio):
        return MISSING
    return f"{brief(ratio)}x"


def _audit(found: QuantizationAudit) -> Iterator[str]:
    counts = f"{found.n_weights} weights and {found.n_activations} activations"
    held = f", {found.n_compared} of them against the float ones" * bool(
        found.n_compared
    )
    yield ""
    yield from wrap(
        f"audit of the scales and codes of {counts}{held}:", WIDTH, "", "  "
    )
    if not found.findings:
        yield "  nothing found"
    for one in found.findings:
        head = f"{one.severity} {one.code} {one.cause}: "
        hint = f"; {one_line(one.hint)}" if one.hint else ""
        text = f"{head}{one_line(one.explanation)}{hint}"
        yield from wrap(text, WIDTH, "  ", "    ")


def _verdict(report: WeightsReport) -> Iterable[str]:
    wrong = report.wrong
    judged = report.other or report.model
    if nonfinite := judged.nonfinite:
        names = tuple(one_line(tensor.name) for tensor in nonfinite)
        yield ""
        yield from _told("NaN or infinite", listing(names, _MAX_NAMES))
    if report.comparison is not None:
        yield ""
        noted = " and what is noted" if report.comparison.notes else ""
        same = f"the weights are the same but for rounding{noted}"
        yield "the weights differ" if wrong else same
