"""The three worst facts: a figure each, one a variant while there are enough."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from harness.report import words
from harness.report.states import state_of
from harness.report.text import (
    count,
    one_line,
    percent,
    points,
    quantity,
    scientific,
    shorten,
)
from harness.report.view.cells import badge, name, typeset
from harness.report.view.findings import finding_summary
from harness.report.view.numbers import held_to_tolerance
from harness.report.view.page import FactCard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.results import ClassComparison, OutputComparison, VariantResult
    from harness.report.view.scope import Scope

_MAX_FACTS = 3
_LARGE_DROP = 0.05
_MAX_TEXT = 150


def worst_facts(scope: Scope) -> tuple[str, tuple[FactCard, ...]]:
    """A title and at most three cards, the most harmed variants first."""
    candidates = [v for v in scope.report.candidates if state_of(v) != "not-run"]
    bad = [v for v in candidates if state_of(v) != "passed"]
    title = "The worst of it" if bad else "The largest differences that were seen"
    ranked = sorted(bad or candidates, key=_harm, reverse=True)
    each = [list(_facts(scope, variant)) for variant in ranked]
    rounds = chain.from_iterable(zip_longest(*each))
    found = [fact for fact in rounds if fact is not None]
    return title, tuple(found[:_MAX_FACTS])


def _harm(variant: VariantResult) -> tuple[float, float, float]:
    labels = variant.labels
    flipped = 1 - labels.top1_agreement if labels else 0.0
    elements = sum(o.n_elements for o in variant.outputs)
    broken = sum(o.n_mismatched for o in variant.outputs) / max(elements, 1)
    return flipped, broken, words.max_error(variant) or 0.0


def _facts(scope: Scope, variant: VariantResult) -> Iterator[FactCard]:
    """The variant's facts, the most telling first."""
    if variant.status not in ("ran", "replayed"):
        yield _fact(scope, variant, ("", variant.status, words.reason(variant), ""))
        return
    yield from _nonfinite(scope, variant)
    losses = [*_accuracy(scope, variant), *_worst_class(scope, variant)]
    # A class that is lost says more than an accuracy that hardly moves.
    yield from losses if _drop(variant) > _LARGE_DROP else reversed(losses)
    if found := scope.findings(variant):
        text = finding_summary(found)
        facts = (one_line(found[0].code), one_line(found[0].cause), text, "findings")
        yield _fact(scope, variant, facts)
    yield from _largest_error(scope, variant)


def _drop(variant: VariantResult) -> float:
    labels = variant.labels
    if labels is None or labels.accuracy is None or labels.accuracy_reference is None:
        return 0.0
    return labels.accuracy_reference - labels.accuracy


def _nonfinite(scope: Scope, variant: VariantResult) -> Iterator[FactCard]:
    n = sum(output.n_nonfinite for output in variant.outputs)
    if n:
        names = ", ".join(one_line(o.name) for o in variant.outputs if o.n_nonfinite)
        facts = (count(n), "elements are NaN or infinite", f"In {names}.", "numbers")
        yield _fact(scope, variant, facts)


def _accuracy(scope: Scope, variant: VariantResult) -> Iterator[FactCard]:
    labels = variant.labels
    if labels is None or _drop(variant) <= 0:
        return
    before, after = percent(labels.accuracy_reference), percent(labels.accuracy)
    moved = f"{count(labels.n_flipped)} of {quantity(labels.n, 'sample')}"
    text = f"Accuracy {before} \u2192 {after}; {moved} change their top class."
    change = typeset(points(-_drop(variant)))
    yield _fact(scope, variant, (change, "points of accuracy", text, "decisions"))


def _worst_class(scope: Scope, variant: VariantResult) -> Iterator[FactCard]:
    rows = variant.labels.per_class if variant.labels else ()
    losing = [row for row in rows if row.n_regressed > row.n_improved]
    if not losing:
        return
    worst = max(losing, key=_loss)
    total = quantity(len(rows), "class", "classes")
    figure = f"{count(worst.n_regressed)} of {count(worst.n)}"
    unit = f"samples of class {name(worst.class_name, 20).text} lost"
    before, after = percent(worst.recall_reference), percent(worst.recall)
    text = f"Recall {before} \u2192 {after}; {len(losing)} of {total} lose recall."
    yield _fact(scope, variant, (figure, unit, text, "decisions"))


def _loss(row: ClassComparison) -> float:
    return (row.recall_reference or 0.0) - (row.recall or 0.0)


def _largest_error(scope: Scope, variant: VariantResult) -> Iterator[FactCard]:
    known = [o for o in variant.outputs if o.max_abs_error is not None]
    if not known:
        return
    worst = max(known, key=lambda o: (_times(o), o.max_abs_error or 0.0))
    text = f"In {name(worst.name, 32).text}"
    if not held_to_tolerance(variant):
        text += "; its kind is held to decisions, not to a tolerance."
    elif worst.n_mismatched:
        share = percent(worst.n_mismatched / max(worst.n_elements, 1))
        text += f"; {share} of its elements break atol {scientific(worst.atol)}."
    else:
        text += f"; every element is within atol {scientific(worst.atol)}."
    figure = scientific(worst.max_abs_error)
    yield _fact(scope, variant, (figure, "largest error of an output", text, "numbers"))


def _times(found: OutputComparison) -> float:
    return (found.required_atol or 0.0) / found.atol if found.atol else 0.0


def _fact(
    scope: Scope, variant: VariantResult, facts: tuple[str, str, str, str]
) -> FactCard:
    figure, unit, sentence, block = facts
    state = state_of(variant)
    anchor = scope.block(variant, block) if block else scope.ids[variant.name]
    return FactCard(
        variant=name(variant.name, 30),
        badge=badge(state),
        figure=shorten(figure, 16),
        unit=shorten(unit, 40),
        sentence=shorten(sentence, _MAX_TEXT),
        cause="" if block == "findings" else words.cause(scope.findings(variant)),
        href=f"#{anchor}",
        kind=state,
    )
