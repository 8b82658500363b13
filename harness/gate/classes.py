"""Whether a class lost recall, and whether so few samples can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.gate.statistics import holm, least_significant_loss, mcnemar_one_sided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import ClassComparison, ClassVerdict
    from harness.core.specs import GateSpec


def judge_classes(
    classes: Sequence[ClassComparison], limits: GateSpec
) -> tuple[ClassComparison, ...]:
    """Fill p-values, the least drop that can be shown, and the verdict of each class.

    A class passes when its recall fell by no more than the limit. It fails when it
    fell by more and the exact one-sided McNemar test, Holm-adjusted over the classes
    that have samples, is below alpha. Otherwise it is undecided. Classes without
    samples are undecided and no part of the family. Without a limit on recall the
    statistics are filled and every verdict stays undecided.
    """
    tested = [c for c in classes if c.n]
    p_values = [mcnemar_one_sided(c.n_regressed, c.n_improved) for c in tested]
    scored = {
        id(c): (p, adjusted)
        for c, p, adjusted in zip(tested, p_values, holm(p_values), strict=True)
    }
    judged = []
    for one in classes:
        p_value, p_adjusted = scored.get(id(one), (1.0, 1.0))
        least = least_significant_loss(one.n, len(tested), limits.alpha)
        judged.append(
            replace(
                one,
                p_value=p_value,
                p_adjusted=p_adjusted,
                min_detectable_drop=None if least is None else least / one.n,
                verdict=_verdict(one, p_adjusted, limits),
            )
        )
    return tuple(judged)


def recall_drop(one: ClassComparison) -> float:
    """Share of the class's samples that were lost, less those won."""
    return (one.n_regressed - one.n_improved) / one.n if one.n else 0.0


def _verdict(one: ClassComparison, p_adjusted: float, limits: GateSpec) -> ClassVerdict:
    if one.n == 0 or limits.max_recall_drop is None:
        return "undecided"
    if recall_drop(one) <= limits.max_recall_drop:
        return "pass"
    return "fail" if p_adjusted < limits.alpha else "undecided"
