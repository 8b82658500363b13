"""Whether a class lost recall, and whether so few samples can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.gate.clusters import group_p_value
from harness.gate.families import (
    benjamini_hochberg,
    holm,
    least_losses,
    step_down_mcnemar,
    tails,
)
from harness.gate.margins import loss_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.core.results import ClassComparison, ClassVerdict
    from harness.core.specs import GateSpec
    from harness.gate.families import IntVector


def judge_classes(
    classes: Sequence[ClassComparison], limits: GateSpec
) -> tuple[ClassComparison, ...]:
    """Fill p-values, the least drop that can be shown, and the verdict of each class.

    A class passes when its recall fell by no more than the limit; where the limits ask
    for a confidence, when it is that sure that it did. It fails when it fell by more
    and the exact one-sided McNemar test, adjusted over the classes, is below alpha.
    Otherwise it is undecided. Where samples come in groups, whole groups are what may
    fall either way. Classes without samples are undecided. Without a limit on recall
    the statistics are filled and every verdict stays undecided.
    """
    if not classes:
        return ()
    lost = np.array([one.n_regressed for one in classes], np.int64)
    won = np.array([one.n_improved for one in classes], np.int64)
    losses = [one.group_losses for one in classes]
    p_values, adjusted = chances(losses, lost, won, limits)
    least = least_losses(lost, won, limits.alpha).tolist()
    return tuple(
        replace(
            one,
            p_value=p_values[index],
            p_adjusted=adjusted[index],
            min_detectable_drop=_detectable(one, least[index]),
            verdict=_verdict(one, adjusted[index], limits),
        )
        for index, one in enumerate(classes)
    )


def chances(
    group_losses: Sequence[Iterable[tuple[int, int]] | None],
    lost: IntVector,
    won: IntVector,
    limits: GateSpec,
) -> tuple[list[float], list[float]]:
    """p-values of losses, and what they are worth among each other.

    Args:
        group_losses: Of each class or slice, as in `ClassComparison`; None where
            samples stand alone.
        lost: Samples lost, shape (k,).
        won: Samples won, shape (k,).
        limits: Say what is promised of all of them together.
    """
    grouped = [losses for losses in group_losses if losses is not None]
    if len(grouped) == len(group_losses):
        p_values = [group_p_value(losses) for losses in grouped]
        adjusted = list(holm(p_values))
    else:
        p_values = tails(lost, lost + won).tolist()
        adjusted = step_down_mcnemar(lost, won).tolist()
    if limits.false_discoveries is not None:
        adjusted = list(benjamini_hochberg(p_values))
    return p_values, adjusted


def level_of(limits: GateSpec) -> float:
    """What an adjusted p-value must be below to fail a class or a slice."""
    rate = limits.false_discoveries
    return limits.alpha if rate is None else rate


def recall_drop(one: ClassComparison) -> float:
    """Share of the class's samples that were lost, less those won."""
    return (one.n_regressed - one.n_improved) / one.n if one.n else 0.0


def _detectable(one: ClassComparison, least: int) -> float | None:
    return least / one.n if least <= one.n else None


def _verdict(one: ClassComparison, p_adjusted: float, limits: GateSpec) -> ClassVerdict:
    limit = limits.max_recall_drop
    if one.n == 0 or limit is None:
        return "undecided"
    if recall_drop(one) > limit:
        return "fail" if p_adjusted < level_of(limits) else "undecided"
    counts = (one.n_regressed, one.n_improved, one.n)
    return "pass" if surely_within(counts, limit, limits.confidence) else "undecided"


def surely_within(
    counts: tuple[int, int, int], limit: float, confidence: float | None
) -> bool:
    """Whether a loss that is within its limit is as sure to be as is asked.

    Args:
        counts: Lost, won, and samples in all.
        limit: Most that may be lost net, a share of all.
        confidence: One-sided; None is content with what was seen.
    """
    if confidence is None:
        return True
    lost, won, n = counts
    return loss_interval(lost, won, n, confidence)[1] <= limit
