"""Whether a candidate falls behind what was accepted of it before.

The two runs know each other by their records alone, not sample by sample. What both
lost and won against one reference bounds how many samples can differ between them, and
with that bound McNemar's test errs on the side of *undecided*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.families import holm
from harness.gate.statistics import mcnemar_one_sided
from harness.gate.wording import counted, listed, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.results import (
        ClassComparison,
        LabelComparison,
        TaskMetric,
        VariantResult,
        Verdict,
    )
    from harness.gate.checks.case import Answer, Case

# Twice the error, where that is far from the noise of float32: at 100 dB and above,
# another machine's last bits are all that differs.
_LOST_DB = 6.0
_NOISE_DB = 100.0
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class _Fall:
    """One metric that is worse than it was.

    Attributes:
        part: Name of the metric.
        told: Then and now.
        p_value: Bound of the chance of such a fall; None where it is no matter of
            chance, 1 where nothing tells.
    """

    part: str
    told: str
    p_value: float | None


def baseline(case: Case) -> Answer:
    """Each metric against the saved report of an accepted release."""
    accepted = case.baseline
    assert accepted is not None  # or it is not asked
    then = accepted.variant
    if then is None or not (then.outputs or then.labels or then.task):
        return "the baseline has no numbers of a variant of that name"
    if not accepted.same_data:
        message = (
            "the baseline was judged on other golden data: its numbers are of other"
            " samples; save a report of the accepted release on these"
        )
        return Check("baseline", "undecided", None, 0.0, message)
    falls = list(_falls(then, case.result, same=accepted.same_reference))
    return _judged(falls, case.limits.alpha)


def _judged(falls: list[_Fall], alpha: float) -> Check:
    by_chance = [fall for fall in falls if fall.p_value is not None]
    adjusted = holm([fall.p_value for fall in by_chance if fall.p_value is not None])
    sure = {id(f) for f, p in zip(by_chance, adjusted, strict=True) if p < alpha}
    failed = [fall for fall in falls if fall.p_value is None or id(fall) in sure]
    status: Verdict = "failed" if failed else "undecided" if falls else "passed"
    worst = failed or falls
    if not worst:
        return Check("baseline", "passed", 0.0, 0.0, "nothing fell behind the baseline")
    verb = "falls" if len(worst) == 1 else "fall"
    message = (
        f"{counted(len(worst), 'metric')} {verb} behind the baseline: "
        f"{listed([fall.told for fall in worst])}"
    )
    if not failed:
        message += ". So little can be chance: more data decides"
    parts = tuple(fall.part for fall in failed)
    return Check("baseline", status, float(len(worst)), 0.0, message, parts)


def _falls(then: VariantResult, now: VariantResult, *, same: bool) -> Iterator[_Fall]:
    if then.labels is not None and now.labels is not None:
        yield from _decisions(then.labels, now.labels, same=same)
    if then.task is not None and now.task is not None:
        before = {metric.name: metric for metric in then.task.metrics}
        for metric in now.task.metrics:
            yield from _metric(before.get(metric.name), metric)
    yield from _outputs(then, now)


def _decisions(
    then: LabelComparison, now: LabelComparison, *, same: bool
) -> Iterator[_Fall]:
    if then.n != now.n or then.accuracy is None or now.accuracy is None:
        return
    lost = round((then.accuracy - now.accuracy) * now.n)
    told = f"accuracy {percent(then.accuracy)} -> {percent(now.accuracy)}"
    moved = _moved(then) + _moved(now) if same else now.n
    yield from _fall("accuracy", told, lost, moved)
    before = {one.class_name: one for one in then.per_class}
    for one in now.per_class:
        was = before.get(one.class_name)
        if was is not None and was.n == one.n and one.n:
            yield from _recall(was, one, same=same)


def _recall(
    then: ClassComparison, now: ClassComparison, *, same: bool
) -> Iterator[_Fall]:
    if then.recall is None or now.recall is None:
        return
    lost = round((then.recall - now.recall) * now.n)
    name = now.class_name
    told = f"recall of {name} {percent(then.recall)} -> {percent(now.recall)}"
    discordant = then.n_regressed + then.n_improved + now.n_regressed + now.n_improved
    yield from _fall(f"recall of {name}", told, lost, discordant if same else now.n)


def _moved(labels: LabelComparison) -> int:
    return (labels.n_regressed or 0) + (labels.n_improved or 0)


def _fall(part: str, told: str, lost: int, discordant: int) -> Iterator[_Fall]:
    """A fall by `lost` samples where at most `discordant` can differ."""
    if lost > 0:
        won = max(0, (discordant - lost) // 2)
        p_value = mcnemar_one_sided(lost + won, won)
        yield _Fall(part, f"{told} ({counted(lost, 'sample')})", p_value)


def _metric(then: TaskMetric | None, now: TaskMetric) -> Iterator[_Fall]:
    if then is None or then.candidate is None or now.candidate is None:
        return
    change = now.candidate - then.candidate
    fall = -change if now.higher_is_better else change
    if fall <= _TINY * max(1.0, abs(then.candidate)):
        return
    low, high = now.interval or (0.0, 0.0)
    # Within what its own interval leaves open, nothing is sure.
    p_value = 1.0 if now.interval and fall <= (high - low) / 2 else None
    yield _Fall(
        now.name, f"{now.name} {then.candidate:.4g} -> {now.candidate:.4g}", p_value
    )


def _outputs(then: VariantResult, now: VariantResult) -> Iterator[_Fall]:
    before = {output.name: output for output in then.outputs}
    for output in now.outputs:
        was = before.get(output.name)
        if was is None or output.sqnr_db is None:
            continue
        accepted = _NOISE_DB if was.sqnr_db is None else min(was.sqnr_db, _NOISE_DB)
        if accepted - output.sqnr_db > _LOST_DB:
            told = f"{output.name!r} {accepted:.1f} -> {output.sqnr_db:.1f} dB"
            yield _Fall(f"sqnr_db of {output.name}", told, None)
