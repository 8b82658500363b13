"""TensorFlow's strided slices, whose masks say what begins and ends leave open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.graphs.translate.words import full_range

if TYPE_CHECKING:
    from harness.graphs.translate.emitter import Emitter


@dataclass(frozen=True, slots=True)
class Masks:
    """A bit an entry of begin, end and strides.

    Attributes:
        begin: It begins where the axis does.
        end: It ends where the axis does.
        ellipsis: It stands for all axes that are not named.
        new_axis: It adds an axis of length 1.
        shrink: It takes one index, and the axis goes.
    """

    begin: int = 0
    end: int = 0
    ellipsis: int = 0
    new_axis: int = 0
    shrink: int = 0


@dataclass(slots=True)
class _Plan:
    """What Slice, Squeeze and Unsqueeze are told."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    axes: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    fresh: list[int] = field(default_factory=list)


def strided(
    e: Emitter,
    x: str,
    numbers: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
    masks: Masks,
) -> str:
    """A strided slice; behind an ellipsis axes count from the last one.

    Args:
        e: Where to.
        x: Name of the array.
        numbers: Begin, end, strides.
        masks: What they leave open.
    """
    plan = _planned(numbers, masks)
    if plan.axes:
        order = (plan.starts, plan.ends, plan.axes, plan.steps)
        x = e.emit("Slice", x, *map(e.ints, order))
    if plan.gone:
        x = e.emit("Squeeze", x, e.ints(plan.gone))
    return e.emit("Unsqueeze", x, e.ints(plan.fresh)) if plan.fresh else x


def _planned(
    numbers: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], masks: Masks
) -> _Plan:
    plan = _Plan()
    n = len(numbers[0])
    # Where an entry is among the axes of the array, and of the answer.
    axis = place = 0
    for at, (begin, end, step) in enumerate(zip(*numbers, strict=True)):
        bit = 1 << at
        if masks.ellipsis & bit:
            later = n - at - 1
            axis = _bits(masks.new_axis >> (at + 1)) - later
            place = _bits(masks.shrink >> (at + 1)) - later
        elif masks.new_axis & bit:
            plan.fresh.append(place)
            place += 1
        else:
            _entry(plan, axis, (begin, end, step), masks, bit)
            axis += 1
            place += not masks.shrink & bit
    return plan


def _entry(
    plan: _Plan, axis: int, numbers: tuple[int, int, int], masks: Masks, bit: int
) -> None:
    begin, _, step = numbers
    if masks.shrink & bit:
        # After the last index comes no 0.
        first, last = begin, begin + 1 if begin != -1 else full_range(negative=False)
        plan.gone.append(axis)
    else:
        first, last = _ends(numbers, (masks.begin & bit, masks.end & bit))
    plan.starts.append(first)
    plan.ends.append(last)
    plan.axes.append(axis)
    plan.steps.append(1 if masks.shrink & bit else step)


def _ends(numbers: tuple[int, int, int], is_open: tuple[int, int]) -> tuple[int, int]:
    begin, end, step = numbers
    back = step < 0
    first = (full_range(negative=False) if back else 0) if is_open[0] else begin
    return first, full_range(negative=back) if is_open[1] else end


def _bits(mask: int) -> int:
    return mask.bit_count()
