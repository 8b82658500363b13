"""WGT002: a kernel is the reference's, turned: a square matrix the other way round."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.differences import OtherWeights
from harness.diagnose.restore import parameter_place, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="WGT002",
    slug="weights.transposed",
    line="a kernel has axes exchanged or flipped; its shape fits either way",
    hint="frameworks keep kernels as (in, out) or (out, in), convolutions flipped or "
    "not: check where shapes are square and cannot tell",
    rank=40,
)
_LEFT = 0.05
_NAMES = {2: ("out", "in"), 3: ("out", "in", "x"), 4: ("out", "in", "y", "x")}


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each kernel that some turn makes the reference's."""
    assert case.candidate is not None
    for found in case.differences:
        if not isinstance(found, OtherWeights) or found.part != "kernel":
            continue
        mine, other = found.reference.folded()[0], found.candidate.folded()[0]
        assert mine is not None
        assert other is not None
        told = _turn(mine.values, other.values)
        if told is None:
            continue
        node, tensor = parameter_place(found.candidate, "kernel")
        partner, twin = parameter_place(found.reference, "kernel")
        said = say(
            f"{node.op_type} '{node.label}': kernel '{tensor}' is the reference's "
            f"'{twin}' with {told}",
            "the kernel as it was trained",
            told,
        )
        change = restore(case.candidate, found.candidate, found.reference, "kernel")
        text = f"turn '{tensor}' back"
        edit = None if change is None else (text, change)
        nodes = partner, node
        group = (told,)
        yield case.suspect(CAUSE, nodes, said, edit, tensor=tensor, group=group)


def _turn(mine: FloatArray, other: FloatArray) -> str | None:
    """What was done to the reference's kernel to make the candidate's, in words."""
    names = _NAMES.get(mine.ndim)
    size = float(np.linalg.norm(other - mine))
    if names is None or not size:
        return None
    for axes in permutations(range(mine.ndim)):
        turned = mine.transpose(axes)
        if turned.shape != other.shape:
            continue
        for flipped in ((), tuple(range(2, mine.ndim))):
            option = np.flip(turned, flipped) if flipped else turned
            if np.linalg.norm(other - option) <= _LEFT * size:
                return _words(names, axes, bool(flipped))
    return None


def _words(names: tuple[str, ...], axes: tuple[int, ...], flipped: bool) -> str:
    moved = [names[i] for i, axis in enumerate(axes) if i != axis]
    parts = [f"axes {' and '.join(moved)} exchanged"] if moved else []
    parts += ["its window flipped"] if flipped else []
    return ", ".join(parts)


PROBE = CauseProbe(CAUSE, look)
