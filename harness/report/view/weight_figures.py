"""Pictures of weight tensors: which ones are drawn, and what they say in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.charts.weights import weight_histograms
from harness.report.text import number, one_line, quantity, scientific
from harness.report.view.cells import name, typeset
from harness.report.view.page import Badge, Figure, Gallery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.results import TensorDrift, TensorStatistics, VariantResult

    Tensors = Mapping[str, TensorStatistics]

_MAX_FIGURES = 6
_MIN_ELEMENTS = 64
_LEGEND = (
    Badge("reference", "", "key reference"),
    Badge("candidate", "", "key candidate"),
)
_HOW = "Counts up on a log scale. Dotted: below this, float16 keeps fewer digits."


def histograms(variant: VariantResult, reference: Tensors) -> Gallery:
    """The worst tensors, or the largest where none drifts.

    Args:
        variant: Whose weights.
        reference: Tensors of the variant that speaks for the reference, by name.
    """
    pairs = variant.weight_drift.drift if variant.weight_drift else ()
    matches = {drift.name: drift for drift in pairs}
    shown = _shown(variant.weights, pairs)
    hidden = len(variant.weights) - len(shown)
    rest = f" {quantity(hidden, 'more tensor')} not drawn." if hidden else ""
    figures = []
    for tensor in shown:
        match = matches.get(tensor.name)
        partner = reference.get(match.reference_name) if match else None
        figures.append((_figure(tensor, partner), partner))
    return Gallery(
        title="Distribution of weights, candidate over reference"
        if matches
        else "Distribution of weights",
        figures=tuple(figure for figure, _ in figures),
        detail=f"{_HOW}{rest}",
        kind="small",
        legend=_LEGEND if any(partner for _, partner in figures) else (),
    )


def _shown(
    tensors: Sequence[TensorStatistics], pairs: Sequence[TensorDrift]
) -> list[TensorStatistics]:
    drawable = [t for t in tensors if t.histogram]
    # A bias of ten numbers has no distribution to look at, while there are others.
    drawable = [t for t in drawable if t.n >= _MIN_ELEMENTS] or drawable
    order = {drift.name: rank for rank, drift in enumerate(pairs) if drift.n_changed}
    # Worst drift first; where nothing drifts, the tensors that hold most weights.
    drawable.sort(key=lambda t: (order.get(t.name, len(order)), -t.n, t.name))
    return drawable[:_MAX_FIGURES]


def _figure(tensor: TensorStatistics, partner: TensorStatistics | None) -> Figure:
    return Figure(
        title=name(tensor.name, 36, kind="code"),
        svg=weight_histograms(tensor, partner),
        label=_words(tensor, partner),
    )


def _words(tensor: TensorStatistics, partner: TensorStatistics | None) -> str:
    """What the pictures show, for who cannot see them."""
    facts = [f"{one_line(tensor.dtype)} {_shape(tensor)}"]
    if tensor.std is None or tensor.min is None or tensor.max is None:
        return ", ".join([*facts, "no finite value"])
    low, high = typeset(number(tensor.min)), typeset(number(tensor.max))
    facts.append(f"{low} to {high}, std {scientific(tensor.std)}")
    if partner and partner.std:
        facts.append(f"was {scientific(partner.std)}")
    channels = tensor.channels
    if channels and channels.ratio:
        ratio = f"{channels.ratio:.3g}"
        facts.append(f"channels' ranges differ by up to {ratio} times")
    return ", ".join(facts)


def _shape(tensor: TensorStatistics) -> str:
    return " \u00d7 ".join(map(str, tensor.shape)) or "scalar"
