"""Channels in another order: the same function where every layer goes along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.tensors import WeightFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.weights.layouts import Axes
    from harness.weights.measuring import Measured

_OUTPUTS, _INPUTS = frozenset("OMG"), frozenset("I")


@dataclass(frozen=True, slots=True, eq=False)
class _Use:
    """An order of channels on one axis of one tensor."""

    pair: Measured
    axis: int
    order: Axes

    @property
    def letter(self) -> str | None:
        """What the axis counts, as the form tells it."""
        tensor = self.pair.match.candidate.tensor
        layout = tensor.layout
        if layout is None or len(layout) != len(tensor.shape):
            return None
        return layout[self.axis]


def permutation_faults(
    pairs: Sequence[Measured],
) -> tuple[list[WeightFault], list[str]]:
    """Orders that change the function, and notes on those that do not.

    An order of output channels is undone where the next layer's input channels are in
    the same order. One that is on kernels' outputs or on one kernel alone is not.
    """
    permuted = [p for p in pairs if p.drift.cause == "layout.permutation"]
    uses = [use for pair in permuted for use in _uses(pair)]
    groups: list[list[_Use]] = []
    for use in uses:
        group = next((g for g in groups if _same(g[0].order, use.order)), None)
        if group is None:
            groups.append([use])
        else:
            group.append(use)
    undone = [group for group in groups if _undone(group)]
    fine = {id(use) for group in undone for use in group}
    faults = [
        _fault(pair)
        for pair in permuted
        if not pair.orders or any(id(u) not in fine for u in uses if u.pair is pair)
    ]
    return faults, [_note(group) for group in undone]


def _uses(pair: Measured) -> Iterator[_Use]:
    return (_Use(pair, axis, order) for axis, order in pair.orders.items())


def _same(one: Axes, other: Axes) -> bool:
    """Whether orders are the same, or the one is the other's behind a flatten."""
    if len(one) == len(other):
        return one == other
    short, long = sorted((one, other), key=len)
    n, rest = divmod(len(long), len(short))
    if rest:
        return False
    tiled = tuple(k * len(short) + i for k in range(n) for i in short)
    repeated = tuple(i * n + k for i in short for k in range(n))
    return long in (tiled, repeated)


def _undone(group: Sequence[_Use]) -> bool:
    kernels = [u for u in group if len(u.pair.match.candidate.squeezed) > 1]
    if len({id(u.pair) for u in kernels}) < 2:
        return False
    letters = {use.letter for use in kernels}
    if None in letters:
        return True
    return bool(letters & _OUTPUTS) and bool(letters & _INPUTS)


def _fault(pair: Measured) -> WeightFault:
    text = f"{pair.drift.name}: {pair.drift.note}"
    return WeightFault("layout.permutation", (pair.drift.name,), text)


def _note(group: Sequence[_Use]) -> str:
    names = list(dict.fromkeys(use.pair.drift.name for use in group))
    moved = sum(i != source for i, source in enumerate(group[0].order))
    return (
        f"{moved} of {len(group[0].order)} channels are in another order in"
        f" {', '.join(names)} alike: the same function"
    )
