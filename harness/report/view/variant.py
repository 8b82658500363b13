"""The section of one variant: checks, findings, and three blocks of evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report import checks, tasks
from harness.report.text import MISSING, duration, one_line, shorten, size
from harness.report.view import decisions, numbers, profile, runs, weights
from harness.report.view.cells import name, variant_badge
from harness.report.view.findings import finding_cards
from harness.report.view.matrix import by_answer, check_table, lead
from harness.report.view.page import Block, VariantSection
from harness.report.view.task import task_parts

if TYPE_CHECKING:
    from harness.core.results import TensorStatistics, VariantResult
    from harness.report.view.scope import Scope


def variant_section(scope: Scope, variant: VariantResult) -> VariantSection:
    """Everything of one candidate; evidence of unmet checks stands open."""
    return VariantSection(
        id=scope.ids[variant.name],
        name=name(variant.name, 60),
        badge=variant_badge(scope.report, variant),
        meta=_meta(variant),
        lead=lead(variant),
        findings_id=scope.block(variant, "findings"),
        findings=finding_cards(scope, variant),
        blocks=_blocks(scope, variant),
    )


def reference_section(scope: Scope) -> tuple[VariantSection, ...]:
    """What the weights of the reference tell by themselves; nothing without them."""
    reference = scope.report.reference
    block = _weights(scope, reference, False)
    if block is None:
        return ()
    section = VariantSection(
        id=scope.ids[reference.name],
        name=name(reference.name, 60),
        badge=variant_badge(scope.report, reference),
        meta=_meta(reference),
        lead="What all others are held against; it is judged by nothing.",
        findings_id=scope.block(reference, "findings"),
        findings=(),
        blocks=(block,),
    )
    return (section,)


def _meta(variant: VariantResult) -> tuple[str, ...]:
    size_ = size(variant.size_bytes)
    batch = variant.batch_size
    took = duration(variant.seconds_per_sample)
    parts = (
        variant.kind,
        shorten(one_line(variant.path), 60),
        "" if size_ == MISSING else size_,
        "" if variant.backend is None else shorten(one_line(variant.backend), 30),
        "" if batch is None else f"batch {batch}",
        "" if took == MISSING else f"{took} a sample",
    )
    return tuple(part for part in parts if part)


def _blocks(scope: Scope, variant: VariantResult) -> tuple[Block, ...]:
    wanted = {checks.evidence(check.name) for check in checks.unmet(variant)}
    if wanted and len(scope.report.candidates) == 1:
        wanted = {"findings", "decisions", "task", "numbers", "weights", "runs"}
    blocks = (
        _checks(scope, variant),
        _profile(scope, variant, "findings" in wanted),
        _decisions(scope, variant, "decisions" in wanted),
        _task(scope, variant, "task" in wanted),
        _numbers(scope, variant, "numbers" in wanted),
        _weights(scope, variant, "weights" in wanted),
        _runs(scope, variant, "runs" in wanted),
    )
    return tuple(block for block in blocks if block is not None)


def _checks(scope: Scope, variant: VariantResult) -> Block | None:
    table = check_table(scope, variant)
    if table is None:
        return None
    shown = bool(checks.unmet(variant))
    summary = shorten(by_answer(variant), 240)
    return Block(scope.block(variant, "checks"), "Checks", summary, shown, (table,))


def _profile(scope: Scope, variant: VariantResult, shown: bool) -> Block | None:
    found = variant.profile
    if found is None or not found.steps:
        return None
    summary = profile.summary(found)
    parts = profile.profile_parts(found)
    return Block(scope.block(variant, "profile"), profile.TITLE, summary, shown, parts)


def _decisions(scope: Scope, variant: VariantResult, shown: bool) -> Block | None:
    if variant.labels is None:
        return None
    summary = decisions.summary(variant.labels)
    place = scope.ids[variant.name]
    parts = decisions.decision_parts(variant.labels, place, scope.shown)
    return Block(scope.block(variant, "decisions"), "Decisions", summary, shown, parts)


def _task(scope: Scope, variant: VariantResult, shown: bool) -> Block | None:
    if variant.task is None:
        return None
    summary = tasks.summary(variant.task)
    parts = task_parts(variant.task, scope.ids[variant.name])
    return Block(scope.block(variant, "task"), "Task", summary, shown, parts)


def _numbers(scope: Scope, variant: VariantResult, shown: bool) -> Block | None:
    if not variant.outputs:
        return None
    summary = numbers.summary(variant)
    parts = numbers.number_parts(variant, scope.shown)
    return Block(scope.block(variant, "numbers"), "Numbers", summary, shown, parts)


def _weights(scope: Scope, variant: VariantResult, shown: bool) -> Block | None:
    if not variant.weights and variant.weight_drift is None:
        return None
    summary = weights.summary(variant)
    tensors = _reference(scope, variant)
    parts = weights.weight_parts(variant, tensors, scope.ids[variant.name])
    return Block(scope.block(variant, "weights"), "Weights", summary, shown, parts)


def _runs(scope: Scope, variant: VariantResult, shown: bool) -> Block | None:
    found = variant.matrix
    if found is None:
        return None
    summary = runs.summary(found)
    parts = (runs.run_table(found),)
    return Block(scope.block(variant, "runs"), "Other runs", summary, shown, parts)


def _reference(scope: Scope, variant: VariantResult) -> dict[str, TensorStatistics]:
    """Tensors of the variant that speaks for the reference, by name."""
    if variant.weight_drift is None:
        return {}
    for other in scope.report.variants:
        if other.name == variant.weight_drift.reference:
            return {tensor.name: tensor for tensor in other.weights}
    return {}
